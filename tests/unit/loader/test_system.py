"""System modules: their stubs, export directories, cache, and how Windows versions differ."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import unicorn
from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_MODE_32
from unicorn.x86_const import UC_X86_REG_EAX, UC_X86_REG_EDX, UC_X86_REG_ESP

from w9x_arena import layout
from w9x_client.abi import Dll, tib
from w9x_client.abi import dll as registry
from w9x_client.abi.types import DOUBLE, DWORD, LONGLONG, PTR, VOID
from w9x_client.engine import guestcode
from w9x_client.loader import ImageError, exports, image, mapper, parse, resources, sysbuild, version
from w9x_client.loader.directories import Forward
from w9x_client.loader.system import SystemModules

from .support import FakeProcess


@pytest.fixture
def modules(builtin_cache: Path) -> SystemModules:
    return SystemModules("98se", builtin_cache)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Dll:
    """Declarations of our own that stand for VERSION.DLL's."""
    registry.find_dll("version")  # imported now, or it would take the place of ours later
    fake = Dll("version")
    monkeypatch.setitem(registry._dlls, "version", fake)
    return fake


def info(stem: str = "version") -> exports.ModuleInfo:
    found = exports.module_info(stem)
    assert found is not None
    return found


# --- the guest's view of a stub --------------------------------------------------------------------
def run_stub(data: bytes, name: str, base: int, hidden: dict[str, int]) -> tuple[int, int, int, bool]:
    """Call an export of a module mapped at ``base``; the gate is a plain ret that leaves a result in the TIB.

    Returns (EAX at the gate, EDX after, bytes popped beyond the return address, whether ST(0) was loaded).
    """
    module = parse(data)
    plan = mapper.Plan(module, base)
    make: Any = unicorn.Uc  # type: ignore[attr-defined]  # re-exported by a star import
    uc = make(UC_ARCH_X86, UC_MODE_32)
    uc.mem_map(base, module.size_of_image)
    for rva, chunk in plan.chunks:
        uc.mem_write(base + rva, bytes(chunk))
    uc.mem_map(layout.GATE, 0x1000)
    uc.mem_write(layout.GATE_API, b"\xc3")
    uc.mem_map(0x1_0000, 0x1_0000)
    # FS is flat here, so FS:[offset] is address offset: put the TIB at 0
    uc.mem_map(0, 0x1000)
    uc.mem_write(tib.RESULT_HIGH, struct.pack("<I", 0x1234_5678))
    uc.mem_write(tib.RESULT_FLOAT, struct.pack("<d", 2.5))
    esp = 0x1_8000
    uc.mem_write(esp, struct.pack("<I", 0x1_F000))
    uc.mem_write(0x1_F000, b"\xdd\x1d" + struct.pack("<I", 0x1_E000))  # fstp qword [1E000]
    seen: list[int] = []
    gate = layout.GATE_API
    uc.hook_add(UC_HOOK_CODE, lambda u, *_: seen.append(u.reg_read(UC_X86_REG_EAX)), None, gate, gate)
    uc.reg_write(UC_X86_REG_ESP, esp)
    uc.reg_write(UC_X86_REG_EDX, 0)
    assert module.exports is not None
    found = module.exports.by_name(name)
    rva = found if isinstance(found, int) else hidden[name]
    uc.emu_start(base + rva, 0x1_F000, count=20)
    popped = uc.reg_read(UC_X86_REG_ESP) - esp - 4
    uc.emu_start(0x1_F000, 0x1_F006)
    loaded = struct.unpack("<d", uc.mem_read(0x1_E000, 8))[0] == 2.5
    return seen[0], uc.reg_read(UC_X86_REG_EDX), popped, loaded


@pytest.mark.parametrize("base", [0, 0x1234_0000], ids=["preferred base", "moved"])
def test_a_stub_passes_its_number_pops_its_arguments_and_loads_its_result(declared: Dll, base: int) -> None:
    @declared.api()
    def Plain(t: object, a: DWORD, b: PTR, c: DWORD) -> DWORD:
        return 0

    @declared.api(convention="cdecl")
    def Cdecl(t: object, a: DWORD) -> VOID:
        return None

    @declared.api()
    def Wide(t: object, a: LONGLONG) -> LONGLONG:
        return 0

    @declared.not_on_9x()
    def Float(t: object, a: DOUBLE) -> DOUBLE:
        return 0.0

    built = sysbuild.build(info(), "98se")
    data, names, hidden = built.image, built.names, built.hidden
    assert not built.hooks
    for name, pops, edx, st0 in (
        ("Plain", 12, 0, False), ("Cdecl", 0, 0, False), ("Wide", 8, 0x1234_5678, False), ("Float", 8, 0, True),
    ):  # fmt: skip
        number, got_edx, popped, loaded = run_stub(data, name, base or info().base, hidden)
        assert number >> 16 == info().number
        assert names[number & 0xFFFF] == name
        assert (popped, got_edx, loaded) == (pops, edx, st0), name


def test_what_no_windows_9x_exported_is_bound_statically_and_hidden_from_get_proc_address(declared: Dll) -> None:
    @declared.not_on_9x()
    def NewFunction(t: object) -> DWORD:
        return 0

    built = sysbuild.build(info(), "98se")
    data, hidden = built.image, built.hidden
    table = parse(data).exports
    assert table is not None
    assert table.by_name("NewFunction") is None
    assert "NewFunction" in hidden


def test_variables_are_writable_and_initialised(declared: Dll) -> None:
    declared.data("counter", 8, b"\x2a")
    declared.data("table", 64)
    data = sysbuild.build(info(), "98se").image
    module = parse(data)
    assert module.exports is not None
    at = module.exports.by_name("counter")
    assert isinstance(at, int)
    section = module.section_at(at)
    assert section is not None
    assert section.flags & image.SCN_WRITE
    assert module.read(at, 8) == b"\x2a" + bytes(7)
    other = module.exports.by_name("table")
    assert isinstance(other, int)
    assert (other >= at + 8 or other + 64 <= at)


def test_forwarders_are_real_forwarders(declared: Dll) -> None:
    declared.forward("Elsewhere", "NTDLL.RtlUnwind")
    data = sysbuild.build(info(), "98se").image
    table = parse(data).exports
    assert table is not None
    assert table.by_name("Elsewhere") == Forward("NTDLL", "RtlUnwind")


def test_hooks_are_noted(declared: Dll) -> None:
    declared.on_attach(lambda t: None)
    assert sysbuild.build(info(), "98se").hooks


def test_guest_code_replaces_the_stub(declared: Dll, monkeypatch: pytest.MonkeyPatch) -> None:
    @declared.api(guest="quick")
    def Quick(t: object) -> DWORD:
        return 0

    @declared.api(guest="unbuilt")
    def Slow(t: object) -> DWORD:
        return 0

    code = SimpleNamespace(placed=lambda at, stub: b"\x31\xc0\xc3")
    monkeypatch.setattr(guestcode, "lookup", lambda symbol: code if symbol == "quick" else None)
    module = parse(sysbuild.build(info(), "98se").image)
    assert module.exports is not None
    quick, slow = module.exports.by_name("Quick"), module.exports.by_name("Slow")
    assert isinstance(quick, int)
    assert isinstance(slow, int)
    assert quick % 16 == 0
    assert module.read(quick, 3) == b"\x31\xc0\xc3"
    assert module.read(slow, 1) == b"\xb8"


# --- the real tables ---------------------------------------------------------------------------------
@pytest.mark.parametrize("stem", exports.modules())
def test_every_system_module_can_be_built_and_fits_its_range(stem: str, modules: SystemModules) -> None:
    built = modules.image(stem)
    assert built is not None
    module, facts = parse(built.data), info(stem)
    assert module.is_dll
    assert module.image_base == facts.base
    assert module.size_of_image <= facts.room
    table = exports.load(stem)
    assert table is not None
    found = module.exports
    assert found is not None or not table.visible("98se")
    for line in table.visible("98se"):
        assert found is not None
        if line.name:
            assert found.by_name(line.name) is not None, line.name
        if line.ordinal is not None:
            assert found.by_ordinal(line.ordinal) is not None, line.ordinal
            if line.name:
                assert found.by_ordinal(line.ordinal) == found.by_name(line.name)


def test_kernel32_has_its_undocumented_ordinals_without_names(modules: SystemModules) -> None:
    built = modules.image("KERNEL32.DLL")
    assert built is not None
    table = parse(built.data).exports
    assert table is not None
    assert isinstance(table.by_ordinal(1), int)
    assert table.by_name("VxDCall0") is None


def test_a_later_windows_exports_what_an_earlier_one_did_not(builtin_cache: Path) -> None:
    kernel = exports.load("kernel32")
    assert kernel is not None
    names = [e.name for e in kernel.visible("98") if e.name and e not in kernel.visible("95")]
    assert names
    for windows, present in (("95", False), ("98", True)):
        built = SystemModules(windows, builtin_cache).image("kernel32")
        assert built is not None
        table = parse(built.data).exports
        assert table is not None
        assert [table.by_name(n) is not None for n in names] == [present] * len(names)
        assert all((n in built.hidden) is not present for n in names)


def test_a_number_leads_back_to_its_export(modules: SystemModules) -> None:
    built = modules.image("kernel32")
    assert built is not None
    index = built.names.index("ExitProcess")
    assert modules.export_of(built.number << 16 | index) == ("kernel32", "ExitProcess")
    assert modules.export_of(built.number << 16 | 0xFFFF) is None
    assert modules.export_of(0xFFFF_0000) is None


def test_variables_nobody_declares_lie_in_no_memory(process: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    line = exports.Export(None, "mystery", "95", "data")
    table = exports.ExportTable("version", (line,), "full")
    monkeypatch.setattr(exports, "load", lambda dll: table)
    data = sysbuild.build(info(), "98se").image
    module = parse(data)
    assert module.exports is not None
    at = module.exports.by_name("mystery")
    assert isinstance(at, int)
    placement = mapper.map_image(process.space, module, "k", "version.dll")
    assert not process.mem.readable(placement.base + at, 1)


def test_a_module_says_what_it_is(modules: SystemModules) -> None:
    built = modules.image("user32")
    assert built is not None
    module = parse(built.data)
    assert b"w9x builtin module" in built.data[:0x80]
    assert module.resources is not None
    block = module.resources.version()
    assert block is not None
    name = version.query(block, "\\StringFileInfo\\040904E4\\OriginalFilename")
    assert name is not None
    text = block[name.value : name.value + name.value_size].decode("utf-16-le")
    assert text == "USER32.DLL\0"


# --- cache -----------------------------------------------------------------------------------------
def test_a_second_start_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = SystemModules("98se", tmp_path).image("version")
    assert first is not None

    def no_build(*_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(sysbuild, "build", no_build)
    second = SystemModules("98se", tmp_path).image("version")
    assert second == first


def test_equal_sources_give_equal_files(tmp_path: Path) -> None:
    one, two = (SystemModules("98se", tmp_path / n).image("version") for n in ("a", "b"))
    assert one == two


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "notes", "type", "gone"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, damage: str) -> None:
    first = SystemModules("98se", tmp_path).image("version")
    assert first is not None
    (path,) = tmp_path.rglob("version.dll")
    notes = path.with_name("version.dll.json")
    if damage == "cut":
        path.write_bytes(first.data[:-10])
    elif damage == "flip":
        path.write_bytes(first.data[:-1] + b"\xff")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "notes":
        notes.write_bytes(b"\xff{")
    elif damage == "type":
        notes.write_text("[1, 2]")
    else:
        notes.unlink()
    assert SystemModules("98se", tmp_path).image("version") == first
    assert path.read_bytes() == first.data


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert SystemModules("98se", blocked).image("version") is not None


def test_a_changed_source_gives_a_new_fingerprint(tmp_path: Path) -> None:
    from w9x_client.loader import system

    source = tmp_path / "topic.py"
    source.write_text("a")
    before = system._stats([source])
    os.utime(source, (1, 1))
    assert system._stats([source]) != before


def test_windows_versions_do_not_share_a_cache_entry(tmp_path: Path) -> None:
    one = SystemModules("95", tmp_path).image("kernel32")
    two = SystemModules("98se", tmp_path).image("kernel32")
    assert one is not None
    assert two is not None
    assert one.key != two.key


def test_a_warm_start_imports_no_declarations(tmp_path: Path) -> None:
    import subprocess
    import sys

    SystemModules("98se", tmp_path).image("kernel32")
    script = (
        "import sys; from pathlib import Path; from w9x_client.loader.system import SystemModules; "
        "assert SystemModules('98se', Path(sys.argv[1])).image('kernel32'); "
        "heavy = ('pefile', 'w9x_client.loader.sysbuild'); "
        "bad = [m for m in sys.modules if m.startswith('w9x_client.win32.') or m in heavy]; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_an_unknown_windows_version_is_refused() -> None:
    with pytest.raises(ValueError, match="2000"):
        SystemModules("2000")


def test_resource_errors_are_image_errors() -> None:
    with pytest.raises(ImageError):
        resources.Resources(parse(sysbuild.build(info(), "98se").image), 0x9999_0000).types()
