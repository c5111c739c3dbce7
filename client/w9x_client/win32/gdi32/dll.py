"""The declarations of GDI32."""

from w9x_client.abi import Dll

gdi32 = Dll("gdi32")
