"""Guest code for tests: assembled at its address, with the runtime's exports as symbols."""

from __future__ import annotations

from tests.api.harness import Guest
from tests.guest.build import assemble

ROOM = 0x4000


class Code:
    """Assembled code in guest memory.

    Every ``{Name}`` in the source is the address of ``msvcrt.Name``. Labels that the source lists after ``; export``
    are found by indexing and read with `u32`.
    """

    def __init__(self, guest: Guest, source: str, *exports: str) -> None:
        self.guest = guest
        self.base = guest.code(bytes(ROOM))
        for name in exports:
            symbol = name.lstrip("?").split("@")[0]
            source = source.replace("{" + symbol + "}", hex(guest.address("msvcrt." + name)))
        labels = [word for line in source.splitlines() if line.startswith("; export") for word in line.split()[2:]]
        table = "\n".join(f"dd {label}" for label in labels)
        data = assemble(f"org {self.base:#x}\n{table}\n{source}")
        assert len(data) <= ROOM
        guest.mem.write(self.base, data)
        self.labels = {label: guest.mem.u32(self.base + 4 * index) for index, label in enumerate(labels)}

    def __getitem__(self, label: str) -> int:
        """Address of a label."""
        return self.labels[label]

    def u32(self, label: str) -> int:
        """The dword at a label."""
        return self.guest.mem.u32(self.labels[label])

    def call(self, label: str, *arguments: int) -> int:
        """Call the function at a label; returns EAX."""
        return self.guest.call_at(self.labels[label], *arguments)
