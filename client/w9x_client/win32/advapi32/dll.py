"""The declarations of ADVAPI32."""

from w9x_client.abi import Dll

advapi32 = Dll("advapi32")
