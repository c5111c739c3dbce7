"""The corpus: where each real program comes from, and how it is built for the guest and for the host.

Every function returns a `Program`: the guest's .exe and, where the same source also builds natively, the host's
executable whose output is the reference. Products are cached (`tests.guest.build`); a cold build of everything
takes under four minutes on two cores, most of it SQLite.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.guest.build import build_dll, build_exe, build_native, cache_root, locked
from tests.real.fetch import debian_source, npm_package, unpacked

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Program:
    """One program: `exe` for the guest, `native` for the host (None where there is none)."""

    exe: Path
    native: Path | None = None

    @property
    def reference(self) -> Path:
        assert self.native is not None, f"{self.exe.name} has no native twin"
        return self.native


def seven_zip() -> Program:
    """7-Zip's stand-alone console program 21.07, 32-bit, as published: built with Microsoft's compiler, not ours."""
    archive = npm_package("7zip-bin", "5.2.0", "04f9738ee00be8be53f5d06254a9e6e4b5117b17f8b74058477d870e62764a7d")
    return Program(unpacked(archive) / "package/win/ia32/7za.exe")


def native_seven_zip() -> Path:
    """The Linux build in the same package (p7zip 17.04, another code base): an independent judge of archives."""
    path = seven_zip().exe.parents[2] / "linux/x64/7za"
    path.chmod(0o755)
    return path


_LUA_PROGRAMS = {"lua.c", "luac.c"}


def lua() -> Program:
    """Lua 5.4.4 as upstream's `make mingw` does it: lua54.dll and a small lua.exe that imports it."""
    archive = debian_source(
        "lua5.4",
        "5.4.4-3+deb12u1",
        "lua5.4_5.4.4.orig.tar.gz",
        "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61",
    )
    source = unpacked(archive) / "lua-5.4.4/src"
    library = sorted(p for p in source.glob("*.c") if p.name not in _LUA_PROGRAMS)
    flags = ["-O2", "-DLUA_COMPAT_5_3"]
    dll = build_dll("lua54", library, flags=[*flags, "-DLUA_BUILD_AS_DLL"])
    exe = build_exe("lua", [source / "lua.c"], flags=[*flags, "-DLUA_BUILD_AS_DLL"], dlls=[dll])
    native = build_native("lua", [*library, source / "lua.c"], flags=[*flags, "-DLUA_USE_POSIX"], libs=["m"])
    return Program(_together(exe, dll), native)


def sqlite_shell() -> Program:
    """SQLite 3.44.2's command-line shell, from the amalgamation that the npm package sqlite3 carries."""
    archive = npm_package("sqlite3", "5.1.7", "44cc9bdee02705a7b636f76968d745e21c1d0b2f1c62810c678bc3b0ececab1b")
    source = unpacked(unpacked(archive) / "package/deps/sqlite-autoconf-3440200.tar.gz") / "sqlite-autoconf-3440200"
    files = [source / "sqlite3.c", source / "shell.c"]
    flags = ["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"]
    exe = build_exe("sqlite3", files, flags=flags)
    return Program(exe, build_native("sqlite3", files, flags=[*flags, "-O0"], libs=["m"]))


def minigzip() -> Program:
    """zlib 1.2.13's example program: gzip by zlib's own file functions."""
    archive = debian_source(
        "zlib",
        "1:1.2.13.dfsg-1",
        "zlib_1.2.13.dfsg.orig.tar.bz2",
        "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1",
    )
    source = unpacked(archive) / "zlib-1.2.13.dfsg"
    files = [*sorted(source.glob("*.c")), source / "test/minigzip.c"]
    return Program(build_exe("minigzip", files, flags=["-O2", f"-I{source}"]))


def bzip2() -> Program:
    """bzip2 1.0.8, the compressor with its command line."""
    archive = debian_source(
        "bzip2",
        "1.0.8-5",
        "bzip2_1.0.8.orig.tar.gz",
        "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269",
    )
    source = unpacked(archive) / "bzip2-1.0.8"
    names = ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib", "bzip2")
    files = [source / f"{name}.c" for name in names]
    return Program(build_exe("bzip2", files, flags=["-O2"]))


def cxx() -> Program:
    """Our C++ program: exceptions, destructors, iostreams, containers, RTTI, static initialisation order."""
    files = [HERE / "cxx" / name for name in ("main.cc", "exceptions.cc", "statics.cc")]
    flags = ["-std=c++17", "-O2"]
    return Program(build_exe("cxx", files, flags=flags), build_native("cxx", files, flags=flags))


def _together(exe: Path, dll: Path) -> Path:
    """A folder that holds the program beside its DLL, where the loader looks for it first."""
    place = cache_root() / "build" / f"with-{exe.parent.name}-{dll.parent.name}"
    target = place / exe.name
    with locked(place.name):
        if not target.exists():
            place.mkdir(exist_ok=True)
            shutil.copy(dll, place)
            shutil.copy(exe, target)
    return target
