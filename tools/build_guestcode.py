"""Compile client/guestcode to the product's guestcode.bin: `python tools/build_guestcode.py [OUT]`.

Needs a C compiler that can produce i386 objects (`gcc -m32 -c`; no 32-bit libraries) and pyelftools. The file is
msgpack:
``{symbol: (code, offsets of the rel32 fields of jumps to slow_path)}``.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "client" / "guestcode"
OUT = ROOT / "client" / "w9x_client" / "engine" / "guestcode.bin"
_FLAGS = (
    "-m32", "-march=pentium", "-O2", "-c", "-ffreestanding", "-fno-builtin", "-fno-pic", "-fno-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fomit-frame-pointer", "-fcf-protection=none",
    "-Wall", "-Werror",
    "-Wno-builtin-declaration-mismatch",
)  # fmt: skip
_R_386_PC32, _R_386_PLT32 = 2, 4


def _constants(path: Path) -> ModuleType:
    """A module of constants, loaded from its file: the package need not be installed to build it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _defines() -> list[str]:
    tib = _constants(ROOT / "client/w9x_client/abi/tib.py")
    layout = _constants(ROOT / "shared_arena/w9x_arena/layout.py")
    names = ("LAST_ERROR", "THREAD_ID", "TLS_ARRAY", "TLS_SLOT_COUNT")
    return [*(f"-D{name}={getattr(tib, name)}" for name in names), f"-DCLOCK_PAGE={layout.CLOCK_PAGE}"]


def _routines(object_file: bytes, source: str) -> dict[str, tuple[bytes, list[int]]]:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection

    elf = ELFFile(io.BytesIO(object_file))
    symbols = elf.get_section_by_name(".symtab")
    relocations = {s["sh_info"]: s for s in elf.iter_sections() if isinstance(s, RelocationSection)}
    found: dict[str, tuple[bytes, list[int]]] = {}
    for index, section in enumerate(elf.iter_sections()):
        name = section.name
        if name in (".text", ".data", ".bss") or not name.startswith(".text."):
            if name.startswith((".data", ".rodata", ".bss")) and section["sh_size"]:
                raise SystemExit(f"{source}: guest routines must not have data ({name})")
            continue
        slow: list[int] = []
        for relocation in relocations[index].iter_relocations() if index in relocations else ():
            target = symbols.get_symbol(relocation["r_info_sym"]).name
            if target != "slow_path" or relocation["r_info_type"] not in (_R_386_PC32, _R_386_PLT32):
                raise SystemExit(f"{source}: {name} refers to {target or 'another section'}: not position-independent")
            slow.append(relocation["r_offset"])
        found[name.removeprefix(".text.")] = (section.data(), slow)
    return found


def build(out: Path = OUT) -> bool:
    """Compile everything to ``out``; False, and nothing written, where there is no suitable compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return False
    import msgpack

    routines: dict[str, tuple[bytes, list[int]]] = {}
    for source in sorted(SOURCES.glob("*.[cS]")):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "routine.o"
            command = [compiler, *_FLAGS, *_defines(), "-o", str(target), str(source)]
            result = subprocess.run(command, capture_output=True, check=False)
            object_file = target.read_bytes() if not result.returncode else b""
        if result.returncode:
            if b"unrecognized" in result.stderr or b"not supported" in result.stderr:
                return False
            raise SystemExit(result.stderr.decode("utf-8", "replace"))
        routines |= _routines(object_file, source.name)
    out.write_bytes(msgpack.packb({name: list(value) for name, value in sorted(routines.items())}))
    return True


if __name__ == "__main__":
    if not build(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT):
        raise SystemExit("no C compiler that produces i386 code (install gcc)")
