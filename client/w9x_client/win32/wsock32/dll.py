"""The declarations of WSOCK32."""

from w9x_client.abi import Dll

wsock32 = Dll("wsock32")
