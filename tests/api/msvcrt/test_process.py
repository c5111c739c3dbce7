"""Start-up, exit, signals, threads, environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.harness import Guest, GuestDied

from .asm import Code

EXIT = """
; export first second order throwing
order: dd 0
first:
    shl dword [order], 4
    or dword [order], 1
    ret
second:
    shl dword [order], 4
    or dword [order], 2
    ret
throwing:
    mov eax, [esp+4]
    or [order], eax
    ret
"""


def test_exit_runs_its_functions_last_first_flushes_and_ends(guest: Guest, folder: Path) -> None:
    code = Code(guest, EXIT)
    guest.call("msvcrt.atexit", code["first"])
    assert guest.call("msvcrt._onexit", code["second"]) == code["second"]
    f = guest.call("msvcrt.fopen", b"f", b"w")
    guest.call("msvcrt.fputs", b"text", f)
    with pytest.raises(GuestDied) as died:
        guest.call("msvcrt.exit", 7)
    assert died.value.code == 7
    assert code.u32("order") == 0x21
    assert (folder / "f").read_bytes() == b"text"


def test_underscore_exit_does_neither(guest: Guest, folder: Path) -> None:
    code = Code(guest, EXIT)
    guest.call("msvcrt.atexit", code["first"])
    f = guest.call("msvcrt.fopen", b"f", b"w")
    guest.call("msvcrt.fputs", b"text", f)
    with pytest.raises(GuestDied):
        guest.call("msvcrt._exit", 7)
    assert code.u32("order") == 0
    assert (folder / "f").read_bytes() == b""


def test_cexit_returns(guest: Guest) -> None:
    code = Code(guest, EXIT)
    guest.call("msvcrt.atexit", code["first"])
    guest.call("msvcrt._cexit")
    guest.call("msvcrt._cexit")
    assert code.u32("order") == 1


def test_dllonexit_grows_the_dlls_table(guest: Guest) -> None:
    begin, end = guest.buffer(4), guest.buffer(4)
    table = guest.call("msvcrt.malloc", 4)
    begin.set(table.to_bytes(4, "little"))
    end.set(table.to_bytes(4, "little"))
    for fn in range(1, 101):
        assert guest.call("msvcrt.__dllonexit", fn, begin, end) == fn
    assert end.u32() - begin.u32() == 400
    assert [guest.mem.u32(begin.u32() + 4 * i) for i in range(100)] == list(range(1, 101))


def test_initterm_calls_what_is_there(guest: Guest) -> None:
    code = Code(guest, EXIT)
    table = guest.buffer(b"".join(x.to_bytes(4, "little") for x in (code["first"], 0, code["second"], code["first"])))
    guest.call("msvcrt._initterm", table, table.address + 16)
    assert code.u32("order") == 0x121


def test_abort_says_so_and_ends_with_3(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GuestDied) as died:
        guest.call("msvcrt.abort")
    assert died.value.code == 3
    assert "abnormal program termination" in capfd.readouterr().err


@pytest.mark.parametrize(("sig", "ends"), [(15, True), (2, True), (99, False)])
def test_the_default_action_of_a_signal_ends_the_program(guest: Guest, sig: int, ends: bool) -> None:
    if not ends:
        assert guest.call("msvcrt.raise", sig) != 0
        return
    with pytest.raises(GuestDied) as died:
        guest.call("msvcrt.raise", sig)
    assert died.value.code == 3


def test_a_signal_handler_is_called_once(guest: Guest) -> None:
    code = Code(guest, EXIT)
    assert guest.call("msvcrt.signal", 15, code["throwing"]) == 0
    assert guest.call("msvcrt.raise", 15) == 0
    assert code.u32("order") == 15
    assert guest.call("msvcrt.signal", 15, 1) == 0  # reset to SIG_DFL by its delivery
    assert guest.call("msvcrt.raise", 15) == 0  # ignored
    assert guest.call("msvcrt.signal", 77, 1) == 0xFFFFFFFF


def test_an_uncaught_cxx_exception_terminates(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    code = Code(guest, EXIT)
    guest.call("msvcrt.?set_terminate@@YAP6AXXZP6AXXZ@Z", code["first"])
    with pytest.raises(GuestDied) as died:
        guest.call("msvcrt._XcptFilter", 0xE06D7363, 0)
    assert died.value.code == 3
    assert code.u32("order") == 1
    assert "abnormal program termination" in capfd.readouterr().err


def test_an_exception_with_a_signal_handler_is_continued(guest: Guest) -> None:
    code = Code(guest, EXIT)
    guest.call("msvcrt.signal", 11, code["throwing"])
    assert guest.call("msvcrt._XcptFilter", 0xC0000005, 0) == 0xFFFFFFFF  # EXCEPTION_CONTINUE_EXECUTION
    assert code.u32("order") == 11


THREAD = """
; export start flag mine
flag: dd 0
mine: dd 0
start:
    mov eax, {_errno}
    call eax
    mov dword [eax], 55
    mov [mine], eax
    mov eax, [esp+4]
    mov [flag], eax
    inc eax
    ret 4
"""


def test_beginthreadex_gives_a_waitable_handle_and_an_exit_code(guest: Guest) -> None:
    code = Code(guest, THREAD, "_errno")
    number = guest.buffer(4)
    own = guest.call("msvcrt._errno")
    handle = guest.call("msvcrt._beginthreadex", 0, 0, code["start"], 41, 0, number)
    assert guest.call("kernel32.WaitForSingleObject", handle, 5000) == 0
    result = guest.buffer(4)
    assert guest.call("kernel32.GetExitCodeThread", handle, result)
    assert (code.u32("flag"), result.u32()) == (41, 42)
    assert number.u32() != guest.task.id
    assert own != code.u32("mine")
    assert guest.mem.u32(own) != 55


def test_a_suspended_thread_waits_for_resume(guest: Guest) -> None:
    code = Code(guest, THREAD, "_errno")
    handle = guest.call("msvcrt._beginthreadex", 0, 0, code["start"], 1, 4, 0)
    assert guest.call("kernel32.WaitForSingleObject", handle, 20) == 0x102
    assert code.u32("flag") == 0
    guest.call("kernel32.ResumeThread", handle)
    assert guest.call("kernel32.WaitForSingleObject", handle, 5000) == 0


def test_beginthread_closes_its_handle_and_the_record_goes(guest: Guest) -> None:
    from w9x_client.win32.msvcrt.state import Crt

    code = Code(guest, THREAD, "_errno")
    handles, threads = len(guest.process.handles), len(guest.process.state(Crt).threads)
    for _ in range(5):
        assert guest.call("msvcrt._beginthread", code["start"], 0, 9) != 0xFFFFFFFF

    async def others_end(t: object) -> None:
        while len(guest.process.tasks) > 1:
            await guest.task.sleep(1)

    guest.run(others_end)
    assert code.u32("flag") == 9
    assert len(guest.process.handles) == handles
    assert len(guest.process.state(Crt).threads) == threads


def test_a_thread_without_a_start_is_refused(guest: Guest) -> None:
    assert guest.call("msvcrt._beginthread", 0, 0, 0) == 0xFFFFFFFF
    assert guest.mem.u32(guest.call("msvcrt._errno")) == 22


def test_putenv_changes_both_environments(guest: Guest) -> None:
    assert guest.call("msvcrt.getenv", b"FOO") == 0
    assert guest.call("msvcrt._putenv", b"FOO=bar") == 0
    assert guest.mem.cstr(guest.call("msvcrt.getenv", b"foo")) == b"bar"
    buffer = guest.buffer(10)
    assert guest.call("kernel32.GetEnvironmentVariableA", b"FOO", buffer, 10) == 3
    entries = []
    at = guest.mem.u32(guest.call("msvcrt.__p__environ"))
    while guest.mem.u32(at):
        entries.append(guest.mem.cstr(guest.mem.u32(at)))
        at += 4
    assert b"FOO=bar" in entries
    assert guest.call("msvcrt._putenv", b"FOO=") == 0
    assert guest.call("msvcrt.getenv", b"FOO") == 0
    assert guest.call("msvcrt._putenv", b"nonsense") == 0xFFFFFFFF


def test_getmainargs_splits_the_command_line_and_expands_wildcards(guest: Guest, folder: Path) -> None:
    for name in ("b.c", "a.c", "x.h"):
        (folder / name).touch()
    guest.process.command_line = 'prog "*.c" *.c none.* last'
    argc, argv, envp = guest.buffer(4), guest.buffer(4), guest.buffer(4)
    assert guest.call("msvcrt.__getmainargs", argc, argv, envp, 1, 0) == 0
    found = [guest.mem.cstr(guest.mem.u32(argv.u32() + 4 * i)) for i in range(argc.u32())]
    assert found == [b"prog", b"*.c", b"a.c", b"b.c", b"none.*", b"last"]
    assert guest.mem.u32(argv.u32() + 4 * argc.u32()) == 0
    assert guest.mem.u32(guest.call("msvcrt.__p___argc")) == argc.u32()


def test_variables_are_there_without_any_call(guest: Guest) -> None:
    guest.address("msvcrt.strlen")  # loads the DLL
    variable = guest.process.variable
    iob = variable("msvcrt", "_iob")
    streams = [(guest.mem.u32(iob + 32 * i + 12), guest.mem.u32(iob + 32 * i + 16)) for i in range(3)]
    assert streams == [(1, 0), (2, 1), (2, 2)]  # (_flag, _file)
    assert guest.mem.u32(variable("msvcrt", "_winver")) == 0x040A
    assert guest.mem.cstr(guest.mem.u32(variable("msvcrt", "_acmdln"))) == guest.process.command_line.encode()
    classes = guest.mem.u32(variable("msvcrt", "_pctype"))
    assert guest.mem.u16(classes + 2 * ord("A")) == 0x81
    assert guest.mem.u16(classes - 2) == 0
    assert guest.mem.u32(variable("msvcrt", "__mb_cur_max")) == 1
    errors = variable("msvcrt", "_sys_errlist")
    assert guest.mem.cstr(guest.mem.u32(errors + 8)) == b"No such file or directory"


def test_setlocale_answers_and_refuses(guest: Guest) -> None:
    assert guest.mem.cstr(guest.call("msvcrt.setlocale", 0, 0)) == b"C"
    assert guest.call("msvcrt.setlocale", 0, b"Klingon") == 0
    assert guest.call("msvcrt.isalpha", 0xE9) == 0
    assert guest.mem.cstr(guest.call("msvcrt.setlocale", 0, b"")) == b"English_United States.1252"
    assert guest.call("msvcrt.isalpha", 0xE9) != 0
    assert guest.mem.cstr(guest.call("msvcrt.setlocale", 0, b"C")) == b"C"
    assert guest.call("msvcrt.isalpha", 0xE9) == 0
    assert guest.mem.cstr(guest.mem.u32(guest.call("msvcrt.localeconv"))) == b"."


@pytest.mark.parametrize("dll", ["crtdll", "msvcrt20", "msvcrt40"])
def test_the_older_runtimes_forward(guest: Guest, dll: str) -> None:
    module = guest.call("kernel32.LoadLibraryA", dll)
    function = guest.call("kernel32.GetProcAddress", module, "sprintf")
    assert function == guest.address("msvcrt.sprintf")
    iob = guest.call("kernel32.GetProcAddress", module, "_iob")
    assert iob == guest.process.variable("msvcrt", "_iob")


def test_crtdll_has_its_own_names(guest: Guest) -> None:
    guest.process.command_line = "prog x"
    guest.call("kernel32.LoadLibraryA", "crtdll")
    argc, argv, envp = guest.buffer(4), guest.buffer(4), guest.buffer(4)
    guest.call("crtdll.__GetMainArgs", argc, argv, envp, 0)
    assert argc.u32() == 2
    assert guest.mem.u32(guest.process.variable("crtdll", "_osmajor_dll")) == 4
