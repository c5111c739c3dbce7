"""Builds guest programs (i386 PE) and their native twins from C, C++ and assembly sources.

Owns the test cache: every product is named by the hash of the tools, flags, sources and headers that made it, so
a second build is a look-up. Safe under pytest-xdist: one lock per product, and a product appears by rename.

Interface: `build_exe`, `build_dll`, `build_native`, `assemble`, `text_source`, `cache_root`, `locked`.
A missing compiler raises `MissingTool`, which pytest reports as a skip; W9X_TESTS_REQUIRE_TOOLS=1 turns it into an
error, for machines that promise to have everything.

Callers must not change a product or write beside it: it is shared by all tests.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PREFIX = "i686-w64-mingw32-"
# A Windows 98 loader refuses a subsystem version above 4.10; a fixed base and no time stamp make builds repeatable.
WIN98_LINK = (
    "-Wl,--major-os-version,4",
    "-Wl,--minor-os-version,0",
    "-Wl,--disable-dynamicbase",
    "-Wl,--disable-nxcompat",
    "-Wl,--no-insert-timestamp",
)
_HEADER_SUFFIXES = {".h", ".hpp", ".inc"}


class MissingTool(unittest.SkipTest):
    """A compiler or assembler is not installed. pytest reports it as a skip."""


class BuildError(AssertionError):
    """A source did not compile or link; the text holds the command and the tool's own output."""


def cache_root() -> Path:
    """The folder of all built and fetched things: $W9X_TESTS_CACHE, or w9x-tests in the user's cache folder."""
    own = os.environ.get("W9X_TESTS_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(own) if own else base / "w9x-tests"
    root.mkdir(parents=True, exist_ok=True)
    return root


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` against every other test process of this user (released by the kernel if we die)."""
    folder = cache_root() / "locks"
    folder.mkdir(exist_ok=True)
    with open(folder / name, "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@functools.cache
def tool(name: str, package: str) -> str:
    """Absolute path of a program; raises MissingTool naming the Debian package that has it."""
    path = shutil.which(name)
    if path is None:
        text = f"{name} is not installed (Debian package {package})"
        if os.environ.get("W9X_TESTS_REQUIRE_TOOLS") == "1":
            raise BuildError(text)
        raise MissingTool(text)
    return path


@functools.cache
def _version(path: str) -> str:
    option = "-v" if path.endswith("nasm") else "--version"
    shown = subprocess.run([path, option], capture_output=True, text=True, check=False)
    return (shown.stdout or shown.stderr).splitlines()[0]


@dataclass(frozen=True)
class Toolchain:
    """The compilers and the object format of one target."""

    cc: str
    cxx: str
    nasm_format: str
    machine: tuple[str, ...]

    def compiler(self, source: Path) -> str:
        return self.cxx if source.suffix in {".cc", ".cpp", ".cxx"} else self.cc


@functools.cache
def mingw() -> Toolchain:
    """i386 PE. The win32-thread flavour of g++ is preferred: it needs no winpthread."""
    package = "gcc-mingw-w64-i686, g++-mingw-w64-i686"
    cc = tool(PREFIX + "gcc", package)
    cxx = shutil.which(PREFIX + "g++-win32") or tool(PREFIX + "g++", package)
    return Toolchain(cc, cxx, "win32", ())


@functools.cache
def native(bits: int = 64) -> Toolchain:
    """The host's own compiler; bits=32 needs gcc-multilib, found out by linking a trivial program."""
    cc, cxx = tool("gcc", "gcc"), tool("g++", "g++")
    machine = f"-m{bits}"
    with tempfile.TemporaryDirectory() as folder:
        probe = subprocess.run(
            [cc, machine, "-x", "c", "-", "-o", f"{folder}/probe"],
            input="int main(void){return 0;}",
            text=True,
            capture_output=True,
            check=False,
        )
    if probe.returncode:
        raise MissingTool(f"gcc {machine} does not link (Debian package gcc-multilib)")
    return Toolchain(cc, cxx, f"elf{bits}", (machine,))


def text_source(name: str, text: str) -> Path:
    """A source file with this name and content, kept in the cache, for sources a test makes itself."""
    folder = cache_root() / "text" / hashlib.sha256(text.encode()).hexdigest()[:20]
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, lambda target: target.write_text(text, encoding="utf-8"))
    return path


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    target = path.with_name(f".{path.name}.{os.getpid()}")
    write(target)
    target.rename(path)


def _digest(parts: Sequence[str], sources: Sequence[Path], binaries: Sequence[Path]) -> str:
    seen = hashlib.sha256("\0".join(parts).encode())
    headers: list[Path] = []
    for folder in sorted({source.parent for source in sources}):
        headers += sorted(p for p in folder.iterdir() if p.suffix in _HEADER_SUFFIXES)
    for path in [*sources, *headers, *binaries]:
        content = path.read_bytes()
        seen.update(f"\0{path.name}\0{len(content)}\0".encode())
        seen.update(content)
    return seen.hexdigest()[:24]


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _build(
    target: Toolchain,
    name: str,
    sources: Sequence[Path | str],
    *,
    flags: Sequence[str],
    link: Sequence[str],
    inputs: Sequence[Path] = (),
    extra_outputs: Sequence[str] = (),
) -> Path:
    """Compile each source, link once; return the product's path in the cache. `inputs` are files the linker reads."""
    paths = [Path(source).resolve() for source in sources]
    tools = {target.compiler(p) for p in paths if p.suffix != ".asm"}
    if any(p.suffix == ".asm" for p in paths):
        tools.add(tool("nasm", "nasm"))
    recipe = [name, *target.machine, *flags, "|", *link, *(sorted(_version(t) for t in tools))]
    place = cache_root() / "build" / f"{Path(name).stem}-{_digest(recipe, paths, inputs)}"
    product = place / name
    if product.exists():
        return product
    with locked(place.name):
        if product.exists():
            return product
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".work-") as scratch:
            work = Path(scratch)
            out = work / "out"
            out.mkdir()

            def compile_one(item: tuple[int, Path]) -> str:
                number, source = item
                obj = f"{number}-{source.stem}.o"
                if source.suffix == ".asm":
                    include = f"-I{source.parent}/"
                    _run([tool("nasm", "nasm"), "-f", target.nasm_format, include, str(source), "-o", obj], work)
                else:
                    _run([target.compiler(source), *target.machine, *flags, "-c", str(source), "-o", obj], work)
                return obj

            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                objects = list(pool.map(compile_one, enumerate(paths)))
            linker = target.cxx if any(target.compiler(p) == target.cxx for p in paths) else target.cc
            _run([linker, *target.machine, *objects, *map(str, inputs), "-o", f"out/{name}", *link], work)
            for extra in extra_outputs:
                if not (out / extra).exists():
                    raise BuildError(f"{name}: the linker made no {extra}")
            out.rename(place)
    return product


def _pe_link(crt: bool, libs: Sequence[str], image_base: int) -> list[str]:
    link = [*WIN98_LINK, f"-Wl,--image-base,{image_base:#x}", "-s"]
    link += ["-static"] if crt else ["-nostdlib", "-nostartfiles"]
    link += [f"-l{lib}" for lib in libs]
    return link if crt else [*link, "-lgcc", "-lkernel32"]


def build_exe(
    name: str,
    sources: Sequence[Path | str],
    *,
    flags: Sequence[str] = (),
    libs: Sequence[str] = (),
    subsystem: str = "console",
    image_base: int = 0x400000,
    crt: bool = True,
    relocatable: bool = False,
    entry: str = "_start",
    link: Sequence[str] = (),
    dlls: Sequence[Path] = (),
) -> Path:
    """Build NAME.exe for Windows 98 and return its path.

    sources     C, C++ (.cc, .cpp, .cxx) or nasm (.asm) files
    flags       for the compiler; -O1 comes first so that a later -O wins
    libs        import libraries by name ("user32"); kernel32 and msvcrt come by themselves
    crt         False: no C runtime; the entry point is `entry` as the linker spells it
    relocatable keeps a relocation table; otherwise the program must have its image base
    dlls        products of `build_dll` to link with; put copies beside the program before running it
    """
    pe = _pe_link(crt, libs, image_base) + [f"-Wl,--subsystem,{subsystem}:4.0", *link]
    if not relocatable:
        pe.append("-Wl,--disable-reloc-section")
    if not crt:
        pe.append(f"-Wl,-e,{entry}")
    return _build(mingw(), f"{name}.exe", sources, flags=["-O1", *flags], link=pe, inputs=[Path(d) for d in dlls])


def build_dll(
    name: str,
    sources: Sequence[Path | str],
    *,
    flags: Sequence[str] = (),
    libs: Sequence[str] = (),
    image_base: int = 0x10000000,
    crt: bool = True,
    link: Sequence[str] = (),
    dlls: Sequence[Path] = (),
    definition: Path | None = None,
) -> Path:
    """Build NAME.dll (relocatable) and return its path. `definition` is a .def file (ordinals, forwarders, DATA).

    Exported are the functions marked dllexport or named in `definition`. Without `crt` the entry point is
    `DllMain@12` of the sources.
    """
    pe = [*_pe_link(crt, libs, image_base), "-shared", *link]
    if not crt:
        pe.append("-Wl,-e,_DllMain@12")
    inputs = [Path(d) for d in dlls] + ([definition.resolve()] if definition else [])
    return _build(mingw(), f"{name}.dll", sources, flags=["-O1", *flags], link=pe, inputs=inputs)


def build_native(
    name: str,
    sources: Sequence[Path | str],
    *,
    bits: int = 64,
    flags: Sequence[str] = (),
    libs: Sequence[str] = (),
    link: Sequence[str] = (),
) -> Path:
    """Build the same sources for the host, as the reference that a guest's output is compared with."""
    links = [*link, *(f"-l{lib}" for lib in libs)]
    return _build(native(bits), name, sources, flags=["-O1", *flags], link=links)


def assemble(source: str, bits: int = 32) -> bytes:
    """Machine code of a nasm source text (16, 32 or 64 bits); raises BuildError with nasm's message."""
    nasm = tool("nasm", "nasm")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.asm"
        path.write_text(f"bits {bits}\n{source}\n", encoding="utf-8")
        _run([nasm, "-f", "bin", str(path), "-o", f"{folder}/out"], Path(folder))
        return (Path(folder) / "out").read_bytes()
