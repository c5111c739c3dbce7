"""The declarations of WS2_32."""

from w9x_client.abi import Dll

ws2_32 = Dll("ws2_32")
