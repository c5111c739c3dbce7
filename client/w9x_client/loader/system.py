"""System DLLs as real PE images: built from tables and declarations, kept in a cache, loaded like any file.

Interface: `SystemModules`. `image` gives a DLL's PE bytes and names; `export_of` turns the number that a stub
hands to the API gate back into (DLL, export). A warm start reads two small files per DLL and imports none of
its declarations.

How an image is made: `sysbuild`.

What is exported where: an export that Windows of the chosen version had has its name and ordinal in the export
directory. Everything else that is declared or that programs are known to import (declared ``since="nt"``, or
newer than the chosen version) has a stub too, but only in `SystemImage.hidden`: the loader binds static imports
to it, GetProcAddress does not see it. An exported variable nobody declares lies in a page without memory behind
it: importing it is harmless, touching it faults.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from w9x_arena import paths
from w9x_client.engine import guestcode

from . import exports

FORMAT = 2
"""Raise when the meaning of a cached file changes in a way its sources' dates do not show."""
_PRUNE_AFTER = 30 * 86400
_HERE = Path(__file__).parent
_CLIENT = _HERE.parent


@dataclass(frozen=True, slots=True)
class SystemImage:
    """A system DLL ready to be loaded."""

    file_name: str
    """Lower case with extension."""
    number: int
    data: bytes
    key: str
    """Identity of the content, for `AddressSpace.place_image`."""
    names: list[str]
    """Export by index (low word of the stub's number); by-ordinal exports have their customary name or ``#ordinal``."""
    hidden: dict[str, int]
    """Name -> RVA of exports that only static imports may find."""
    topics: dict[str, str]
    """Export -> module that declares it (see `sysbuild.Built.topics`)."""
    hooks: list[str]
    """Modules of declarations that have something to run when a process loads the DLL (`Dll.on_attach`)."""

    @property
    def stem(self) -> str:
        """The name under which its declarations are found."""
        return self.file_name.removesuffix(".dll")


class SystemModules:
    """The system DLLs of one Windows version.

    Args:
        version: a name of `exports.VERSIONS`.
        cache: folder of built images; the user's cache folder by default.
    """

    def __init__(self, version: str, cache: Path | None = None) -> None:
        if version not in exports.VERSIONS:
            raise ValueError(f"unknown Windows version {version!r}")
        self.version = version
        self._cache = cache
        self._images: dict[str, SystemImage] = {}
        self._numbers: dict[int, tuple[str, list[str]]] = {}
        self._common: str | None = None

    def has(self, dll: str) -> bool:
        """Whether ``dll`` (any case, '.dll' optional) is a system module."""
        return exports.module_info(dll) is not None

    def image(self, dll: str) -> SystemImage | None:
        """The image of ``dll``, from the cache or built now; None where there is no such system module."""
        info = exports.module_info(dll)
        if info is None:
            return None
        found = self._images.get(info.stem)
        if found is None:
            fingerprint = self._fingerprint(info.stem)
            found = self._load(info, fingerprint) or self._build(info, fingerprint)
            self._images[info.stem] = found
            self._numbers[info.number] = (info.stem, found.names)
        return found

    def export_of(self, number: int) -> tuple[str, str] | None:
        """(DLL stem, export name) of a stub's number; None where no loaded module has it."""
        module = self._numbers.get(number >> 16)
        if module is None or (number & 0xFFFF) >= len(module[1]):
            return None
        return module[0], module[1][number & 0xFFFF]

    def topic_of(self, dll: str, name: str) -> str | None:
        """The module that declares an export of a loaded system DLL, where it is known."""
        image = self._images.get(dll)
        return image.topics.get(name) if image is not None else None

    # --- cache ----------------------------------------------------------------------
    def _folder(self) -> Path:
        if self._cache is None:
            self._cache = paths.cache_dir() / "builtin"
        return self._cache

    def _fingerprint(self, stem: str) -> str:
        """Changes with everything a built image depends on: dates and sizes of its sources, the Windows version."""
        if self._common is None:
            own = [_HERE / name for name in ("system.py", "sysbuild.py", "pewriter.py", "version.py")]
            tables = [_HERE / "exports" / name for name in ("__init__.py", "modules.tsv")]
            code = [_CLIENT / "engine" / "guestcode.py", *_files(_CLIENT / "abi")]
            self._common = f"{FORMAT}|{guestcode.identity()}|{_stats([*own, *tables, *code])}"
        topics = [_HERE / "exports" / f"{stem}.tsv", *_files(_CLIENT / "win32" / stem.replace(".", "_"))]
        text = f"{self._common}|{self.version}|{stem}|{_stats(topics)}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def _load(self, info: exports.ModuleInfo, fingerprint: str) -> SystemImage | None:
        """A cached image; None when there is none or it is damaged."""
        try:
            with open(self._folder() / fingerprint / f"{info.file_name}.json", "rb") as file:
                notes = json.load(file)
            with open(self._folder() / fingerprint / info.file_name, "rb") as file:
                data = file.read()
            names, hidden, topics, hooks = notes["names"], notes["hidden"], notes["topics"], notes["hooks"]
            if notes["sha256"] != hashlib.sha256(data).hexdigest() or not data:
                return None
            if not isinstance(names, list) or not isinstance(hidden, dict) or not isinstance(topics, dict):
                return None
            if not all(
                isinstance(name, str) and name.startswith("w9x_client.win32.") for name in (*topics.values(), *hooks)
            ):
                return None
        except (OSError, ValueError, KeyError, TypeError, paths.PathError):
            return None
        key = f"builtin:{info.stem}:{fingerprint}"
        return SystemImage(info.file_name, info.number, data, key, names, hidden, topics, hooks)

    def _build(self, info: exports.ModuleInfo, fingerprint: str) -> SystemImage:
        from . import sysbuild

        built = sysbuild.build(info, self.version)
        data = built.image
        key = f"builtin:{info.stem}:{fingerprint}"
        image = SystemImage(
            info.file_name, info.number, data, key, built.names, built.hidden, built.topics, built.hooks
        )
        digest = hashlib.sha256(data).hexdigest()
        notes = {
            "names": built.names, "hidden": built.hidden, "topics": built.topics, "hooks": built.hooks,
            "sha256": digest,
        }  # fmt: skip
        try:
            folder = self._folder() / fingerprint
            fresh = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / info.file_name, data)
            _replace(folder / f"{info.file_name}.json", json.dumps(notes).encode())
            if fresh:
                self._prune(fingerprint)
        except (OSError, paths.PathError):
            pass  # a cache that cannot be written costs time at each start, nothing else
        return image

    def _prune(self, keep: str) -> None:
        """Remove what other sources or versions left behind long ago."""
        import shutil
        import time

        limit = time.time() - _PRUNE_AFTER
        for entry in os.scandir(self._folder()):
            if entry.name != keep and entry.is_dir(follow_symlinks=False) and entry.stat().st_mtime < limit:
                shutil.rmtree(entry.path, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".py"))
    except OSError:
        return []


def _stats(files: Iterable[Path]) -> str:
    parts: list[str] = []
    for path in files:
        try:
            st = os.stat(path)
        except OSError:
            continue
        parts.append(f"{path.name}:{st.st_mtime_ns}:{st.st_size}")
    return ",".join(parts)


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
