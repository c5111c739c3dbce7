"""The declarations of USER32."""

from w9x_client.abi import Dll

user32 = Dll("user32")
