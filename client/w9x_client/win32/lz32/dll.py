"""The declarations of LZ32."""

from w9x_client.abi import Dll

lz32 = Dll("lz32")
