"""Which engines this host can use, and why not the others: for `w9x status` and `w9x doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine on this host."""

    name: str
    available: bool
    version: str
    """Of the library behind it; '' where there is none."""
    detail: str
    """What kind of access it has, or why it is not available."""


def probe_engines() -> list[EngineStatus]:
    """All engines, the preferred one first."""
    return [_probe_unicorn(), _probe_native()]


def _probe_native() -> EngineStatus:
    from . import native

    possible, detail = native.available()
    return EngineStatus("native", possible, "", detail)


def _probe_unicorn() -> EngineStatus:
    try:
        import unicorn
        from unicorn.unicorn_py3.unicorn import uclib
    except (ImportError, OSError) as error:
        return EngineStatus("unicorn", False, "", f"the Python package cannot be loaded: {error}")
    from . import unicorn_state

    version = str(getattr(unicorn, "__version__", ""))
    try:
        uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        fast = unicorn_state.locate(uc) is not None
        exact = unicorn_state.make_stop_exact(uc, uclib)
    except (unicorn.UcError, OSError) as error:
        return EngineStatus("unicorn", False, version, f"it does not start: {error}")
    access = "direct view of the CPU state, verified" if fast else "public register access (API calls are slower)"
    stops = "" if exact else "; asynchronous stops are not exact (another build of the library)"
    return EngineStatus("unicorn", True, version, access + stops)
