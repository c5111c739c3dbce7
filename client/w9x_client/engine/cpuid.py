"""The processor that guests see: an Intel Pentium III, whatever the host is and whatever executes the guest."""

from __future__ import annotations

_CPUID = {
    # Intel's Pentium III (application note AP-485): family 6 model 7, everything up to FXSR and SSE
    0: (2, 0x756E6547, 0x6C65746E, 0x49656E69),
    1: (0x672, 0, 0, 0x0383F9FF),
    2: (0x03020101, 0, 0, 0x0C040843),
}
"""EAX, EBX, ECX, EDX by leaf."""


def cpuid(leaf: int) -> tuple[int, int, int, int]:
    """CPUID's answer in EAX, EBX, ECX, EDX; leaves beyond the last give the last's, as Intel's processors do."""
    return _CPUID.get(leaf, _CPUID[2])
