"""One process's 4 GB: what is reserved and committed, with which protection, backed by which file.

Backing. Two files cover the guest, both with *file offset == guest address*: the arena file, which all processes
share, and this process's own memfd for everything private (low memory, the area above 3 GB, overlays, writable image
sections, and 4 MB–2 GB in a private arena). Which of the two stands behind a page is decided by `back_private` and by
the kind of arena; an engine in another process can make the same mappings from the same two descriptors.

State. `prot` has one byte per page (`layout.PROT_*`): the single truth that `Memory` checks and that the engine's
page tables follow through `PageListener.set_pages`. Shared pages are mirrored in the arena's page map, from which
another process attaches them when it first touches them (`page_in`); when somebody frees shared pages the arena's
epoch moves and `refresh` drops what was attached.

Errors are `WinError` with the codes that VirtualAlloc and its family document.
"""

from __future__ import annotations

import bisect
import ctypes
import errno
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_arena import layout
from w9x_arena.layout import GRANULARITY, PAGE, PROT_COMMITTED, PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE
from w9x_client.abi import Err, WinError
from w9x_client.abi.memory import Memory

from . import hostmap
from .ranges import FreeRanges
from .records import NoEngine, PageListener, Placement, Region, Reservation

if TYPE_CHECKING:
    from w9x_arena.rpc import Connection
    from w9x_arena.segment import ArenaFile

RW = PROT_READ | PROT_WRITE
SLAB_SIZE = 0x40_0000
SLAB_LIMIT = 0x10_0000
"""Reservations up to this size come from a slab, without a request to the daemon."""

FREE_PLACEMENT_FLOOR = 0x0200_0000
"""Memory at no particular address starts here, so that programs that must stand at 00400000 find their place free."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
_PUNCH_HOLE_KEEP_SIZE = 3


class AddressSpace:
    """The guest's memory in this process.

    Args:
        arena: the shared arena file, or None for a process on its own (tests, `--arena private` keeps it for the DLL
        arena).
        connection: to the daemon that owns the arena's ledger; None exactly when arena is None.
        private: keep 4 MB–2 GB to this process (the isolation Microsoft documents).
    """

    def __init__(
        self, arena: ArenaFile | None = None, connection: Connection | None = None, *, private: bool = False
    ) -> None:
        self._arena = arena
        self._connection = connection
        self.private = private or arena is None
        self.private_fd = os.memfd_create("w9x-private", os.MFD_CLOEXEC)
        os.ftruncate(self.private_fd, layout.PRIVATE_END)
        self.host = hostmap.mmap(
            None, layout.PRIVATE_END, hostmap.PROT_RW, hostmap.MAP_SHARED | hostmap.MAP_NORESERVE, self.private_fd
        )
        self._engine: PageListener = NoEngine()
        self._arena_start = layout.DLL_START if self.private else layout.SYSTEM_START
        if arena is not None:
            self._map_arena(self._arena_start, layout.DLL_END - self._arena_start)
        self.prot = bytearray(layout.PRIVATE_END // PAGE)
        self._private_pages = bytearray(layout.DLL_END // PAGE)
        self._array = (ctypes.c_ubyte * layout.PRIVATE_END).from_address(self.host)
        self.mem = Memory(self._array, self.prot, self.page_in, self._code_written)
        self._reservations: dict[int, Reservation] = {}
        self._bases: list[int] = []
        self._attached: set[int] = set()
        self._epoch = arena.epoch if arena is not None else 0
        self._slabs: dict[int, FreeRanges] = {}
        self._local_system = FreeRanges(layout.SYSTEM_START, layout.SYSTEM_END)
        self._local_dll = FreeRanges(layout.DLL_START, layout.DLL_END)
        self._local_private = FreeRanges(layout.PRIVATE_HEAP_START, layout.PRIVATE_HEAP_END)
        self.grow_stack: Callable[[int], bool] = lambda address: False
        """Called with an address in a guard page; True when a stack grew over it."""

    # --- engine -------------------------------------------------------------------
    @property
    def arena_fd(self) -> int:
        """The arena file, -1 where there is none."""
        return self._arena.fd if self._arena is not None else -1

    @property
    def arena_start(self) -> int:
        """Where the arena file begins to stand behind memory by default; it does up to `layout.DLL_END`."""
        return self._arena_start

    def _map(self, address: int, size: int, fd: int) -> None:
        """Put one of the two files behind pages, in this process and in the engine's."""
        hostmap.mmap(
            self.host + address, size, hostmap.PROT_RW,
            hostmap.MAP_SHARED | hostmap.MAP_FIXED | hostmap.MAP_NORESERVE, fd, address,
        )  # fmt: skip
        self._engine.map_backing(address, size, fd, address)

    def attach_engine(self, engine: PageListener) -> None:
        """From now on ``engine`` follows the pages; it is told about all that exist."""
        self._engine = engine
        if self.prot == bytes(len(self.prot)):  # nothing exists yet, as is usual; the search would take 5 ms
            return
        for run in re.finditer(rb"([^\0])\1*", self.prot):
            engine.set_pages(run.start(), run.end() - run.start(), self.prot[run.start()])

    def _code_written(self, address: int, size: int) -> None:
        self._engine.code_written(address, size)

    def _set(self, address: int, size: int, bits: int) -> None:
        """Give pages their bits, in `prot`, in the page map when they are shared, and in the engine."""
        first, count = address // PAGE, size // PAGE
        self.prot[first : first + count] = bytes((bits,)) * count
        if self._arena is not None and layout.in_arena(address) and address >= self._arena_start:
            self._publish(first, count, bits)
        self._engine.set_pages(first, count, bits)

    def _publish(self, first: int, count: int, bits: int) -> None:
        assert self._arena is not None
        page_map = self._arena.page_map
        private = self._private_pages
        if not any(private[first : first + count]):
            page_map[first : first + count] = bytes((bits,)) * count
            return
        for page in range(first, first + count):
            if not private[page]:
                page_map[page] = bits

    # --- faults -------------------------------------------------------------------
    def page_in(self, address: int, write: bool) -> bool:
        """Make an inaccessible page accessible if it should be; False when the guest really faults.

        Grows a stack over its guard page, and attaches committed pages of other processes.
        """
        page = address // PAGE
        bits = self.prot[page]
        if bits & PROT_GUARD:
            return self.grow_stack(address)
        if bits or self._arena is None or not layout.in_arena(address) or address < self._arena_start:
            return False
        if self._private_pages[page]:
            return False
        page_map = self._arena.page_map
        shared = page_map[page]
        if not shared & PROT_COMMITTED or shared & PROT_GUARD:
            return False
        last = page + 1
        limit = min(page + 64, layout.DLL_END // PAGE)
        while last < limit and page_map[last] == shared and not self.prot[last] and not self._private_pages[last]:
            last += 1
        count = last - page
        self.prot[page:last] = bytes((shared,)) * count
        self._attached.update(range(page, last))
        self._engine.set_pages(page, count, shared)
        return bool(shared & (PROT_WRITE if write else PROT_READ))

    def page_in_exec(self, address: int) -> bool:
        """Let a readable page be executed: Windows 9x has no no-execute protection."""
        page = address // PAGE
        bits = self.prot[page]
        if not bits and self.page_in(address, False):
            bits = self.prot[page]
        if not bits & PROT_READ or bits & PROT_GUARD or bits & PROT_EXEC:
            return bool(bits & PROT_EXEC)
        self._set(page * PAGE, PAGE, bits | PROT_EXEC)
        return True

    @property
    def stale(self) -> bool:
        """Whether some process has freed shared memory since the last `refresh`; callable from any thread."""
        return self._arena is not None and self._arena.epoch != self._epoch

    def refresh(self) -> None:
        """Forget attached pages when some process has freed shared memory since; called between time slices."""
        if self._arena is None or self._arena.epoch == self._epoch:
            return
        self._epoch = self._arena.epoch
        for page in self._attached:
            self.prot[page] = 0
            self._engine.set_pages(page, 1, 0)
        self._attached.clear()

    # --- reserve and release --------------------------------------------------------
    def reserve(
        self, size: int, address: int = 0, *, top_down: bool = False, label: str = "", kind: str = "", dll: bool = False
    ) -> int:
        """Reserve ``size`` bytes (rounded to pages), at ``address`` (rounded down to 64 KB) when it is given.

        ``dll`` asks for the DLL arena. Raises WinError: INVALID_ADDRESS where the range is not free,
        NOT_ENOUGH_MEMORY, INVALID_PARAMETER.
        """
        if size <= 0 or size > layout.DLL_END:
            raise WinError(Err.INVALID_PARAMETER if size <= 0 else Err.NOT_ENOUGH_MEMORY)
        if address:
            end = layout.page_up(address + size)
            base = address & ~(GRANULARITY - 1)
            size = end - base
            dll = base >= layout.DLL_START
            if not self._may_reserve(base, end):
                raise WinError(Err.INVALID_ADDRESS)
        else:
            base = 0
            size = layout.page_up(size)
        whole = layout.granule_up(size)
        if self._connection is None or (self.private and not dll):
            free = self._local_dll if dll else self._local_system
            if base:
                found = free.take_at(base, whole)
            else:
                found = free.take(whole, GRANULARITY, top_down, FREE_PLACEMENT_FLOOR)
                if found is None:
                    found = free.take(whole, GRANULARITY, top_down)
            source, default_kind = "local", "private"
        elif not base and not dll and not top_down and whole <= SLAB_LIMIT:
            found = self._from_slab(whole)
            source, default_kind = "slab", "shared"
        else:
            if base:
                self._return_empty_slabs()
            found = self._ask_daemon(whole, base, top_down, dll, label or "VirtualAlloc")
            source, default_kind = "daemon", "shared"
        if found is None:
            raise WinError(Err.INVALID_ADDRESS if base else Err.NOT_ENOUGH_MEMORY)
        self._record(Reservation(found, size, label, kind or default_kind, RW, source))
        return found

    def _may_reserve(self, base: int, end: int) -> bool:
        return base >= layout.SYSTEM_START and end <= layout.DLL_END and not (base < layout.DLL_START < end)

    def _record(self, item: Reservation) -> None:
        self._reservations[item.base] = item
        bisect.insort(self._bases, item.base)

    def _ask_daemon(self, size: int, address: int, top_down: bool, dll: bool, label: str) -> int | None:
        from w9x_arena import messages, rpc

        assert self._connection is not None
        try:
            reply = self._connection.call(
                messages.AllocRange(
                    size=size, address=address, kind="shared", prot=RW, label=label, top_down=top_down,
                    arena="dll" if dll else "system",
                )
            )  # fmt: skip
        except rpc.RpcError:
            return None
        return int(reply.base)

    def _from_slab(self, size: int) -> int | None:
        for free in self._slabs.values():
            found = free.take(size, GRANULARITY, False)
            if found is not None:
                return found
        base = self._ask_daemon(SLAB_SIZE, 0, False, False, "slab")
        if base is None:
            return self._ask_daemon(size, 0, False, False, "VirtualAlloc")
        free = self._slabs[base] = FreeRanges(base, base + SLAB_SIZE)
        return free.take(size, GRANULARITY, False)

    def _return_empty_slabs(self) -> None:
        """Give wholly free slabs back, so that they do not stand in the way of a fixed address."""
        for base, free in list(self._slabs.items()):
            if free.is_whole(SLAB_SIZE):
                del self._slabs[base]
                self._free_at_daemon(base)

    def _free_at_daemon(self, base: int) -> None:
        from w9x_arena import messages

        assert self._connection is not None
        self._connection.call(messages.FreeRange(base=base))

    def release(self, base: int) -> None:
        """Free the whole reservation that starts at ``base``; WinError(INVALID_ADDRESS) where none does."""
        item = self._reservations.get(base)
        if item is None:
            raise WinError(Err.INVALID_ADDRESS)
        if item.source == "image":
            raise WinError(Err.INVALID_PARAMETER)
        self._forget(item)
        if item.source == "local":
            (self._local_dll if base >= layout.DLL_START else self._local_system).give(
                base, layout.granule_up(item.size)
            )
        elif item.source == "daemon":
            self._free_at_daemon(base)
        else:
            slab = base
            for start, free in self._slabs.items():
                if start <= base < start + SLAB_SIZE:
                    slab = start
                    free.give(base, layout.granule_up(item.size))
                    if len(self._slabs) > 1:
                        self._return_empty_slabs()
                    break
            else:
                self._free_at_daemon(slab)

    def _forget(self, item: Reservation) -> None:
        """Take a reservation's pages away: mapping, blocks, protection, record."""
        if item.mapped:
            # what a copied view or a release before its end has left there
            _libc.fallocate(self.private_fd, _PUNCH_HOLE_KEEP_SIZE, item.base, layout.page_up(item.size))
            self._restore_backing(item.base, layout.page_up(item.size))
            self._set(item.base, item.size, 0)
        else:
            self.decommit(item.base, item.size)
        del self._reservations[item.base]
        self._bases.remove(item.base)

    # --- commit ---------------------------------------------------------------------
    def find(self, address: int) -> Reservation | None:
        """The reservation that holds ``address``."""
        index = bisect.bisect_right(self._bases, address) - 1
        if index >= 0:
            item = self._reservations[self._bases[index]]
            if address < item.end:
                return item
        return None

    def _inside(self, address: int, size: int) -> tuple[int, int, Reservation]:
        start, end = layout.page_down(address), layout.page_up(address + size)
        item = self.find(address)
        if item is None or end > layout.page_up(item.end):
            raise WinError(Err.INVALID_ADDRESS)
        return start, end - start, item

    def _is_arena(self, page: int) -> bool:
        address = page * PAGE
        return (
            self._arena is not None and self._arena_start <= address < layout.DLL_END and not self._private_pages[page]
        )

    def _runs(self, start: int, size: int, test: Callable[[int], bool]) -> list[tuple[int, int]]:
        """Runs (address, size) of the pages for which ``test(page)`` holds."""
        runs: list[tuple[int, int]] = []
        begin = -1
        first, last = start // PAGE, (start + size) // PAGE
        for page in range(first, last):
            if test(page):
                if begin < 0:
                    begin = page
            elif begin >= 0:
                runs.append((begin * PAGE, (page - begin) * PAGE))
                begin = -1
        if begin >= 0:
            runs.append((begin * PAGE, (last - begin) * PAGE))
        return runs

    def commit(self, address: int, size: int, prot: int = RW) -> None:
        """Commit pages of a reservation; committed ones get the new protection.

        NOT_ENOUGH_MEMORY when the file is full.
        """
        start, length, _ = self._inside(address, size)
        self._commit_pages(start, length, prot)

    def _commit_pages(self, start: int, length: int, prot: int) -> None:
        first, count = start // PAGE, length // PAGE
        if not any(self.prot[first : first + count]):
            fresh = [(start, length)]
        else:
            fresh = self._runs(start, length, lambda page: not self.prot[page] & PROT_COMMITTED)
        for at, run in fresh:
            self._allocate_blocks(at, run)
        self._set(start, length, prot | PROT_COMMITTED)

    def _allocate_blocks(self, start: int, length: int) -> None:
        """Make sure the arena file has the blocks now, so that a full disk is an error here and not a SIGBUS later."""
        if self._arena is None or not layout.in_arena(start) or start < self._arena_start:
            return
        private = self._private_pages
        first, count = start // PAGE, length // PAGE
        runs = [(start, length)]
        if any(private[first : first + count]):
            runs = self._runs(start, length, lambda page: not private[page])
        for at, run in runs:
            try:
                self._arena.commit(at, run)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM):
                    raise WinError(Err.NOT_ENOUGH_MEMORY) from None
                raise

    def decommit(self, address: int, size: int) -> None:
        """Give committed pages back; they read as zero when committed again."""
        start, length, _ = self._inside(address, size)
        committed = self._runs(start, length, lambda page: bool(self.prot[page]))
        if not committed:
            return
        for at, run in committed:
            self._discard(at, run)
            self._set(at, run, 0)
        if self._arena is not None and layout.in_arena(start):
            self._arena.bump_epoch()

    def _discard(self, start: int, length: int) -> None:
        for at, run in self._runs(start, length, self._is_arena):
            assert self._arena is not None
            self._arena.punch(at, run)
        for at, run in self._runs(start, length, lambda page: not self._is_arena(page)):
            _libc.fallocate(self.private_fd, _PUNCH_HOLE_KEEP_SIZE, at, run)

    def allocate(self, size: int, label: str, prot: int = RW, address: int = 0) -> int:
        """Reserve and commit in one step."""
        base = self.reserve(size, address, label=label)
        try:
            self.commit(base, size, prot)
        except WinError:
            self.release(base)
            raise
        return base

    def map_private(self, address: int, size: int, prot: int) -> None:
        """Commit fixed pages outside the arenas (gate page, TIBs, low memory); the caller owns the address."""
        if layout.in_arena(address) or address % PAGE or size % PAGE:
            raise ValueError(f"not a private page range: {address:08X}+{size:X}")
        self._set(address, size, prot | PROT_COMMITTED)

    def allocate_private(self, size: int, prot: int = RW) -> int:
        """Pages of this process alone, above 3 GB."""
        found = self._local_private.take(layout.granule_up(size), GRANULARITY, False)
        if found is None:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        self._record(Reservation(found, layout.page_up(size), "private", "private", prot, "private"))
        self._set(found, layout.page_up(size), prot | PROT_COMMITTED)
        return found

    # --- protection -------------------------------------------------------------------
    def protect(self, address: int, size: int, prot: int) -> int:
        """Change committed pages' protection; returns the first page's old bits.

        INVALID_ADDRESS unless all are committed; INVALID_PARAMETER at 2 GB and above, where every process and the
        system itself would be hit (KB Q170426, "VirtualProtect Limitations on Windows 95"). Pages of an image that
        are shared with other processes become this one's own copy before they are writable.
        """
        start, end = layout.page_down(address), layout.page_up(address + max(size, 1))
        if end > layout.DLL_START:
            raise WinError(Err.INVALID_PARAMETER)
        for page in range(start // PAGE, end // PAGE):
            if not self.prot[page] & PROT_COMMITTED and not self.page_in(page * PAGE, False):
                raise WinError(Err.INVALID_ADDRESS)
        old = self.prot[start // PAGE]
        if prot & PROT_WRITE:
            self._unshare_image(start, end)
        self._set(start, end - start, prot | PROT_COMMITTED)
        return old & ~PROT_COMMITTED

    def _unshare_image(self, start: int, end: int) -> None:
        """Give this process its own copy of an image's read-only pages, which all its users share."""
        item = self.find(start)
        if item is None or item.source != "image" or item.kind != "image":
            return
        length = min(end, layout.page_up(item.end)) - start

        def shared(page: int) -> bool:
            return self._is_arena(page) and not self.prot[page] & PROT_WRITE

        for at, run in self._runs(start, length, shared):
            content = bytes(self.mem.ram[at : at + run])
            self.back_private(at, run)
            self.poke(at, content)

    def end_guard(self, page: int) -> None:
        """The guard page with this number was touched: it is an ordinary page from now on."""
        self._set(page * PAGE, PAGE, self.prot[page] & ~PROT_GUARD)

    def query(self, address: int) -> Region:
        """The run of like pages at ``address``, never beyond its reservation."""
        start = layout.page_down(address)
        page = start // PAGE
        item = self.find(address)
        if item is None:
            bits = self.prot[page]
            if not bits and self.page_in(address, False):
                bits = self.prot[page]
            index = bisect.bisect_right(self._bases, address)
            limit = self._bases[index] if index < len(self._bases) else layout.PRIVATE_END
            run = page
            while run < limit // PAGE and self.prot[run] == bits:
                run += 1
                if run - page > 0x8000 and not bits:  # far enough: the next query goes on from here
                    break
            size = (run - page) * PAGE
            if not bits:
                return Region(start, 0, 0, size, "free", 0, "free")
            return Region(start, start, bits & 0x7F, size, "committed", bits & ~PROT_COMMITTED, "shared")
        bits = self.prot[page]
        end = layout.page_up(item.end) // PAGE
        run = page
        while run < end and self.prot[run] == bits:
            run += 1
        state = "committed" if bits & PROT_COMMITTED else "reserved"
        return Region(start, item.base, item.prot, (run - page) * PAGE, state, bits & ~PROT_COMMITTED, item.kind)

    # --- images -------------------------------------------------------------------------
    def place_image(self, key: str, preferred: int, size: int, relocatable: bool, label: str) -> Placement:
        """Find a place for an image of ``size`` bytes that wants ``preferred``.

        A shared placement's pages are the arena's: fill them when it is fresh, then call `image_ready`; replace pages
        that are
        one copy per process with `back_private` first. A placement that is not shared is private throughout.
        The pages are committed writable for nobody: set each section's protection with `protect_image`.
        """
        size = layout.page_up(size)
        whole = layout.granule_up(size)
        dll = preferred >= layout.DLL_START
        preferred &= ~(GRANULARITY - 1)
        if preferred < layout.SYSTEM_START or preferred + whole > layout.DLL_END:
            if not relocatable:
                raise WinError(Err.BAD_EXE_FORMAT)
            preferred = 0
        if self._connection is None or (self.private and not dll):
            return self._place_locally(key, preferred, whole, size, relocatable, dll, label)
        from w9x_arena import messages, rpc

        if self._inside_slab(preferred, whole):
            self._return_empty_slabs()
        try:
            reply = self._connection.call(
                messages.PlaceImage(
                    key=key, preferred=preferred, size=whole, relocatable=relocatable, dll_arena=dll, label=label
                )
            )
        except rpc.RpcError as error:
            raise WinError(Err.NOT_ENOUGH_MEMORY) from error
        base, mode = int(reply.base), reply.mode
        shared = mode in ("fresh", "existing")
        if not shared and self._overlaps(base, base + whole):
            # our own memory already stands where the overlay would go
            if not relocatable:
                raise WinError(Err.INVALID_ADDRESS)
            moved = self._ask_daemon(whole, 0, True, dll, label)
            if moved is None:
                raise WinError(Err.NOT_ENOUGH_MEMORY)
            self._record(Reservation(moved, size, label, "image", RW, "daemon", key))
            self.back_private(moved, size)
            return Placement(moved, size, True, False, key)
        self._record(Reservation(base, size, label, "image" if shared else "overlay", RW, "image", key))
        placement = Placement(base, size, mode != "existing", shared, key)
        if not shared:
            self.back_private(base, size)
        elif placement.fresh:
            self._allocate_blocks(base, size)
        return placement

    def _overlaps(self, start: int, end: int) -> bool:
        return any(item.base < end and start < item.end for item in self._reservations.values())

    def _inside_slab(self, base: int, size: int) -> bool:
        return any(start < base + size and base < start + SLAB_SIZE for start in self._slabs)

    def _place_locally(
        self, key: str, preferred: int, whole: int, size: int, relocatable: bool, dll: bool, label: str
    ) -> Placement:
        free = self._local_dll if dll else self._local_system
        base = free.take_at(preferred, whole) if preferred else None
        if base is None and relocatable:
            base = free.take(whole, GRANULARITY, True)
        if base is None:
            raise WinError(Err.INVALID_ADDRESS)
        self._record(Reservation(base, size, label, "image", RW, "local", key))
        return Placement(base, size, True, False, key)

    def image_ready(self, placement: Placement) -> None:
        """The shared pages of a fresh placement are complete; others may map them."""
        if placement.shared and placement.fresh and self._connection is not None:
            from w9x_arena import messages

            self._connection.call(messages.ImageReady(key=placement.key))

    def release_image(self, placement: Placement) -> None:
        """Unmap an image."""
        item = self._reservations.get(placement.base)
        if item is None:
            return
        if item.source == "image":
            first, count = item.base // PAGE, item.size // PAGE
            private = self._runs(item.base, item.size, lambda page: bool(self._private_pages[page]))
            self.prot[first : first + count] = bytes(count)
            self._engine.set_pages(first, count, 0)
            for at, run in private:
                _libc.fallocate(self.private_fd, _PUNCH_HOLE_KEEP_SIZE, at, run)
                self._restore_backing(at, run)
            del self._reservations[item.base]
            self._bases.remove(item.base)
            if self._connection is not None:
                from w9x_arena import messages

                self._connection.call(messages.ReleaseImage(key=item.key))
        else:
            self.release(item.base)

    def back_private(self, address: int, size: int) -> None:
        """Put this process's own zeroed pages at a page range of an image (writable sections, import tables,
        overlays).
        """
        start, end = layout.page_down(address), layout.page_up(address + size)
        if start >= layout.DLL_END or not layout.in_arena(start) or self._arena is None or start < self._arena_start:
            return  # private already
        self._map(start, end - start, self.private_fd)
        first, last = start // PAGE, end // PAGE
        self._private_pages[first:last] = b"\1" * (last - first)

    def protect_image(self, address: int, size: int, prot: int) -> None:
        """Commit pages of an image with their protection; the pages' backing and content stand already."""
        start, end = layout.page_down(address), layout.page_up(address + size)
        self._set(start, end - start, prot | PROT_COMMITTED)

    def poke(self, address: int, data: bytes | memoryview) -> None:
        """Write without a protection check: for the loader, which has checked that the range is its image's."""
        self.mem.ram[address : address + len(data)] = data

    # --- file views -------------------------------------------------------------------
    def map_file(
        self, fd: int, offset: int, size: int, prot: int, *, shared: bool, label: str, address: int = 0
    ) -> int:
        """Map a host file into the DLL arena, where Windows 9x puts views; ``shared`` writes reach the file.

        ``offset`` must be a multiple of 64 KB. The pages beyond the file's end inside the last page read as zero.
        """
        base = self.reserve(size, address, label=label, kind="view", dll=True)
        length = layout.page_up(size)
        self._reservations[base].mapped = True
        try:
            if not shared and self._engine.separate:
                self._copy_file(base, length, fd, offset)
            else:
                flags = hostmap.MAP_FIXED | (hostmap.MAP_SHARED if shared else hostmap.MAP_PRIVATE)
                host_prot = hostmap.PROT_RW if prot & PROT_WRITE or not shared else 1
                hostmap.mmap(self.host + base, length, host_prot, flags, fd, offset)
                self._engine.map_backing(base, length, fd, offset)
        except OSError:
            self.release(base)
            raise WinError(Err.ACCESS_DENIED) from None
        first, count = base // PAGE, length // PAGE
        self._private_pages[first : first + count] = b"\1" * count
        self._set(base, length, prot | PROT_COMMITTED)
        return base

    def _copy_file(self, base: int, length: int, fd: int, offset: int) -> None:
        """A copy-on-write view where the guest runs in another process: MAP_PRIVATE pages that one of the two writes
        would be invisible to the other, so the view is a copy in the private file from the start.
        """
        self._map(base, length, self.private_fd)
        done = 0
        while done < length:
            count = os.preadv(fd, [self.mem.ram[base + done : base + length]], offset + done)
            if not count:
                break
            done += count

    def _map_arena(self, start: int, size: int) -> None:
        assert self._arena is not None
        self._map(start, size, self._arena.fd)

    def _restore_backing(self, start: int, size: int) -> None:
        """Map the file that stands behind a range by default over it again."""
        first, count = start // PAGE, size // PAGE
        if start < layout.DLL_END:
            self._private_pages[first : first + count] = bytes(count)
        if self._arena is not None and self._arena_start <= start < layout.DLL_END:
            self._map_arena(start, size)
        else:
            self._map(start, size, self.private_fd)

    def reservations(self) -> list[Reservation]:
        """All reservations, by address."""
        return [self._reservations[base] for base in self._bases]
