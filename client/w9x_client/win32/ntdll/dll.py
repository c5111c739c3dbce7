"""The declarations of NTDLL."""

from w9x_client.abi import Dll

ntdll = Dll("ntdll")
