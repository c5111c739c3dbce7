"""How a call travels: stub, gate, decoder, result, faults, exceptions, callbacks and threads."""

from __future__ import annotations

import pytest

from tests.guest.build import assemble

from .harness import Guest, GuestDied


def code(guest: Guest, source: str) -> int:
    """Assembled guest code in memory; `org` is where it stands."""
    draft = assemble(f"org 0\n{source}")
    address = guest.code(bytes(len(draft) + 16))
    guest.mem.write(address, assemble(f"org {address}\n{source}"))
    return address


def test_an_export_nobody_implements_ends_the_process_by_name(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GuestDied):
        guest.call("kernel32.CommConfigDialogA", 0, 0, 0)
    assert "kernel32.CommConfigDialogA is not implemented" in capfd.readouterr().err


def test_an_unhandled_division_by_zero_reports_place_and_registers(
    guest: Guest, capfd: pytest.CaptureFixture[str]
) -> None:
    divide = code(guest, "mov eax, 1\nxor ecx, ecx\nxor edx, edx\ndiv ecx\nret")
    with pytest.raises(GuestDied) as died:
        guest.call_at(divide)
    assert died.value.code == 0xC0000094
    text = capfd.readouterr().err
    assert "integer division by zero" in text
    assert "eax=00000001" in text
    assert "last calls:" not in text or "kernel32" in text


SKIPPING_HANDLER = """
handler:                        ; (record, frame, context, dispatcher): skip two bytes, EAX := 5
    mov ecx, [esp + 4]
    mov eax, [ecx]
    mov [seen], eax
    mov ecx, [esp + 12]
    mov dword [ecx + 0xB0], 5
    add dword [ecx + 0xB8], 2
    xor eax, eax
    ret
seen: dd 0
"""


def guarded(body: str, handler: str = SKIPPING_HANDLER) -> str:
    return f"""
    push handler
    push dword [fs:0]
    mov [fs:0], esp
    {body}
    pop dword [fs:0]
    add esp, 4
    ret
    {handler}
    """


def test_a_handler_on_the_chain_continues_execution(guest: Guest) -> None:
    assert guest.call_at(code(guest, guarded("xor eax, eax\nmov eax, [eax]"))) == 5


def test_a_handler_sees_every_one_of_many_faults(guest: Guest) -> None:
    body = "mov esi, 1000\nxor edi, edi\nl: xor eax, eax\nmov eax, [eax]\nadd edi, eax\ndec esi\njnz l\nmov eax, edi"
    assert guest.call_at(code(guest, guarded(body))) == 5000


def test_a_bad_pointer_in_an_api_call_is_an_access_violation_at_its_caller(guest: Guest) -> None:
    # the handler unwinds by hand: it puts ESP back to the frame and goes on behind the call
    target = guest.address("kernel32.GetSystemTime")
    source = guarded(
        f"push dword 0x00000010\nmov eax, {target}\ncall eax\nmov eax, 1\nbehind:",
        """
handler:
    mov eax, [esp + 4]
    mov ecx, [eax]              ; code
    mov edx, [eax + 24]         ; address
    mov esp, [esp + 8]
    mov eax, ecx
    xor eax, edx
    jmp behind
        """,
    )
    assert guest.call_at(code(guest, source)) == 0xC0000005 ^ 0x10
    assert guest.call("kernel32.GetCurrentThreadId") != 0, "the thread goes on as if nothing had happened"


def test_raise_exception_reaches_the_handler_and_returns_when_continued(guest: Guest) -> None:
    raising = guest.address("kernel32.RaiseException")
    source = guarded(
        f"push 0\npush 0\npush 0\npush dword 0xE0001234\nmov eax, {raising}\ncall eax\nmov eax, [seen]",
        """
handler:
    mov ecx, [esp + 4]
    mov eax, [ecx]
    mov [seen], eax
    xor eax, eax
    ret
seen: dd 0
        """,
    )
    assert guest.call_at(code(guest, source)) == 0xE0001234


def test_rtl_unwind_calls_the_inner_handlers_with_the_unwinding_flag(guest: Guest) -> None:
    unwind = guest.address("kernel32.RtlUnwind")
    source = f"""
    push outer
    push dword [fs:0]
    mov [fs:0], esp
    mov ebx, esp
    push inner
    push dword [fs:0]
    mov [fs:0], esp
    push 0x77
    push 0
    push back
    push ebx
    mov eax, {unwind}
    call eax
back:
    cmp eax, 0x77
    jne bad
    cmp [fs:0], ebx
    jne bad
    mov esp, ebx
    pop dword [fs:0]
    add esp, 4
    mov eax, [flags]
    ret
bad: mov eax, -1
    ret
inner:
    mov ecx, [esp + 4]
    mov eax, [ecx + 4]
    mov [flags], eax
    mov eax, 1
    ret
outer: mov eax, 1
    ret
flags: dd 0
    """
    assert guest.call_at(code(guest, source)) & 2


def test_stack_overflow_is_an_exception_that_can_be_handled(guest: Guest) -> None:
    source = """
    push handler
    push dword [fs:0]
    mov [fs:0], esp
    mov [frame], esp
recurse:
    push eax
    call recurse
handler:
    mov eax, [esp + 4]
    mov eax, [eax]
    mov esp, [frame]
    pop dword [fs:0]
    add esp, 4
    ret
frame: dd 0
    """
    assert guest.call_at(code(guest, source)) == 0xC00000FD


@pytest.mark.parametrize("depth", [1, 50, 300])
def test_callbacks_nest_as_deep_as_the_guest_s_stack(guest: Guest, depth: int) -> None:
    """qsort's comparison function sorts again, ``depth`` times."""
    qsort = guest.address("msvcrt.qsort")
    source = f"""
    mov ecx, [esp + 4]
    call sort
    mov eax, [count]
    ret
sort:                           ; ecx = levels left
    test ecx, ecx
    jz done
    push ecx
    mov [level], ecx
    push compare
    push 4
    push 2
    push items
    mov eax, {qsort}
    call eax
    add esp, 16
    pop ecx
done: ret
compare:
    inc dword [count]
    mov ecx, [level]
    dec ecx
    call sort
    xor eax, eax
    ret
count: dd 0
level: dd 0
items: dd 1, 2
    """
    assert guest.call_at(code(guest, source), depth) == depth


def test_sixteen_threads_share_the_processor_and_keep_their_state(guest: Guest) -> None:
    counter = guest.buffer(bytes(64))
    worker = code(
        guest,
        """
    mov ecx, 300000
    mov edx, [esp + 4]
l:  inc dword [edx]
    push ecx
    pop ecx
    dec ecx
    jnz l
    mov eax, [edx]
    ret 4
    """,
    )
    handles = [
        guest.call("kernel32.CreateThread", 0, 0, worker, counter.address + 4 * index, 0, 0) for index in range(16)
    ]
    assert all(handles)
    array = guest.buffer(b"".join(h.to_bytes(4, "little") for h in handles))
    assert guest.call("kernel32.WaitForMultipleObjects", 16, array, 1, 0xFFFFFFFF) == 0
    assert [counter.u32(index) for index in range(16)] == [300000] * 16


def test_preempted_threads_take_turns(guest: Guest) -> None:
    """A thread that spins on a flag is preempted, so that the other can set it."""
    guest.tick()
    flag = guest.buffer(bytes(4))
    spinner = code(guest, "mov edx, [esp + 4]\nl: cmp dword [edx], 0\nje l\nmov eax, 7\nret 4")
    setter = code(guest, "mov edx, [esp + 4]\nmov dword [edx], 1\nxor eax, eax\nret 4")
    first = guest.call("kernel32.CreateThread", 0, 0, spinner, flag.address, 0, 0)
    guest.call("kernel32.CreateThread", 0, 0, setter, flag.address, 0, 0)
    assert guest.call("kernel32.WaitForSingleObject", first, 10_000) == 0
    result = guest.buffer(4)
    guest.call("kernel32.GetExitCodeThread", first, result)
    assert result.u32() == 7


def test_a_thread_that_ends_itself_leaves_no_reservation(guest: Guest) -> None:
    worker = code(guest, "mov eax, 1\nret 4")
    guest.call("kernel32.WaitForSingleObject", guest.call("kernel32.CreateThread", 0, 0, worker, 0, 0, 0), 0xFFFFFFFF)
    before = [item.base for item in guest.process.space.reservations()]
    for _ in range(50):
        handle = guest.call("kernel32.CreateThread", 0, 0, worker, 0, 0, 0)
        assert guest.call("kernel32.WaitForSingleObject", handle, 0xFFFFFFFF) == 0
        assert guest.call("kernel32.CloseHandle", handle) == 1
    assert [item.base for item in guest.process.space.reservations()] == before
