"""How a Python function is declared as a Win32 export, and how its arguments travel."""

from .dll import DataExport, Dll, Export, find_dll, find_export, find_hooks
from .errors import Err, GuestException, GuestExit, GuestFault, Redirected, WinError

__all__ = [
    "DataExport",
    "Dll",
    "Err",
    "Export",
    "GuestException",
    "GuestExit",
    "GuestFault",
    "Redirected",
    "WinError",
    "find_dll",
    "find_export",
    "find_hooks",
]
