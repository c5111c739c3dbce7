"""From an engine's name to its class.

Engines are imported only when they are chosen: each brings a heavy import or a probe of the host.
"""

from __future__ import annotations

from collections.abc import Callable

from .interface import Engine
from .space import AddressSpace

AUTO = "unicorn"
"""What ``auto`` means. The native engine takes over when all it must show has been shown (docs/design/native.md)."""


def engine_class(name: str) -> Callable[[AddressSpace], Engine]:
    """The class of the engine ``name`` (``auto``, ``unicorn`` or ``native``); ValueError for another name.

    Making an instance raises `interface.EngineUnavailable` on hosts that cannot run it.
    """
    chosen = AUTO if name == "auto" else name
    if chosen == "unicorn":
        from .unicorn import UnicornEngine

        return UnicornEngine
    if chosen == "native":
        from .native import NativeEngine

        return NativeEngine
    raise ValueError(f"no engine is called {name}; choose auto, unicorn or native")
