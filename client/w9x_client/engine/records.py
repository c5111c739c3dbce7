"""What an address space keeps and answers: reservations, regions, placements, and how it sees its engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class PageListener(Protocol):
    """An engine, as the address space sees it."""

    separate: bool
    """It runs in another process: what is mapped must come from files that both map (see `Engine`)."""

    def set_pages(self, first: int, count: int, bits: int) -> None:
        """Pages [first, first+count) now have protection ``bits`` (0: none)."""

    def map_backing(self, address: int, size: int, fd: int, offset: int) -> None:
        """``fd`` from ``offset`` on stands behind these pages now; a caller sets their protection next, or has."""

    def code_written(self, address: int, size: int) -> None:
        """The host changed bytes that the engine may have translated."""


@dataclass(slots=True)
class Reservation:
    """A range that VirtualAlloc, the loader or a file view owns."""

    base: int
    size: int
    label: str
    kind: str
    """'shared', 'private', 'image', 'overlay', 'view' or 'stack'."""
    prot: int
    source: str
    """Who gets it back: 'slab', 'daemon', 'local', 'image'."""
    key: str = ""
    mapped: bool = False
    """A host file is mapped over it."""

    @property
    def end(self) -> int:
        return self.base + self.size


@dataclass(frozen=True, slots=True)
class Region:
    """VirtualQuery's answer: a run of pages in one state."""

    base: int
    allocation_base: int
    allocation_prot: int
    size: int
    state: str
    """'free', 'reserved' or 'committed'."""
    prot: int
    kind: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image stands: ``shared`` pages are the arena's, and ``fresh`` says that nobody has written them yet."""

    base: int
    size: int
    fresh: bool
    shared: bool
    key: str


class NoEngine:
    """The listener before there is an engine."""

    separate = False

    def map_backing(self, address: int, size: int, fd: int, offset: int) -> None:
        """Nothing is mapped elsewhere."""

    def set_pages(self, first: int, count: int, bits: int) -> None:
        """Nothing follows the pages yet."""

    def code_written(self, address: int, size: int) -> None:
        """Nothing is translated yet."""
