"""The declarations of CRTDLL.

Its variables have the suffix ``_dll``; `__GetMainArgs` returns nothing and takes no start-up record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Dll
from w9x_client.abi.types import INT, PTR
from w9x_client.loader import load_library
from w9x_client.win32.msvcrt import startup
from w9x_client.win32.msvcrt.reexport import reexport

if TYPE_CHECKING:
    from w9x_client.process import Task

crtdll = Dll("crtdll", "cdecl")
_VERSIONS = ("_baseversion_dll", "_basemajor_dll", "_baseminor_dll", "_osversion_dll", "_osmajor_dll", "_osminor_dll")
for _name in (*_VERSIONS, "_osmode_dll", "_cpumode_dll"):
    crtdll.data(_name, 4)


@crtdll.on_attach
def attach(t: Task) -> None:
    """Fill the version variables: the version in the low word, 32-bit mode."""
    version = t.process.version
    packed = version.major << 8 | version.minor
    for name, value in zip(_VERSIONS, (packed, version.major, version.minor) * 2, strict=True):
        t.mem.put32(t.process.variable("crtdll", name), value)
    for name in ("_osmode_dll", "_cpumode_dll"):
        t.mem.put32(t.process.variable("crtdll", name), 1)  # _WIN_MODE, _386_MODE


@crtdll.api()
async def __GetMainArgs(t: Task, argc: PTR, argv: PTR, envp: PTR, expand: INT) -> None:
    """main's arguments."""
    if t.process.modules.by_name("msvcrt.dll") is None:  # the program has used no forwarder yet
        await load_library(t, "MSVCRT.DLL")
    startup.main_arguments(t, argc, argv, envp, expand, 0, False)


_RENAMED = {
    "_HUGE_dll": "_HUGE", "__argc_dll": "__argc", "__argv_dll": "__argv", "__mb_cur_max_dll": "__mb_cur_max",
    "_acmdln_dll": "_acmdln", "_aexit_rtn_dll": "_aexit_rtn", "_commode_dll": "_commode", "_daylight_dll": "_daylight",
    "_environ_dll": "_environ", "_fmode_dll": "_fmode", "_osver_dll": "_osver", "_pctype_dll": "_pctype",
    "_pgmptr_dll": "_pgmptr", "_sys_nerr_dll": "_sys_nerr", "_timezone_dll": "_timezone", "_winmajor_dll": "_winmajor",
    "_winminor_dll": "_winminor", "_winver_dll": "_winver", "_pwctype_dll": "_pwctype", "_strdec": "_mbsdec",
    "_strinc": "_mbsinc", "_strncnt": "_mbsnccnt", "_strnextc": "_mbsnextc", "_strninc": "_mbsninc",
    "_strspnp": "_mbsspnp",
}  # fmt: skip
reexport(crtdll, _RENAMED)
