"""What a host directory holds, as the guest sees it: folded names and 8.3 aliases, cached by the directory's
identity and time.

`ListingCache.get` returns a `Listing` that is as fresh as the directory's modification time can tell. Two cases need
more: a change within the clock's grain of the time stamp, and our own changes, which `created` and `removed` enter
without reading the directory anew (a program that writes 20,000 files into one directory would otherwise read it
20,000 times). Such a listing expires (`RACY_S`, `OWN_CHANGE_S`) and is then read again.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import OrderedDict

from . import names

RACY_S = 0.05
"""Two changes this near may carry one time stamp (kernel tick 4-10 ms; FAT and NFS hosts are coarser)."""
OWN_CHANGE_S = 1.0

Stamp = tuple[int, int, int]
"""(st_dev, st_ino, st_mtime_ns)"""


def _load_statx() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None, use_errno=True).statx
    except (AttributeError, OSError):
        return None


_STATX_BTIME = 0x800
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_FDCWD = -100
_statx = _load_statx()


def birth_time_ns(path: str) -> int | None:
    """When the host says ``path`` was created (statx(2), not followed), ns since 1970; None where it does not say."""
    if _statx is None:
        return None
    buffer = ctypes.create_string_buffer(256)
    if _statx(_AT_FDCWD, os.fsencode(path), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer) != 0:
        return None
    raw = buffer.raw
    if not int.from_bytes(raw[0:4], "little") & _STATX_BTIME:
        return None
    seconds = int.from_bytes(raw[0x50:0x58], "little", signed=True)
    return seconds * 1_000_000_000 + int.from_bytes(raw[0x58:0x5C], "little")


class Aliases:
    """The 8.3 aliases given in one directory; kept while the process lives, so that an alias never changes owner."""

    __slots__ = ("by_alias", "by_host", "counters", "used")

    def __init__(self) -> None:
        self.by_host: dict[str, str] = {}
        self.by_alias: dict[str, str] = {}
        self.counters: dict[tuple[str, str], int] = {}
        self.used: set[str] = set()

    def update(self, directory: str, shown: dict[str, str]) -> None:
        """Give every host name of ``shown`` (host -> guest name) an alias; forget those that are gone."""
        for gone in self.by_host.keys() - shown.keys():
            self.forget(gone)
        missing = [host for host in shown if host not in self.by_host]
        if not missing:
            return
        long_names = []
        for host in missing:
            if names.is_short(shown[host]) and names.fold(shown[host]) not in self.used:
                self._give(host, names.fold(shown[host]))
            else:
                long_names.append(host)
        if len(long_names) > 1:
            born = {host: birth_time_ns(os.path.join(directory, host)) or 0 for host in long_names}
            long_names.sort(key=lambda host: (born[host], host))
        for host in long_names:
            self._give(host, names.alias(shown[host], self.used, self.counters))

    def _give(self, host: str, alias: str) -> None:
        self.used.add(alias)
        self.by_host[host] = alias
        self.by_alias[alias] = host

    def forget(self, host: str) -> None:
        """``host`` is gone; its alias is free again."""
        alias = self.by_host.pop(host, None)
        if alias is not None:
            self.by_alias.pop(alias, None)
            self.used.discard(alias)
            self.counters.clear()


class Listing:
    """One directory's names at one time."""

    __slots__ = ("_aliases", "_aliases_fresh", "directory", "expires", "folded", "read_at", "shown", "stamp")

    def __init__(self, directory: str, stamp: Stamp, hosts: list[str], aliases: Aliases) -> None:
        self.directory = directory
        self.stamp = stamp
        self.read_at = time.monotonic()
        self.expires: float | None = None
        self.shown: dict[str, str] = {}
        """host name -> guest name"""
        self.folded: dict[str, str] = {}
        """folded guest name -> host name"""
        self._aliases = aliases
        self._aliases_fresh = False
        for host in sorted(hosts):
            self.add(host)

    def add(self, host: str) -> None:
        """Enter a name."""
        if host in self.shown:
            return
        guest = names.guest_name(host)
        folded = names.fold(guest)
        while guest != host and folded in self.folded:  # an escaped form must not hide a real name
            guest += "%"
            folded += "%"
        self.shown[host] = guest
        self.folded.setdefault(folded, host)
        self._aliases_fresh = False

    def discard(self, host: str) -> None:
        """Take a name out."""
        guest = self.shown.pop(host, None)
        if guest is None:
            return
        folded = names.fold(guest)
        if self.folded.get(folded) == host:
            del self.folded[folded]
        self._aliases.forget(host)

    @property
    def aliases(self) -> Aliases:
        """The directory's aliases, complete."""
        if not self._aliases_fresh:
            self._aliases.update(self.directory, self.shown)
            self._aliases_fresh = True
        return self._aliases

    def find(self, name: str) -> str | None:
        """The host name of the guest's ``name``, by long name or alias, in any case."""
        folded = names.fold(name)
        host = self.folded.get(folded)
        if host is None and "~" in folded:
            host = self.aliases.by_alias.get(folded)
        return host

    def guest(self, host: str) -> str:
        """The guest's name of a host name of this directory."""
        return self.shown.get(host) or names.guest_name(host)

    def alias(self, host: str) -> str:
        """The 8.3 alias; a name that is an 8.3 name is its own, in upper case."""
        guest = self.guest(host)
        if names.is_short(guest) and self.folded.get(names.fold(guest)) == host:
            return names.fold(guest)
        return self.aliases.by_host.get(host, "")


class ListingCache:
    """Listings of the directories used lately."""

    CAPACITY = 64
    ALIAS_DIRECTORIES = 4096

    def __init__(self) -> None:
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._aliases: OrderedDict[tuple[int, int], Aliases] = OrderedDict()

    def get(self, directory: str, *, fresh: bool = False) -> Listing:
        """The listing of a host directory; ``fresh`` never trusts one that would expire. Raises OSError."""
        listing = self._listings.get(directory)
        st = os.stat(directory, follow_symlinks=False)
        stamp = (st.st_dev, st.st_ino, st.st_mtime_ns)
        if listing is not None and listing.stamp == stamp:
            if listing.expires is None or (not fresh and time.monotonic() < listing.expires):
                self._listings.move_to_end(directory)
                return listing
        racy = time.time_ns() - st.st_mtime_ns < RACY_S * 1e9
        key = (st.st_dev, st.st_ino)
        aliases = self._aliases.get(key)
        if aliases is None:
            aliases = self._aliases[key] = Aliases()
            if len(self._aliases) > self.ALIAS_DIRECTORIES:
                self._aliases.popitem(last=False)
        listing = Listing(directory, stamp, os.listdir(directory), aliases)
        listing.expires = listing.read_at + RACY_S if racy else None
        self._listings[directory] = listing
        self._listings.move_to_end(directory)
        if len(self._listings) > self.CAPACITY:
            self._listings.popitem(last=False)
        return listing

    def _changed(self, directory: str) -> Listing | None:
        listing = self._listings.get(directory)
        if listing is None:
            return None
        try:
            st = os.stat(directory, follow_symlinks=False)
        except OSError:
            del self._listings[directory]
            return None
        listing.stamp = (st.st_dev, st.st_ino, st.st_mtime_ns)
        listing.expires = listing.read_at + OWN_CHANGE_S
        return listing

    def created(self, directory: str, host: str) -> None:
        """This process has just made ``host`` in ``directory``."""
        listing = self._changed(directory)
        if listing is not None:
            listing.add(host)

    def removed(self, directory: str, host: str) -> None:
        """This process has just removed ``host`` from ``directory``."""
        listing = self._changed(directory)
        if listing is not None:
            listing.discard(host)

    def forget(self, directory: str) -> None:
        """``directory`` and what lies below it has moved or gone."""
        below = directory + "/"
        for key in [k for k in self._listings if k == directory or k.startswith(below)]:
            del self._listings[key]
