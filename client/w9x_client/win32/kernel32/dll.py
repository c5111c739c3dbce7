"""The declarations of KERNEL32."""

from w9x_client.abi import Dll

kernel32 = Dll("kernel32")
