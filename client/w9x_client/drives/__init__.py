"""Drive letters, case-insensitive names and 8.3 aliases: the only door from the guest to the host's files."""

from .hosterror import win_error
from .table import Drive, DriveError, DriveTable, DriveType, HostPath, open_table

__all__ = ["Drive", "DriveError", "DriveTable", "DriveType", "HostPath", "open_table", "win_error"]
