"""Callbacks, setjmp, structured and C++ exceptions: code as Visual C++ 6 compiles it, in assembly."""

from __future__ import annotations

import random
import struct

import pytest

from tests.api.harness import Guest

from .asm import Code

COMPARE = """
; export compare calls
calls: dd 0
compare:
    inc dword [calls]
    mov eax, [esp+4]
    mov eax, [eax]
    mov ecx, [esp+8]
    sub eax, [ecx]
    ret
"""


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 100])
def test_qsort_sorts_by_the_guests_function(guest: Guest, count: int) -> None:
    code = Code(guest, COMPARE)
    values = [random.Random(count).randrange(1000) for _ in range(count)]
    array = guest.buffer(struct.pack(f"<{count}i", *values) + b"end")
    guest.call("msvcrt.qsort", array, count, 4, code["compare"])
    assert list(struct.unpack(f"<{count}i", array.bytes[:-3])) == sorted(values)
    assert array.bytes[-3:] == b"end"
    assert code.u32("calls") <= max(0, count * max(count - 1, 1).bit_length())


def test_qsort_of_a_sorted_array_compares_neighbours_once(guest: Guest) -> None:
    code = Code(guest, COMPARE)
    array = guest.buffer(struct.pack("<50i", *range(50)))
    guest.call("msvcrt.qsort", array, 50, 4, code["compare"])
    assert code.u32("calls") == 49


def test_bsearch_and_lfind(guest: Guest) -> None:
    code = Code(guest, COMPARE)
    array = guest.buffer(struct.pack("<5i", 1, 3, 5, 7, 9))
    for key, index in ((1, 0), (9, 4), (5, 2), (4, None)):
        wanted = guest.buffer(struct.pack("<i", key))
        expected = 0 if index is None else array.address + 4 * index
        assert guest.call("msvcrt.bsearch", wanted, array, 5, 4, code["compare"]) == expected
        number = guest.buffer(struct.pack("<i", 5))
        assert guest.call("msvcrt._lfind", wanted, array, number, 4, code["compare"]) == expected


SETJMP = """
; export jump sort_jump env
env: times 16 dd 0
jump:
    push ebx
    push esi
    push edi
    mov ebx, 11h
    mov esi, 22h
    push dword 0
    push dword env
    mov eax, {_setjmp3}
    call eax
    add esp, 8
    test eax, eax
    jnz .back
    mov ebx, 99h
    mov esi, 99h
    sub esp, 100
    push dword [esp+100+16]
    push dword env
    mov eax, {longjmp}
    call eax
    hlt
.back:
    shl eax, 16
    mov ah, bl
    add eax, esi
    pop edi
    pop esi
    pop ebx
    ret
array: dd 3, 2, 1
sort_jump:
    push dword 0
    push dword env
    mov eax, {_setjmp3}
    call eax
    add esp, 8
    test eax, eax
    jnz .back
    push dword leave
    push dword 4
    push dword 3
    push dword array
    mov eax, {qsort}
    call eax
    hlt
.back:
    ret
leave:
    push dword 7
    push dword env
    mov eax, {longjmp}
    call eax
    hlt
"""


def test_longjmp_returns_to_setjmp_with_its_registers(guest: Guest) -> None:
    code = Code(guest, SETJMP, "_setjmp3", "longjmp", "qsort")
    assert code.call("jump", 5) == 0x51122
    assert code.call("jump", 0) == 0x11122  # a value of 0 becomes 1


def test_longjmp_leaves_a_callback_of_qsort(guest: Guest) -> None:
    code = Code(guest, SETJMP, "_setjmp3", "longjmp", "qsort")
    for _ in range(3):
        assert code.call("sort_jump") == 7
    assert len(guest.task.frames) <= 2


# int f(int mode): __try { __try { fault } __finally { order } } __except (filter) { } The filter's answer is `mode`;
# 'order' collects 1 for the filter, 2 for __finally, 3 for the handler.
SEH = """
; export f order code answer
order: dd 0
code: dd 0
answer: dd 0
scopes:
    dd -1, filter, handler
    dd 0, 0, finally
f:
    push ebp
    mov ebp, esp
    push dword -1
    push dword scopes
    push dword {_except_handler3}
    mov eax, [fs:0]
    push eax
    mov [fs:0], esp
    sub esp, 8
    push ebx
    push esi
    push edi
    mov [ebp-18h], esp
    mov dword [ebp-4], 0
    mov dword [ebp-4], 1
    xor eax, eax
fault:
    mov byte [eax], 1
    mov dword [ebp-4], 0
    push dword 111
    call finally
    mov dword [ebp-4], -1
    pop eax
    jmp out
filter:
    mov ecx, [ebp-14h]
    mov eax, [ecx]
    mov eax, [eax]
    mov [code], eax
    mov eax, [ecx+4]            ; CONTEXT
    mov dword [eax+0B0h], spare ; Eax, for "continue execution"
    call note
    dd 1
    mov eax, [answer]
    ret
finally:
    call note
    dd 2
    ret
handler:
    mov esp, [ebp-18h]
    call note
    dd 3
    mov dword [ebp-4], -1
    mov eax, 222
out:
    mov ecx, [ebp-10h]
    mov [fs:0], ecx
    pop edi
    pop esi
    pop ebx
    mov esp, ebp
    pop ebp
    ret
note:
    pop edx
    mov eax, [order]
    shl eax, 4
    or eax, [edx]
    mov [order], eax
    add edx, 4
    jmp edx
spare: dd 0
"""


def test_an_except_block_runs_after_the_finally_inside_it(guest: Guest) -> None:
    code = Code(guest, SEH, "_except_handler3")
    guest.mem.put32(code["answer"], 1)  # EXCEPTION_EXECUTE_HANDLER
    assert code.call("f") == 222
    assert code.u32("code") == 0xC0000005
    assert code.u32("order") == 0x123


def test_a_filter_may_mend_the_cause_and_continue(guest: Guest) -> None:
    code = Code(guest, SEH, "_except_handler3")
    guest.mem.put32(code["answer"], 0xFFFFFFFF)  # EXCEPTION_CONTINUE_EXECUTION
    assert code.call("f") == 111
    assert code.u32("order") == 0x12


def test_frames_do_not_pile_up_over_many_exceptions(guest: Guest) -> None:
    code = Code(guest, SEH, "_except_handler3")
    guest.mem.put32(code["answer"], 1)
    for _ in range(200):
        guest.mem.put32(code["order"], 0)
        assert code.call("f") == 222
    assert len(guest.task.frames) <= 2


# C++: throw int from `thrower`, through `middle`, which has an object to destroy, to `f`, which catches it.
CXX = """
%macro prolog 1
    push ebp
    mov ebp, esp
    push dword -1
    push dword %1
    mov eax, [fs:0]
    push eax
    mov [fs:0], esp
    sub esp, 20h
    push ebx
    push esi
    push edi
    mov [ebp-10h], esp
%endmacro
%macro epilog 0
    mov ecx, [ebp-0Ch]
    mov [fs:0], ecx
    lea esp, [ebp-38h]
    pop edi
    pop esi
    pop ebx
    mov esp, ebp
    pop ebp
    ret
%endmacro
; export f rethrow nested jump destroyed seen handlers value
destroyed: dd 0
seen: dd 0
value: dd 0
handler_at: dd {__CxxFrameHandler}

f:
    prolog f_handler
    mov dword [ebp-4], 0
    call middle
    mov eax, 1
    jmp f_out
f_catch:
    mov eax, [ebp-14h]
    mov [seen], eax
    mov eax, [destroyed]
    shl eax, 8
    mov [value], eax
    mov eax, f_caught
    ret
f_caught:
    mov eax, 2
f_out:
    mov dword [ebp-4], -1
    epilog
f_handler:
    mov eax, f_info
    jmp [handler_at]
f_info: dd 19930520h, 2, f_unwind, 1, f_try, 0, 0
f_unwind: dd -1, 0, -1, 0
f_try: dd 0, 0, 1, 1, handlers
handlers: dd 0, type_int, -14h, f_catch

middle:
    prolog middle_handler
    mov dword [ebp-4], 0
    call thrower
    hlt
middle_destroy:
    inc dword [destroyed]
    ret
middle_handler:
    mov eax, middle_info
    jmp [handler_at]
middle_info: dd 19930520h, 1, middle_unwind, 0, 0, 0, 0
middle_unwind: dd -1, middle_destroy

thrower:
    push dword 42
    mov eax, esp
    push dword throw_int
    push eax
    mov eax, {_CxxThrowException}
    call eax
    hlt

throw_int: dd 0, 0, 0, types_int
types_int: dd 1, catchable_int
catchable_int: dd 1, type_int, 0, -1, 0, 4, 0
type_int: dd 0, 0
    db ".H", 0
align 4
type_other: dd 0, 0
    db ".N", 0
align 4

; calls f's middle, catches everything, throws it again; the caller catches the int
rethrow:
    prolog rethrow_handler
    mov dword [ebp-4], 0
    call catch_all
    hlt
rethrow_catch:
    mov eax, [ebp-14h]
    mov eax, [eax]
    mov [seen], eax
    mov eax, rethrow_caught
    ret
rethrow_caught:
    mov eax, 3
    mov dword [ebp-4], -1
    epilog
rethrow_handler:
    mov eax, rethrow_info
    jmp [handler_at]
rethrow_info: dd 19930520h, 2, f_unwind, 1, rethrow_try, 0, 0
rethrow_try: dd 0, 0, 1, 2, rethrow_handlers
rethrow_handlers:
    dd 0, type_other, 0, bad
    dd 8, type_int, -14h, rethrow_catch     ; by reference
bad: hlt

catch_all:
    prolog catch_all_handler
    mov dword [ebp-4], 0
    call middle
    hlt
catch_all_catch:
    add dword [value], 100h
    push dword 0
    push dword 0
    mov eax, {_CxxThrowException}
    call eax
    hlt
catch_all_handler:
    mov eax, catch_all_info
    jmp [handler_at]
catch_all_info: dd 19930520h, 2, f_unwind, 1, catch_all_try, 0, 0
catch_all_try: dd 0, 0, 1, 1, catch_all_handlers
catch_all_handlers: dd 0, 0, 0, catch_all_catch

; try { try { throw int } catch (int) { throw int } } catch (int), in one function
nested:
    prolog nested_handler
    mov dword [ebp-4], 1
    call middle
    hlt
nested_inner:
    add dword [value], 1
    call middle
    hlt
nested_outer:
    add dword [value], 10h
    mov eax, nested_done
    ret
nested_done:
    mov eax, [value]
    mov dword [ebp-4], -1
    epilog
nested_handler:
    mov eax, nested_info
    jmp [handler_at]
nested_info: dd 19930520h, 4, nested_unwind, 2, nested_try, 0, 0
nested_unwind: dd -1, 0, 0, 0, 0, 0, -1, 0
nested_try:
    dd 1, 1, 2, 1, nested_inner_handlers
    dd 0, 2, 3, 1, nested_outer_handlers
nested_inner_handlers: dd 0, type_int, -14h, nested_inner
nested_outer_handlers: dd 0, type_int, -14h, nested_outer
"""
JUMP = """
env: times 16 dd 0
; setjmp in a function with an object to destroy above its state 0; longjmp destroys it
jump:
    prolog jump_handler
    mov dword [ebp-4], 0
    push dword jump_info
    push dword [ebp-4]
    push dword {__CxxLongjmpUnwind}
    push dword 3
    push dword env
    mov eax, {_setjmp3}
    call eax
    add esp, 20
    test eax, eax
    jnz .back
    mov dword [ebp-4], 1
    push dword 9
    push dword env
    mov eax, {longjmp}
    call eax
    hlt
.back:
    mov dword [ebp-4], -1
    epilog
jump_handler:
    mov eax, jump_info
    jmp [handler_at]
jump_info: dd 19930520h, 2, jump_unwind, 0, 0, 0, 0
jump_unwind: dd -1, jump_bad, 0, middle_destroy
jump_bad: hlt
"""
EXPORTS = ("__CxxFrameHandler", "_CxxThrowException", "__CxxLongjmpUnwind", "_setjmp3", "longjmp")


def test_a_thrown_int_is_caught_by_value_after_the_objects_between_are_destroyed(guest: Guest) -> None:
    code = Code(guest, CXX + JUMP, *EXPORTS)
    for round_ in (1, 2, 3):
        assert code.call("f") == 2
        assert code.u32("seen") == 42
        assert code.u32("destroyed") == round_ == code.u32("value") >> 8
    assert len(guest.task.frames) <= 2


def test_a_catch_all_block_may_throw_the_exception_again(guest: Guest) -> None:
    code = Code(guest, CXX + JUMP, *EXPORTS)
    assert code.call("rethrow") == 3
    assert (code.u32("seen"), code.u32("value"), code.u32("destroyed")) == (42, 0x100, 1)
    from w9x_client.win32.msvcrt.state import Crt

    assert guest.process.state(Crt).thread(guest.task.id).caught == []


def test_a_catch_block_may_throw_into_the_enclosing_try_of_its_function(guest: Guest) -> None:
    code = Code(guest, CXX + JUMP, *EXPORTS)
    assert code.call("nested") == 0x11


def test_longjmp_destroys_the_objects_of_the_frame_it_returns_to(guest: Guest) -> None:
    code = Code(guest, CXX + JUMP, *EXPORTS)
    assert code.call("jump") == 9
    assert code.u32("destroyed") == 1


def test_an_exception_of_another_type_is_not_caught(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    from tests.api.harness import GuestDied

    code = Code(guest, CXX.replace("handlers: dd 0, type_int", "handlers: dd 0, type_other") + JUMP, *EXPORTS)
    with pytest.raises(GuestDied) as died:
        code.call("f")
    assert died.value.code == 0xE06D7363
    assert "C++ exception" in capfd.readouterr().err


@pytest.mark.parametrize("field", range(0, 28, 4))
def test_damaged_tables_end_the_program_and_not_the_client(guest: Guest, field: int) -> None:
    from tests.api.harness import GuestDied

    source = CXX.replace("; export f", "; export f_info f")
    code = Code(guest, source + JUMP, *EXPORTS)
    guest.mem.put32(code["f_info"] + field, 0x7FFFFFFF)
    codes = set()
    try:
        code.call("f")
    except GuestDied as died:
        codes.add(died.code)
    assert codes <= {0xE06D7363, 0xC0000005, 3}


PROLOG = """
; export f
f:
    mov eax, 1234h
    mov ecx, {_EH_prolog}
    call ecx
    mov eax, [ebp-8]
    add eax, [ebp-4]
    mov ecx, [ebp-0Ch]
    mov [fs:0], ecx
    mov esp, ebp
    pop ebp
    ret
"""


def test_eh_prolog_builds_the_frame(guest: Guest) -> None:
    code = Code(guest, PROLOG, "_EH_prolog")
    assert code.call("f") == 0x1233


X87 = """
; export trunc power
number: dq -2.75
base: dq 2.0
ten: dq 10.0
result: dq 0
trunc:
    fld qword [number]
    mov eax, {_ftol}
    call eax
    ret
power:
    fld qword [base]
    fld qword [ten]
    mov eax, {_CIpow}
    call eax
    fistp dword [result]
    mov eax, [result]
    fnstsw ax
    shr eax, 11
    and eax, 7
    shl eax, 16
    add eax, [result]
    ret
"""


def test_ftol_and_the_intrinsics_take_the_x87_stack(guest: Guest) -> None:
    code = Code(guest, X87, "_ftol", "_CIpow")
    assert code.call("trunc") == 0xFFFFFFFE
    assert code.call("power") == 1024  # and the stack is empty: TOP is 0 again


def test_controlfp_changes_the_masked_bits(guest: Guest) -> None:
    guest.call("msvcrt._fpreset")
    before = guest.call("msvcrt._controlfp", 0, 0)
    assert before == 0x9001F  # _PC_53, _RC_NEAR, every exception masked (MSDN's default)
    assert guest.call("msvcrt._controlfp", 0x300, 0x300) == 0x9031F
    assert guest.task.cpu.fpu_control & 0xC00 == 0xC00
    guest.call("msvcrt._fpreset")
    assert guest.call("msvcrt._controlfp", 0, 0) == before


# class A { virtual }; class B { virtual }; class C : A, B
RTTI = """
; export c b type_a type_b type_c type_d
c: dd c_table_a, 0, c_table_b
b: dd b_table, 0
dd locator_ca
c_table_a: dd 0
dd locator_cb
c_table_b: dd 0
dd locator_b
b_table: dd 0
locator_ca: dd 0, 0, 0, type_c, hierarchy_c
locator_cb: dd 0, 8, 0, type_c, hierarchy_c
locator_b: dd 0, 0, 0, type_b, hierarchy_b
hierarchy_c: dd 0, 1, 3, bases_c
bases_c: dd base_c, base_a, base_cb
hierarchy_b: dd 0, 0, 1, bases_b
bases_b: dd base_b
base_c: dd type_c, 2, 0, -1, 0, 0
base_a: dd type_a, 0, 0, -1, 0, 0
base_cb: dd type_b, 0, 8, -1, 0, 0
base_b: dd type_b, 0, 0, -1, 0, 0
type_a: dd 0, 0
    db ".?AVA@@", 0
type_b: dd 0, 0
    db ".?AVB@@", 0
type_c: dd 0, 0
    db ".?AVC@Space@@", 0
    align 4
type_d: dd 0, 0
    db ".?AUD@@", 0
"""


def test_dynamic_cast_goes_down_up_and_across(guest: Guest) -> None:
    code = Code(guest, RTTI)

    def cast(pointer: int, source: str, target: str) -> int:
        return guest.call("msvcrt.__RTDynamicCast", pointer, 0, code[source], code[target], 0)

    c, b_in_c = code["c"], code["c"] + 8
    assert cast(c, "type_a", "type_c") == c
    assert cast(b_in_c, "type_b", "type_c") == c
    assert cast(c, "type_a", "type_b") == b_in_c
    assert cast(b_in_c, "type_b", "type_a") == c
    assert cast(code["b"], "type_b", "type_c") == 0
    assert cast(c, "type_a", "type_d") == 0
    assert guest.call("msvcrt.__RTCastToVoid", b_in_c) == c
    assert guest.call("msvcrt.__RTtypeid", b_in_c) == code["type_c"]


def test_type_names_are_undecorated() -> None:
    from w9x_client.win32.msvcrt.rtti import undecorate

    assert undecorate(".?AVC@Space@@") == "class Space::C"
    assert undecorate(".?AUD@@") == "struct D"
    assert undecorate(".H") == "int"
    assert undecorate(".PAD") == "char *"
    assert undecorate(".PAVC@@") == "class C *"
    assert undecorate(".?AV?$T@H@@") == ".?AV?$T@H@@"
