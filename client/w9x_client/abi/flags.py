"""Parameter types that name their bits and values, for the relay log.

The body of an export sees a plain number, as with `types.FLAGS`; only the log shows names. Numbers and names: Microsoft
Platform SDK, winnt.h, winbase.h and winreg.h.

Tables and not `enum` classes: a class costs 0.2 ms at import, in the start of every program that opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from .types import Arg, Ret


@dataclass(frozen=True, slots=True)
class Names:
    """The SDK's names of a parameter's values; ``bits``: the values are bits that may be combined."""

    bits: bool
    values: Mapping[int, str]

    def text(self, value: int) -> str:
        """``value`` by its names; what has none in hexadecimal."""
        if value in self.values:
            return self.values[value]
        if not self.bits or not value:
            return f"{value & 0xFFFFFFFF:X}"
        found = [name for bit, name in self.values.items() if bit and value & bit == bit]
        rest = value
        for bit in self.values:
            rest &= ~bit
        return "|".join([*found, f"{rest:X}"] if rest else found)


def _names(key: str, bits: bool, code: str = "I", **values: int) -> Arg:
    """``key`` must differ between all types: typing takes equal arguments of `Annotated` for the same, and `Arg.names`
    is not compared."""
    return Arg(code, show=key, names={key: Names(bits, {value: name for name, value in values.items()})})


FILE_ACCESS = Annotated[
    int,
    _names(
        "FILE_ACCESS",
        True,
        GENERIC_READ=0x8000_0000,
        GENERIC_WRITE=0x4000_0000,
        GENERIC_EXECUTE=0x2000_0000,
        GENERIC_ALL=0x1000_0000,
    ),
    Ret(),
]
"""CreateFile's dwDesiredAccess: the generic rights."""
FILE_SHARE = Annotated[
    int,
    _names(
        "FILE_SHARE",
        True,
        FILE_SHARE_READ=1,
        FILE_SHARE_WRITE=2,
        FILE_SHARE_DELETE=4,
    ),
    Ret(),
]
"""dwShareMode."""
FILE_DISPOSITION = Annotated[
    int,
    _names(
        "FILE_DISPOSITION",
        False,
        CREATE_NEW=1,
        CREATE_ALWAYS=2,
        OPEN_EXISTING=3,
        OPEN_ALWAYS=4,
        TRUNCATE_EXISTING=5,
    ),
    Ret(),
]
"""dwCreationDisposition."""
FILE_FLAGS = Annotated[
    int,
    _names(
        "FILE_FLAGS",
        True,
        FILE_ATTRIBUTE_READONLY=0x1,
        FILE_ATTRIBUTE_HIDDEN=0x2,
        FILE_ATTRIBUTE_SYSTEM=0x4,
        FILE_ATTRIBUTE_DIRECTORY=0x10,
        FILE_ATTRIBUTE_ARCHIVE=0x20,
        FILE_ATTRIBUTE_NORMAL=0x80,
        FILE_ATTRIBUTE_TEMPORARY=0x100,
        FILE_ATTRIBUTE_COMPRESSED=0x800,
        FILE_FLAG_BACKUP_SEMANTICS=0x0200_0000,
        FILE_FLAG_DELETE_ON_CLOSE=0x0400_0000,
        FILE_FLAG_SEQUENTIAL_SCAN=0x0800_0000,
        FILE_FLAG_RANDOM_ACCESS=0x1000_0000,
        FILE_FLAG_NO_BUFFERING=0x2000_0000,
        FILE_FLAG_OVERLAPPED=0x4000_0000,
        FILE_FLAG_WRITE_THROUGH=0x8000_0000,
    ),
    Ret(),
]
"""dwFlagsAndAttributes."""
PAGE_PROTECTION = Annotated[
    int,
    _names(
        "PAGE_PROTECTION",
        True,
        PAGE_NOACCESS=0x1,
        PAGE_READONLY=0x2,
        PAGE_READWRITE=0x4,
        PAGE_WRITECOPY=0x8,
        PAGE_EXECUTE=0x10,
        PAGE_EXECUTE_READ=0x20,
        PAGE_EXECUTE_READWRITE=0x40,
        PAGE_EXECUTE_WRITECOPY=0x80,
        PAGE_GUARD=0x100,
        PAGE_NOCACHE=0x200,
        SEC_IMAGE=0x0100_0000,
        SEC_RESERVE=0x0400_0000,
        SEC_COMMIT=0x0800_0000,
        SEC_NOCACHE=0x1000_0000,
    ),
    Ret(),
]
"""flProtect of the virtual memory and file mapping functions."""
ALLOCATION_TYPE = Annotated[
    int,
    _names(
        "ALLOCATION_TYPE",
        True,
        MEM_COMMIT=0x1000,
        MEM_RESERVE=0x2000,
        MEM_DECOMMIT=0x4000,
        MEM_RELEASE=0x8000,
        MEM_RESET=0x8_0000,
        MEM_TOP_DOWN=0x10_0000,
        MEM_SHARED=0x0800_0000,
    ),
    Ret(),
]
"""flAllocationType and dwFreeType. MEM_SHARED is Windows 9x's own (undocumented; 08000000h)."""
MOVE_METHOD = Annotated[
    int,
    _names(
        "MOVE_METHOD",
        False,
        FILE_BEGIN=0,
        FILE_CURRENT=1,
        FILE_END=2,
    ),
    Ret(),
]
"""SetFilePointer's dwMoveMethod."""
STD_HANDLE = Annotated[
    int,
    _names(
        "STD_HANDLE",
        False,
        "i",
        STD_INPUT_HANDLE=-10,
        STD_OUTPUT_HANDLE=-11,
        STD_ERROR_HANDLE=-12,
    ),
    Ret(),
]
"""GetStdHandle's nStdHandle."""
HEAP_FLAGS = Annotated[
    int,
    _names(
        "HEAP_FLAGS",
        True,
        HEAP_NO_SERIALIZE=1,
        HEAP_GENERATE_EXCEPTIONS=4,
        HEAP_ZERO_MEMORY=8,
        HEAP_REALLOC_IN_PLACE_ONLY=16,
    ),
    Ret(),
]
"""dwFlags of the heap functions."""
KEY_ACCESS = Annotated[
    int,
    _names(
        "KEY_ACCESS",
        True,
        KEY_QUERY_VALUE=1,
        KEY_SET_VALUE=2,
        KEY_CREATE_SUB_KEY=4,
        KEY_ENUMERATE_SUB_KEYS=8,
        KEY_NOTIFY=16,
        KEY_CREATE_LINK=32,
        DELETE=0x1_0000,
        READ_CONTROL=0x2_0000,
        SYNCHRONIZE=0x10_0000,
    ),
    Ret(),
]
"""samDesired of the registry functions."""
VALUE_TYPE = Annotated[
    int,
    _names(
        "VALUE_TYPE",
        False,
        REG_NONE=0,
        REG_SZ=1,
        REG_EXPAND_SZ=2,
        REG_BINARY=3,
        REG_DWORD=4,
        REG_DWORD_BIG_ENDIAN=5,
        REG_LINK=6,
        REG_MULTI_SZ=7,
    ),
    Ret(),
]
"""Types of registry values."""
