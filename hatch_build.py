"""Build hook: compiles the guest routines where a C compiler is at hand.

Without a compiler the package is complete all the same: the routines' Python handlers answer, only slower. The hook
therefore warns and never fails. What is built and how is `tools/build_guestcode.py`'s business.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PRODUCT = "client/w9x_client/engine/guestcode.bin"


class GuestCodeHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling is there only while building
    """Makes `PRODUCT` and adds it to the wheel (an editable install uses it in place)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        if self.target_name != "wheel":
            return
        product = Path(self.root, PRODUCT)
        script = Path(self.root, "tools/build_guestcode.py")
        try:
            if script.is_file() and not _load(script).build(product):
                self.app.display_warning(
                    "no C compiler for i386 code: w9x will run without its compiled guest routines"
                )
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever fails there, w9x must stay installable
            self.app.display_warning(f"the guest routines were not built: {error}")
        if product.is_file():
            build_data["artifacts"].append(PRODUCT)


def _load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
