"""The declarations of SHLWAPI."""

from w9x_client.abi import Dll

shlwapi = Dll("shlwapi")
