"""Which Windows 9x a process is told it runs on.

Numbers: Microsoft's GetVersion and OSVERSIONINFO documentation, and KB Q158238 ("How to determine the version of
Windows 95/98 in use"). `PROFILES` is the whole list; nothing else in the project may spell these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

VER_PLATFORM_WIN32_WINDOWS = 1


@dataclass(frozen=True, slots=True)
class WindowsVersion:
    """One Windows of the 9x family."""

    name: str
    """The profile's name, as `--windows` takes it and as `Export.since` compares it."""
    title: str
    """What Windows itself calls it (registry ProductName)."""
    major: int
    minor: int
    build: int
    text: str
    """OSVERSIONINFO.szCSDVersion; documented: byte 1 is 'B' or 'C' on OSR2, 'A' on 98 SE."""
    rank: int
    """Position in time, for comparisons."""

    @property
    def packed(self) -> int:
        """GetVersion's DWORD: major, minor, and the two top bits that Windows 95 and its successors set."""
        return 0xC000_0000 | self.minor << 8 | self.major

    @property
    def build_field(self) -> int:
        """OSVERSIONINFO.dwBuildNumber as Windows 9x fills it: major and minor in the high word, build in the low."""
        return self.major << 24 | self.minor << 16 | self.build

    @property
    def number(self) -> str:
        """Such as 4.10.2222: the form of the registry's VersionNumber and of `ver`."""
        return f"{self.major}.{self.minor:02d}.{self.build}"

    def at_least(self, name: str) -> bool:
        """Whether something new in profile ``name`` exists here; "nt" never does."""
        profile = PROFILES.get(name)
        return profile is not None and self.rank >= profile.rank


PROFILES: dict[str, WindowsVersion] = {
    version.name: version
    for version in (
        WindowsVersion("95", "Microsoft Windows 95", 4, 0, 950, "", 0),
        WindowsVersion("95osr2", "Microsoft Windows 95", 4, 0, 1111, " B", 1),
        WindowsVersion("98", "Microsoft Windows 98", 4, 10, 1998, "", 2),
        WindowsVersion("98se", "Microsoft Windows 98", 4, 10, 2222, " A ", 3),
        WindowsVersion("me", "Microsoft Windows Millennium Edition", 4, 90, 3000, "", 4),
    )
}
DEFAULT_PROFILE = "98se"


def windows_version(name: str) -> WindowsVersion:
    """The profile called ``name``; ValueError naming the choices otherwise."""
    try:
        return PROFILES[name.lower()]
    except KeyError:
        raise ValueError(f"unknown Windows version {name!r}: choose one of {', '.join(PROFILES)}") from None
