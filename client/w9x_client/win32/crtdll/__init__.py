"""CRTDLL, the C runtime of Windows NT 3.1 and Win32s: MSVCRT under other names, and the few functions that differ."""
