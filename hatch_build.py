"""Build hook: compiles the parts in C and assembly where a compiler is at hand.

Without a compiler the package is complete all the same, only slower: Python handlers answer in place of the guest
routines, and the portable engine in place of the native one. The hook therefore warns and never fails. What is built
and how is the business of the scripts in `BUILDS`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILDS = (
    ("tools/build_guestcode.py", "client/w9x_client/engine/guestcode.bin", "its compiled guest routines"),
    ("tools/build_stub.py", "client/w9x_client/engine/w9x-stub", "the native engine"),
)
"""Script with ``build(out: Path) -> bool`` (False: no suitable compiler), its product, what is missing without it."""


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling is there only while building
    """Makes the products and adds them to the wheel (an editable install uses them in place)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        if self.target_name != "wheel":
            return
        for script_name, product_name, use in BUILDS:
            script, product = Path(self.root, script_name), Path(self.root, product_name)
            try:
                if script.is_file() and not _load(script).build(product):
                    self.app.display_warning(f"no suitable C compiler: w9x will do without {use}")
            except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever fails there, w9x must stay installable
                self.app.display_warning(f"w9x will do without {use}: {error}")
            if product.is_file():
                build_data["artifacts"].append(product_name)


def _load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
