"""The declarations of OLE32."""

from w9x_client.abi import Dll

ole32 = Dll("ole32")
