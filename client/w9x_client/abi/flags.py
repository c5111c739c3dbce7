"""Parameter types that name their bits and values, for the relay log.

The body of an export sees a plain number, as with `types.FLAGS`; only `Arg.show` and `Arg.names` differ. Numbers and
names: Microsoft Platform SDK, winnt.h, winbase.h and winreg.h.
"""

from __future__ import annotations

from enum import Enum, IntEnum, IntFlag
from typing import Annotated

from .types import Arg, Ret


def _named(kind: type[Enum]) -> Arg:
    return Arg("I", show=kind.__name__, names={kind.__name__: kind})


class FileAccess(IntFlag):
    """CreateFile's dwDesiredAccess: the generic rights."""

    GENERIC_READ = 0x8000_0000
    GENERIC_WRITE = 0x4000_0000
    GENERIC_EXECUTE = 0x2000_0000
    GENERIC_ALL = 0x1000_0000


class FileShare(IntFlag):
    """dwShareMode."""

    FILE_SHARE_READ = 1
    FILE_SHARE_WRITE = 2
    FILE_SHARE_DELETE = 4


class FileDisposition(IntEnum):
    """dwCreationDisposition."""

    CREATE_NEW = 1
    CREATE_ALWAYS = 2
    OPEN_EXISTING = 3
    OPEN_ALWAYS = 4
    TRUNCATE_EXISTING = 5


class FileFlags(IntFlag):
    """dwFlagsAndAttributes."""

    FILE_ATTRIBUTE_READONLY = 0x1
    FILE_ATTRIBUTE_HIDDEN = 0x2
    FILE_ATTRIBUTE_SYSTEM = 0x4
    FILE_ATTRIBUTE_DIRECTORY = 0x10
    FILE_ATTRIBUTE_ARCHIVE = 0x20
    FILE_ATTRIBUTE_NORMAL = 0x80
    FILE_ATTRIBUTE_TEMPORARY = 0x100
    FILE_ATTRIBUTE_COMPRESSED = 0x800
    FILE_FLAG_BACKUP_SEMANTICS = 0x0200_0000
    FILE_FLAG_DELETE_ON_CLOSE = 0x0400_0000
    FILE_FLAG_SEQUENTIAL_SCAN = 0x0800_0000
    FILE_FLAG_RANDOM_ACCESS = 0x1000_0000
    FILE_FLAG_NO_BUFFERING = 0x2000_0000
    FILE_FLAG_OVERLAPPED = 0x4000_0000
    FILE_FLAG_WRITE_THROUGH = 0x8000_0000


class PageProtection(IntFlag):
    """flProtect of the virtual memory and file mapping functions."""

    PAGE_NOACCESS = 0x1
    PAGE_READONLY = 0x2
    PAGE_READWRITE = 0x4
    PAGE_WRITECOPY = 0x8
    PAGE_EXECUTE = 0x10
    PAGE_EXECUTE_READ = 0x20
    PAGE_EXECUTE_READWRITE = 0x40
    PAGE_EXECUTE_WRITECOPY = 0x80
    PAGE_GUARD = 0x100
    PAGE_NOCACHE = 0x200
    SEC_IMAGE = 0x0100_0000
    SEC_RESERVE = 0x0400_0000
    SEC_COMMIT = 0x0800_0000
    SEC_NOCACHE = 0x1000_0000


class AllocationType(IntFlag):
    """flAllocationType and dwFreeType. MEM_SHARED is Windows 9x's own (undocumented; 08000000h)."""

    MEM_COMMIT = 0x1000
    MEM_RESERVE = 0x2000
    MEM_DECOMMIT = 0x4000
    MEM_RELEASE = 0x8000
    MEM_RESET = 0x8_0000
    MEM_TOP_DOWN = 0x10_0000
    MEM_SHARED = 0x0800_0000


class MoveMethod(IntEnum):
    """SetFilePointer's dwMoveMethod."""

    FILE_BEGIN = 0
    FILE_CURRENT = 1
    FILE_END = 2


class StdHandle(IntEnum):
    """GetStdHandle's nStdHandle."""

    STD_INPUT_HANDLE = 0xFFFF_FFF6
    STD_OUTPUT_HANDLE = 0xFFFF_FFF5
    STD_ERROR_HANDLE = 0xFFFF_FFF4


class HeapFlags(IntFlag):
    """dwFlags of the heap functions."""

    HEAP_NO_SERIALIZE = 1
    HEAP_GENERATE_EXCEPTIONS = 4
    HEAP_ZERO_MEMORY = 8
    HEAP_REALLOC_IN_PLACE_ONLY = 16


class KeyAccess(IntFlag):
    """samDesired of the registry functions."""

    KEY_QUERY_VALUE = 1
    KEY_SET_VALUE = 2
    KEY_CREATE_SUB_KEY = 4
    KEY_ENUMERATE_SUB_KEYS = 8
    KEY_NOTIFY = 16
    KEY_CREATE_LINK = 32
    DELETE = 0x1_0000
    READ_CONTROL = 0x2_0000
    SYNCHRONIZE = 0x10_0000


class ValueType(IntEnum):
    """Types of registry values."""

    REG_NONE = 0
    REG_SZ = 1
    REG_EXPAND_SZ = 2
    REG_BINARY = 3
    REG_DWORD = 4
    REG_DWORD_BIG_ENDIAN = 5
    REG_LINK = 6
    REG_MULTI_SZ = 7


FILE_ACCESS = Annotated[int, _named(FileAccess), Ret()]
FILE_SHARE = Annotated[int, _named(FileShare), Ret()]
FILE_DISPOSITION = Annotated[int, _named(FileDisposition), Ret()]
FILE_FLAGS = Annotated[int, _named(FileFlags), Ret()]
PAGE_PROTECTION = Annotated[int, _named(PageProtection), Ret()]
ALLOCATION_TYPE = Annotated[int, _named(AllocationType), Ret()]
MOVE_METHOD = Annotated[int, _named(MoveMethod), Ret()]
STD_HANDLE = Annotated[int, _named(StdHandle), Ret()]
HEAP_FLAGS = Annotated[int, _named(HeapFlags), Ret()]
KEY_ACCESS = Annotated[int, _named(KeyAccess), Ret()]
VALUE_TYPE = Annotated[int, _named(ValueType), Ret()]
