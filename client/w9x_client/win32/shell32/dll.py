"""The declarations of SHELL32."""

from w9x_client.abi import Dll

shell32 = Dll("shell32")
