"""The declarations of WINMM."""

from w9x_client.abi import Dll

winmm = Dll("winmm")
