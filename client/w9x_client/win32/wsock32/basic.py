"""Winsock 1.1's functions are those of WS2_32 under the same names."""

from __future__ import annotations

import w9x_client.win32.ws2_32.basic  # noqa: F401  # declares them
from w9x_client.win32.ws2_32.dll import ws2_32

from .dll import wsock32

for _export in ws2_32.exports.values():
    if _export.status == "stub":
        wsock32.stub(_export.note, name=_export.name)(_export.fn)
    else:
        wsock32.api(name=_export.name)(_export.fn)
