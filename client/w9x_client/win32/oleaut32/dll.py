"""The declarations of OLEAUT32."""

from w9x_client.abi import Dll

oleaut32 = Dll("oleaut32")
