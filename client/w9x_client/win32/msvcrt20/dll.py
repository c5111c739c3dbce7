"""The declarations of MSVCRT20. Its old iostream classes (ostream, ios, strstream...) are not declared."""

from __future__ import annotations

from w9x_client.abi import Dll
from w9x_client.win32.msvcrt.reexport import declare_locks, reexport

msvcrt20 = Dll("msvcrt20", "cdecl")
declare_locks(msvcrt20)
reexport(msvcrt20)
