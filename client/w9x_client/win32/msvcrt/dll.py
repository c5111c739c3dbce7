"""The declarations of MSVCRT."""

from w9x_client.abi import Dll

msvcrt = Dll("msvcrt", "cdecl")
