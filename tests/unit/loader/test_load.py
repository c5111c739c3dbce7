"""Loading, binding, notification and unloading, with guest code played by Python."""

from __future__ import annotations

import dataclasses

import pytest

from w9x_client.abi import Err, WinError
from w9x_client.loader import ImageError, attach, load

from .support import FakeProcess, FakeTask, make_pe

ATTACH, THREAD_ATTACH, THREAD_DETACH, DETACH = 1, 2, 3, 0


def dword(process: FakeProcess, address: int) -> int:
    return process.mem.u32(address)


def program(process: FakeProcess, **options: object) -> str:
    return process.put("C:\\APP\\prog.exe", make_pe(**options))  # type: ignore[arg-type]


def test_imports_are_bound_by_name_and_by_ordinal(process: FakeProcess) -> None:
    library = make_pe(dll="LIB.DLL", base=0x1000_0000, exports={"Named": 16}, ordinals={7: 32}, relocations=[])
    process.put("C:\\APP\\lib.dll", library)
    built = make_pe(imports={"lib.dll": ["Named", 7]})
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    assert dword(process, exe.base + built.slots["lib.dll", "Named"]) == 0x1000_1010
    assert dword(process, exe.base + built.slots["lib.dll", 7]) == 0x1000_1020


def test_a_program_without_lookup_tables_is_bound(process: FakeProcess) -> None:
    built = make_pe(imports={"KERNEL32.dll": ["ExitProcess"]}, lookup=False)
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    kernel = process.modules.by_name("kernel32")
    assert kernel is not None
    assert dword(process, exe.base + built.slots["KERNEL32.dll", "ExitProcess"]) == kernel.find_export("ExitProcess")


def test_a_function_nobody_exports_is_bound_to_a_stub_of_its_name(process: FakeProcess) -> None:
    built = make_pe(imports={"KERNEL32.dll": ["NoSuchFunction", 9999]})
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    slot = dword(process, exe.base + built.slots["KERNEL32.dll", "NoSuchFunction"])
    assert slot == process.stubs["KERNEL32.DLL", "NoSuchFunction"]
    assert dword(process, exe.base + built.slots["KERNEL32.dll", 9999]) == process.stubs["KERNEL32.DLL", "#9999"]


def test_a_missing_dll_names_itself_and_who_needs_it(process: FakeProcess) -> None:
    program(process, imports={"gone.dll": ["F"]})
    with pytest.raises(ImageError) as caught:
        process.start("C:\\APP\\prog.exe")
    assert "prog.exe needs GONE.DLL, which was not found" in caught.value.text
    assert "C:\\APP" in caught.value.text
    assert "C:\\WORK" in caught.value.text
    assert caught.value.exit_code == 126
    assert len(process.modules) == 0


def test_a_failed_load_leaves_no_module_and_no_memory_behind(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\half.dll", make_pe(dll="HALF.DLL", base=0x1000_0000, imports={"gone.dll": ["F"]}))
    before = [m.name for m in process.modules], len(process.space.reservations())
    with pytest.raises(WinError) as caught:
        process.load("half")
    assert caught.value.code == Err.MOD_NOT_FOUND
    assert ([m.name for m in process.modules], len(process.space.reservations())) == before
    assert process.warnings
    assert "GONE.DLL" in process.warnings[0]


def test_dlls_are_attached_before_their_users_and_detached_after_them(process: FakeProcess) -> None:
    process.put("C:\\APP\\low.dll", make_pe(dll="LOW.DLL", base=0x1000_0000, exports={"F": 0}, relocations=[]))
    process.put(
        "C:\\APP\\high.dll",
        make_pe(dll="HIGH.DLL", base=0x1100_0000, exports={"G": 0}, imports={"low.dll": ["F"]}, relocations=[]),
    )
    program(process, imports={"high.dll": ["G"], "low.dll": ["F"]})
    process.start("C:\\APP\\prog.exe")
    assert process.calls == [("LOW.DLL", ATTACH, 1), ("HIGH.DLL", ATTACH, 1)]
    process.calls.clear()
    process.run(attach.process_detach(process.task))
    assert process.calls == [("HIGH.DLL", DETACH, 1), ("LOW.DLL", DETACH, 1)]
    process.calls.clear()
    process.run(attach.process_detach(process.task))
    assert process.calls == []


def test_a_system_modules_hooks_run_before_its_users_are_attached(process: FakeProcess) -> None:
    system = process.modules.system
    built = system.image("imagehlp")
    assert built is not None
    system._images["imagehlp"] = dataclasses.replace(built, hooks=["w9x_client.win32.imagehlp"])
    library = make_pe(dll="LIB.DLL", base=0x1000_0000, imports={"imagehlp.dll": ["F"]}, exports={"F": 0})
    process.put("C:\\APP\\lib.dll", library)
    program(process, imports={"lib.dll": ["F"]})
    process.start("C:\\APP\\prog.exe")
    assert process.calls == [("hook of imagehlp", ATTACH, 0), ("LIB.DLL", ATTACH, 1)]


def test_a_dll_that_refuses_at_start_stops_the_program(process: FakeProcess) -> None:
    process.put("C:\\APP\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000, exports={"F": 0}))
    program(process, imports={"lib.dll": ["F"]})
    process.guest[0x1000_1000] = lambda base, reason, reserved: 0
    with pytest.raises(ImageError, match=r"lib\.dll could not be initialised"):
        process.start("C:\\APP\\prog.exe")


def test_load_library_counts_and_free_library_unloads_at_zero(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000, exports={"F": 0}))
    first = process.load("lib")
    assert process.load("LIB.DLL") is first
    process.free(first)
    assert process.modules.by_name("lib") is first
    process.free(first)
    assert process.modules.by_name("lib") is None
    assert process.calls == [("LIB.DLL", ATTACH, 0), ("LIB.DLL", DETACH, 0)]
    assert process.unloaded == ["lib.dll"]
    assert not process.mem.readable(0x1000_1000, 1)


def test_what_only_an_unloaded_dll_needed_goes_with_it(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\low.dll", make_pe(dll="LOW.DLL", base=0x1000_0000, exports={"F": 0}, relocations=[]))
    process.put("C:\\APP\\high.dll", make_pe(dll="HIGH.DLL", base=0x1100_0000, imports={"low.dll": ["F"]}))
    high = process.load("high")
    low = process.load("low")
    assert process.modules.dependents(low) == [high]
    assert process.modules.references(low) == 2
    assert process.modules.references(high) == 1
    process.free(high)
    assert process.modules.by_name("low") is low
    process.free(low)
    assert process.modules.by_name("low") is None
    assert [c for c in process.calls if c[1] == DETACH] == [("HIGH.DLL", DETACH, 0), ("LOW.DLL", DETACH, 0)]


def test_dlls_that_import_each_other_load_and_unload(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    one = make_pe(dll="ONE.DLL", base=0x1000_0000, exports={"A": 0}, imports={"two.dll": ["B"]})
    two = make_pe(dll="TWO.DLL", base=0x1100_0000, exports={"B": 16}, imports={"one.dll": ["A"]})
    process.put("C:\\APP\\one.dll", one)
    process.put("C:\\APP\\two.dll", two)
    module = process.load("one")
    assert dword(process, 0x1000_0000 + one.slots["two.dll", "B"]) == 0x1100_1010
    assert dword(process, 0x1100_0000 + two.slots["one.dll", "A"]) == 0x1000_1000
    process.free(module)
    assert process.modules.by_name("one") is None
    assert process.modules.by_name("two") is None


def test_a_module_the_program_imports_is_never_unloaded(process: FakeProcess) -> None:
    process.put("C:\\APP\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000, exports={"F": 0}))
    program(process, imports={"lib.dll": ["F"]})
    process.start("C:\\APP\\prog.exe")
    module = process.load("lib")
    for _ in range(3):
        process.free(module)
    assert process.modules.by_name("lib") is module


def test_a_refusing_dll_gets_its_detach_and_fails_with_dll_init_failed(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000))
    process.guest[0x1000_1000] = lambda base, reason, reserved: 0 if reason == ATTACH else 1
    with pytest.raises(WinError) as caught:
        process.load("lib")
    assert caught.value.code == Err.DLL_INIT_FAILED
    assert process.calls == [("LIB.DLL", ATTACH, 0), ("LIB.DLL", DETACH, 0)]
    assert process.modules.by_name("lib") is None


def test_dllmain_may_load_another_dll(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\in.dll", make_pe(dll="IN.DLL", base=0x1100_0000))
    process.put("C:\\APP\\out.dll", make_pe(dll="OUT.DLL", base=0x1000_0000))

    async def dll_main(base: int, reason: int, reserved: int) -> int:
        if reason == ATTACH:
            await load.load_library(process.task, "in")
        return 1

    process.guest[0x1000_1000] = dll_main
    process.load("out")
    assert process.calls == [("OUT.DLL", ATTACH, 0), ("IN.DLL", ATTACH, 0)]


def test_threads_attach_in_load_order_and_detach_in_reverse(process: FakeProcess) -> None:
    for name, base in (("a", 0x1000_0000), ("b", 0x1100_0000), ("c", 0x1200_0000)):
        process.put(f"C:\\APP\\{name}.dll", make_pe(dll=f"{name}.DLL", base=base, exports={"F": 0}))
    program(process, imports={"a.dll": ["F"], "b.dll": ["F"], "c.dll": ["F"]})
    process.start("C:\\APP\\prog.exe")
    quiet = process.modules.by_name("b")
    assert quiet is not None
    quiet.thread_calls = False
    process.calls.clear()
    thread = FakeTask(process, 2)
    process.run(attach.thread_attach(thread))
    process.run(attach.thread_detach(thread))
    assert process.calls == [
        ("A.DLL", THREAD_ATTACH, 0), ("C.DLL", THREAD_ATTACH, 0),
        ("C.DLL", THREAD_DETACH, 0), ("A.DLL", THREAD_DETACH, 0),
    ]  # fmt: skip


# --- forwarders and GetProcAddress ------------------------------------------------------------
def test_forwarders_are_followed_through_dlls_that_they_bring_in(process: FakeProcess) -> None:
    process.put("C:\\APP\\end.dll", make_pe(dll="END.DLL", base=0x1200_0000, exports={"Real": 16}, ordinals={3: 32}))
    process.put("C:\\APP\\via.dll", make_pe(dll="VIA.DLL", base=0x1100_0000, exports={"F": "end.Real", "G": "END.#3"}))
    built = make_pe(imports={"via.dll": ["F", "G"]})
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    assert dword(process, exe.base + built.slots["via.dll", "F"]) == 0x1200_1010
    assert dword(process, exe.base + built.slots["via.dll", "G"]) == 0x1200_1020


def test_a_forwarder_cycle_is_an_unresolved_function(process: FakeProcess) -> None:
    process.put("C:\\APP\\x.dll", make_pe(dll="X.DLL", base=0x1100_0000, exports={"F": "y.F"}))
    process.put("C:\\APP\\y.dll", make_pe(dll="Y.DLL", base=0x1200_0000, exports={"F": "x.F"}))
    built = make_pe(imports={"x.dll": ["F"]})
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    assert dword(process, exe.base + built.slots["x.dll", "F"]) == process.stubs["x.dll", "F"]
    with pytest.raises(WinError) as caught:
        process.run(load.get_proc_address(process.task, process.load("x"), "F"))
    assert caught.value.code == Err.PROC_NOT_FOUND


def test_get_proc_address_loads_a_forwarders_dll_and_keeps_it(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\end.dll", make_pe(dll="END.DLL", base=0x1200_0000, exports={"Real": 16}))
    process.put("C:\\APP\\via.dll", make_pe(dll="VIA.DLL", base=0x1100_0000, exports={"F": "end.Real", "G": 8}))
    via = process.load("via")
    assert process.run(load.get_proc_address(process.task, via, "G")) == 0x1100_1008
    assert process.run(load.get_proc_address(process.task, via, "F")) == 0x1200_1010
    assert process.modules.by_name("end") is not None
    process.free(via)
    assert process.modules.by_name("end") is None


def test_get_proc_address_finds_ordinals_but_not_those_of_kernel32(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000, ordinals={5: 4}))
    lib = process.load("lib")
    assert process.run(load.get_proc_address(process.task, lib, 5)) == 0x1000_1004
    with pytest.raises(WinError) as caught:
        process.run(load.get_proc_address(process.task, lib, 6))
    assert caught.value.code == Err.PROC_NOT_FOUND
    kernel = process.modules.by_name("kernel32")
    assert kernel is not None
    with pytest.raises(WinError) as caught:
        process.run(load.get_proc_address(process.task, kernel, 1))
    assert caught.value.code == Err.NOT_SUPPORTED


# --- placement ---------------------------------------------------------------------------------
def test_a_dll_whose_base_is_taken_is_relocated(process: FakeProcess) -> None:
    import struct

    program(process)
    process.start("C:\\APP\\prog.exe")
    data = struct.pack("<I", 0x1000_1004)
    for name in ("one", "two"):
        built = make_pe(dll=f"{name}.DLL", base=0x1000_0000, data=data, exports={"F": 4}, relocations=[0x2000])
        process.put(f"C:\\APP\\{name}.dll", built)
    one, two = process.load("one"), process.load("two")
    assert one.base == 0x1000_0000 != two.base
    assert dword(process, one.base + 0x2000) == 0x1000_1004
    assert dword(process, two.base + 0x2000) == two.base + 0x1004 == two.find_export("F")


def test_a_fixed_program_below_4_mb_is_told_why(process: FakeProcess) -> None:
    program(process, base=0x10_0000)
    with pytest.raises(ImageError, match="must be at 00100000, below 4 MB"):
        process.start("C:\\APP\\prog.exe")


def test_a_dll_without_an_entry_point_is_loaded_silently(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\l.dll", make_pe(dll="L.DLL", base=0x1000_0000, entry=False))
    assert process.load("l").entry == 0
    assert process.calls == []


def test_an_address_is_told_by_the_export_before_it(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\l.dll", make_pe(dll="L.DLL", base=0x1000_0000, exports={"First": 0, "Second": 32}))
    module = process.load("l")
    assert module.nearest_export(0x1000_1021) == ("Second", 1)
    assert module.nearest_export(0x1000_101F) == ("First", 31)
    assert module.nearest_export(0x1000_0FFF) is None


# --- datafiles ----------------------------------------------------------------------------------
def test_a_datafile_is_mapped_without_binding_or_calling_anything(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    built = make_pe(dll="L.DLL", base=0x1000_0000, imports={"gone.dll": ["F"]}, resources={(10, 1, 0): b"hello"})
    process.put("C:\\APP\\l.dll", built)
    module = process.load("C:\\APP\\l.dll", load.LOAD_LIBRARY_AS_DATAFILE)
    assert process.calls == []
    assert module.resources is not None
    found = module.resources.find(10, 1)
    assert found is not None
    assert process.mem.read(module.base + found.data, found.size) == b"hello"
    assert process.modules.by_name("l") is None
    process.free(module)
    assert process.modules.by_base(module.base) is None


def test_dont_resolve_maps_without_calling(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    process.put("C:\\APP\\l.dll", make_pe(dll="L.DLL", base=0x1000_0000, imports={"gone.dll": ["F"]}))
    process.load("l", load.DONT_RESOLVE_DLL_REFERENCES)
    assert process.calls == []


# --- thread-local data -----------------------------------------------------------------------------
def test_thread_local_data_is_per_thread_and_its_callbacks_run(process: FakeProcess) -> None:
    built = make_pe(tls=(b"template", 8), tls_callbacks=[32])
    process.put("C:\\APP\\prog.exe", built)
    exe = process.start("C:\\APP\\prog.exe")
    assert exe.tls is not None
    assert exe.tls_index is not None
    assert dword(process, exe.base + exe.tls.index) == exe.tls_index
    main_block = dword(process, process.task.tls_array + 4 * exe.tls_index)
    assert process.mem.read(main_block, 16) == b"template" + bytes(8)
    assert process.calls == [("PROG.EXE", ATTACH, 1)]
    thread = FakeTask(process, 2)
    process.run(attach.thread_attach(thread))
    block = dword(process, thread.tls_array + 4 * exe.tls_index)
    assert block not in (0, main_block)
    assert process.mem.read(block, 8) == b"template"
    process.run(attach.thread_detach(thread))
    assert process.freed == [block]
    assert [c[1] for c in process.calls] == [ATTACH, THREAD_ATTACH, THREAD_DETACH]


def test_thread_local_data_of_a_later_dll_reaches_existing_threads(process: FakeProcess) -> None:
    program(process)
    process.start("C:\\APP\\prog.exe")
    thread = FakeTask(process, 2)
    process.put("C:\\APP\\l.dll", make_pe(dll="L.DLL", base=0x1000_0000, tls=(b"abcd", 0), relocations=[]))
    module = process.load("l")
    assert module.tls_index is not None
    blocks = [dword(process, t.tls_array + 4 * module.tls_index) for t in (process.task, thread)]
    assert all(process.mem.read(block, 4) == b"abcd" for block in blocks)
    process.free(module)
    assert sorted(process.freed) == sorted(blocks)
