"""Compile client/stub to the native engine's stub process: `python tools/build_stub.py [OUT]`.

Needs a C compiler for x86-64 Linux, and nothing else: no C library, no 32-bit support. The result is a static
position-independent program that needs no relocation (checked here), because there is nobody in it to relocate it.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "client" / "stub"
OUT = ROOT / "client" / "w9x_client" / "engine" / "w9x-stub"
_FLAGS = (
    "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fPIE",
    "-fvisibility=hidden",
    "-mgeneral-regs-only", "-mno-red-zone", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
    "-fcf-protection=none",
    "-fno-tree-loop-distribute-patterns", "-nostdlib", "-nostartfiles", "-static-pie",
    "-Wl,-z,noexecstack", "-Wl,--build-id=none", "-s",
)  # fmt: skip


def _constants(path: Path) -> ModuleType:
    """A module of constants, loaded from its file: the package need not be installed to build it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _defines() -> list[str]:
    mailbox = _constants(ROOT / "client/w9x_client/engine/native_mailbox.py")
    layout = _constants(ROOT / "shared_arena/w9x_arena/layout.py")
    numbers = {name: value for name, value in vars(mailbox).items() if name.isupper() and isinstance(value, int)}
    return [*(f"-DMB_{name}={value}" for name, value in numbers.items()), f"-DLAYOUT_GATE={layout.GATE}"]


def _has_relocations(program: Path) -> bool:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection

    with program.open("rb") as file:
        return any(
            isinstance(section, RelocationSection) and section.num_relocations()
            for section in ELFFile(file).iter_sections()
        )


def build(out: Path = OUT) -> bool:
    """Compile the stub to ``out``; False, and nothing written, on other hosts than x86-64 Linux and without a
    compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or platform.machine() != "x86_64" or sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "w9x-stub"
        sources = [str(path) for path in sorted(SOURCES.glob("*.[cS]"))]
        result = subprocess.run(
            [compiler, *_FLAGS, *_defines(), "-o", str(target), *sources], capture_output=True, check=False
        )
        if result.returncode:
            raise SystemExit(result.stderr.decode("utf-8", "replace"))
        if _has_relocations(target):
            raise SystemExit("the stub needs relocation: an initialised pointer must have come into client/stub")
        # a running stub keeps its file: replace the name, not the contents
        fresh = out.with_name(out.name + ".new")
        shutil.copyfile(target, fresh)
    fresh.chmod(0o755)
    os.replace(fresh, out)
    return True


if __name__ == "__main__":
    if not build(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT):
        raise SystemExit("the native engine is for x86-64 Linux, and needs a C compiler to build (install gcc)")
