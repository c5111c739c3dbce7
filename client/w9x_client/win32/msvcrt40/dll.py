"""The declarations of MSVCRT40. Its old iostream classes (ostream, ios, strstream...) are not declared."""

from __future__ import annotations

from w9x_client.abi import Dll
from w9x_client.win32.msvcrt.reexport import declare_locks, reexport

msvcrt40 = Dll("msvcrt40", "cdecl")
declare_locks(msvcrt40)
reexport(msvcrt40)
