"""The declarations of VERSION."""

from w9x_client.abi import Dll

version = Dll("version")
