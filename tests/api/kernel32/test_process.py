"""Process identity, memory and handles; tool help; exceptions; NTDLL. Expected values: SDK documentation."""

from __future__ import annotations

import struct

import pytest

from ..harness import POISON, Guest, GuestDied

CURRENT = 0x7FFFFFFF


def test_the_pseudo_handle_of_windows_9x(guest: Guest) -> None:
    assert guest.call("kernel32.GetCurrentProcess") == CURRENT
    assert guest.call("kernel32.GetCurrentThread") == 0xFFFFFFFE
    assert guest.call("kernel32.CloseHandle", CURRENT) == 1
    code = guest.buffer(4)
    assert guest.call("kernel32.GetExitCodeProcess", 0xFFFFFFFF, code) == 1
    assert code.u32() == 259


def test_the_command_line_is_stable_and_has_both_spellings(guest: Guest) -> None:
    guest.process.command_line = 'prog.exe "a b" \u20ac'
    narrow = guest.call("kernel32.GetCommandLineA")
    assert guest.mem.cstr(narrow) == b'prog.exe "a b" \x80'
    assert guest.mem.wide(guest.call("kernel32.GetCommandLineW")) == 'prog.exe "a b" \u20ac'
    assert guest.call("kernel32.GetCommandLineA") == narrow


def test_startup_info_says_what_the_parent_said(guest: Guest) -> None:
    guest.process.startup = {"dwFlags": 1, "wShowWindow": 7, "lpTitle": "hello"}
    info = guest.buffer(68)
    guest.call("kernel32.GetStartupInfoA", info)
    fields = struct.unpack("<12I2H4I", info.bytes)
    assert fields[0] == 68
    assert guest.mem.cstr(fields[3]) == b"hello"
    assert (fields[11], fields[12], fields[13], fields[14]) == (1, 7, 0, 0)


def test_memory_of_this_process_is_read_and_written(guest: Guest) -> None:
    source, target, count = guest.buffer(b"some bytes"), guest.buffer(10), guest.buffer(4)
    assert guest.call("kernel32.ReadProcessMemory", CURRENT, source, target, 10, count) == 1
    assert (target.bytes, count.u32()) == (b"some bytes", 10)
    assert guest.call("kernel32.ReadProcessMemory", CURRENT, 0x1234, target, 10, count) == 0
    assert (guest.last_error, count.u32()) == (998, 0)
    assert guest.call("kernel32.WriteProcessMemory", CURRENT, target, guest.buffer(b"SOME"), 4, 0) == 1
    assert target.bytes == b"SOME bytes"


def test_duplicating_makes_real_handles(guest: Guest) -> None:
    target = guest.buffer(4)
    assert guest.call("kernel32.DuplicateHandle", CURRENT, 0xFFFFFFFE, CURRENT, target, 0, 0, 2) == 1
    assert guest.call("kernel32.GetThreadPriority", target.u32()) == 0
    assert guest.call("kernel32.CloseHandle", target.u32()) == 1
    assert guest.call("kernel32.CloseHandle", target.u32()) == 0
    assert guest.last_error == 6


def test_duplicate_close_source_leaves_one_handle(guest: Guest) -> None:
    event, target = guest.call("kernel32.CreateEventA", 0, 0, 0, 0), guest.buffer(4)
    assert guest.call("kernel32.DuplicateHandle", CURRENT, event, CURRENT, target, 0, 0, 3) == 1
    assert guest.call("kernel32.SetEvent", target.u32()) == 1
    if target.u32() != event:
        assert guest.call("kernel32.SetEvent", event) == 0


def test_a_protected_handle_is_not_closed(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 0, 0)
    flags = guest.buffer(4)
    assert guest.call("kernel32.SetHandleInformation", event, 3, 2) == 1
    assert guest.call("kernel32.GetHandleInformation", event, flags) == 1
    assert flags.u32() == 2
    assert guest.call("kernel32.CloseHandle", event) == 0
    guest.call("kernel32.SetHandleInformation", event, 2, 0)
    assert guest.call("kernel32.CloseHandle", event) == 1


def test_inheritance_comes_from_the_security_attributes(guest: Guest) -> None:
    flags = guest.buffer(4)
    event = guest.call("kernel32.CreateEventA", guest.buffer(struct.pack("<III", 12, 0, 1)), 0, 0, 0)
    guest.call("kernel32.GetHandleInformation", event, flags)
    assert flags.u32() == 1


def test_open_process_knows_this_process_only_by_its_id(guest: Guest) -> None:
    number = guest.call("kernel32.GetCurrentProcessId")
    handle = guest.call("kernel32.OpenProcess", 0x1F0FFF, 0, number)
    assert guest.call("kernel32.WaitForSingleObject", handle, 0) == 0x102
    assert guest.call("kernel32.OpenProcess", 0x1F0FFF, 0, number ^ 0x5550) == 0
    assert guest.last_error == 87


def test_terminating_this_process_ends_it(guest: Guest) -> None:
    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.TerminateProcess", CURRENT, 9)
    assert died.value.code == 9


@pytest.mark.parametrize("name,count", [("GetProcessTimes", 5), ("GetThreadTimes", 5), ("CreateRemoteThread", 7)])
def test_what_windows_9x_does_not_support_says_so(guest: Guest, name: str, count: int) -> None:
    assert guest.call(f"kernel32.{name}", CURRENT, *[0] * (count - 1)) == 0
    assert guest.last_error == 120


def test_a_snapshot_lists_this_process_its_thread_and_modules(guest: Guest) -> None:
    snapshot = guest.call("kernel32.CreateToolhelp32Snapshot", 0xF, 0)
    process = guest.buffer(struct.pack("<I", 296) + bytes(292))
    assert guest.call("kernel32.Process32First", snapshot, process) == 1
    assert process.u32(2) == guest.call("kernel32.GetCurrentProcessId")
    assert guest.call("kernel32.Process32Next", snapshot, process) == 0
    assert guest.last_error == 18
    module = guest.buffer(struct.pack("<I", 548) + bytes(544))
    names = set()
    found = guest.call("kernel32.Module32First", snapshot, module)
    while found:
        names.add(module.bytes[32:].split(b"\0")[0].upper())
        found = guest.call("kernel32.Module32Next", snapshot, module)
    assert b"KERNEL32.DLL" in names
    thread = guest.buffer(struct.pack("<I", 28) + bytes(24))
    assert guest.call("kernel32.Thread32First", snapshot, thread) == 1
    assert thread.u32(2) == guest.call("kernel32.GetCurrentThreadId")
    heap = guest.buffer(struct.pack("<I", 16) + bytes(12))
    assert guest.call("kernel32.Heap32ListFirst", snapshot, heap) == 1
    assert heap.u32(2) == guest.call("kernel32.GetProcessHeap")
    assert guest.call("kernel32.CloseHandle", snapshot) == 1


def test_a_snapshot_entry_of_the_wrong_size_is_refused(guest: Guest) -> None:
    snapshot = guest.call("kernel32.CreateToolhelp32Snapshot", 2, 0)
    assert guest.call("kernel32.Process32First", snapshot, guest.buffer(struct.pack("<I", 100) + bytes(300))) == 0
    assert guest.last_error == 87


# --- exceptions ---------------------------------------------------------------------------
def test_raise_exception_reaches_the_frame_handler_with_its_arguments(guest: Guest) -> None:
    seen = guest.buffer(bytes(80))
    # handler(record, frame, context, dispatcher): copy 20 dwords of the record, continue execution
    handler = guest.code(
        bytes.fromhex("56 57 8b74240c bf") + struct.pack("<I", seen.address)
        + bytes.fromhex("b914000000 f3a5 5f 5e 31c0 c3")
    )  # fmt: skip
    arguments = guest.buffer(struct.pack("<3I", 11, 22, 33))
    code = guest.code(
        b"\x68" + struct.pack("<I", handler) + bytes.fromhex("64ff3500000000 64892500000000")
        + b"\x68" + struct.pack("<I", arguments.address) + bytes.fromhex("6a03 6a00 68") + struct.pack("<I", 0xE1234567)
        + b"\xb8" + struct.pack("<I", guest.address("kernel32.RaiseException")) + b"\xff\xd0"
        + bytes.fromhex("648f0500000000 83c404 b807000000 c3")
    )  # fmt: skip
    assert guest.call_at(code) == 7
    record = struct.unpack("<20I", seen.bytes)
    assert record[0] == 0xE1234567
    assert record[4:8] == (3, 11, 22, 33)


def test_the_top_level_filter_is_replaced_and_returned(guest: Guest) -> None:
    assert guest.call("kernel32.SetUnhandledExceptionFilter", 0x1111) == 0
    assert guest.call("kernel32.SetUnhandledExceptionFilter", 0x2222) == 0x1111


def test_the_top_level_filter_decides_over_an_unhandled_exception(guest: Guest) -> None:
    execute_handler = guest.code(bytes.fromhex("b801000000 c20400"))
    guest.call("kernel32.SetUnhandledExceptionFilter", execute_handler)
    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.RaiseException", 0xE0000001, 0, 0, 0)
    assert died.value.code == 0xE0000001


def test_the_top_level_filter_may_continue_execution(guest: Guest) -> None:
    continue_execution = guest.code(bytes.fromhex("83c8ff c20400"))
    guest.call("kernel32.SetUnhandledExceptionFilter", continue_execution)
    guest.call("kernel32.RaiseException", 0xE0000001, 0, 0, 0)
    assert guest.last_error == POISON


def test_error_modes_are_kept(guest: Guest) -> None:
    assert guest.call("kernel32.SetErrorMode", 0x8003) == 0
    assert guest.call("kernel32.SetErrorMode", 0) == 0x8003


def test_fatal_app_exit_says_why(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.FatalAppExitA", 0, "out of luck")
    assert died.value.code == 1
    assert "out of luck" in capfd.readouterr().err


# --- NTDLL --------------------------------------------------------------------------------
def test_counted_strings_are_made_converted_and_freed(guest: Guest) -> None:
    source, target = guest.buffer(8), guest.buffer(bytes(8))
    text = guest.wide("caf\u00e9")
    guest.call("ntdll.RtlInitUnicodeString", source, text)
    assert struct.unpack("<HHI", source.bytes) == (8, 10, text.address)
    assert guest.call("ntdll.RtlUnicodeStringToAnsiString", target, source, 1) == 0
    length, maximum, address = struct.unpack("<HHI", target.bytes)
    assert (length, maximum, guest.mem.cstr(address)) == (4, 5, b"caf\xe9")
    guest.call("ntdll.RtlFreeAnsiString", target)
    assert target.bytes == bytes(8)


def test_a_conversion_into_a_short_buffer_overflows(guest: Guest) -> None:
    source = guest.buffer(8)
    guest.call("ntdll.RtlInitUnicodeString", source, guest.wide("long"))
    target = guest.buffer(struct.pack("<HHI", 0, 4, guest.buffer(4).address))
    assert guest.call("ntdll.RtlUnicodeStringToAnsiString", target, source, 0) == 0x80000005


@pytest.mark.parametrize("dll", ["kernel32", "ntdll"])
def test_memory_functions(guest: Guest, dll: str) -> None:
    block = guest.buffer(b"abcdefgh")
    guest.call(f"{dll}.RtlMoveMemory", block.address + 2, block, 4)
    assert block.bytes == b"ababcdgh"
    guest.call(f"{dll}.RtlFillMemory", block, 2, 0x5A)
    guest.call(f"{dll}.RtlZeroMemory", block.address + 6, 2)
    assert block.bytes == b"ZZabcd\0\0"


def test_ntdlls_unwind_is_kernel32s(guest: Guest) -> None:
    ntdll = guest.call("kernel32.LoadLibraryA", "ntdll")
    assert guest.call("kernel32.GetProcAddress", ntdll, b"RtlUnwind") == guest.address("kernel32.RtlUnwind")
