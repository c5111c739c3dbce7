"""Strings and memory through the real stubs."""

from __future__ import annotations

import pytest

from tests.api.harness import Guest

MINUS_ONE = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("strlen", (b"abc",), 3), ("strcmp", (b"a", b"b"), MINUS_ONE), ("strcmp", (b"\xff", b"a"), 1),
        ("strcmp", (b"x", b"x"), 0),
        ("strncmp", (b"abc", b"abd", 2), 0), ("_stricmp", (b"ABC", b"abd"), MINUS_ONE),
        ("_strnicmp", (b"ABx", b"aby", 2), 0),
        ("memcmp", (b"a\xff", b"a\x01", 2), 1), ("strspn", (b"aab1", b"ab"), 3), ("strcspn", (b"aab1", b"1"), 3),
        ("atoi", (b" -12x",), 0xFFFFFFF4), ("toupper", (ord("a"),), ord("A")), ("isalpha", (ord("1"),), 0),
        ("isspace", (9,), 8), ("isxdigit", (ord("f"),), 0x80), ("_mbslen", (b"abc",), 3), ("mblen", (b"a", 1), 1),
        ("wctomb", (0, 65), 0), ("_rotl", (0x80000001, 1), 3), ("abs", (-5,), 5), ("wcslen", (b"a\0b\0\0",), 2),
    ],
)  # fmt: skip
def test_results(guest: Guest, name: str, arguments: tuple[object, ...], expected: int) -> None:
    assert guest.call("msvcrt." + name, *arguments) == expected


def test_strncpy_pads_and_does_not_terminate(guest: Guest) -> None:
    buffer = guest.buffer(8)
    guest.call("msvcrt.strncpy", buffer, b"ab", 5)
    assert buffer.bytes == b"ab\0\0\0\xcc\xcc\xcc"
    guest.call("msvcrt.strncpy", buffer, b"abcdef", 3)
    assert buffer.bytes == b"abc\0\0\xcc\xcc\xcc"


def test_memmove_overlaps(guest: Guest) -> None:
    buffer = guest.buffer(b"abcdef")
    guest.call("msvcrt.memmove", buffer.address + 1, buffer, 4)
    assert buffer.bytes == b"aabcdf"


def test_strtok_walks_tokens(guest: Guest) -> None:
    text = guest.buffer(b",a,b;;c\0")
    tokens = []
    at = guest.call("msvcrt.strtok", text, b",;")
    while at:
        tokens.append(guest.mem.cstr(at))
        at = guest.call("msvcrt.strtok", 0, b",;")
    assert tokens == [b"a", b"b", b"c"]
    assert guest.call("msvcrt.strtok", 0, b",;") == 0


def test_searches_return_addresses(guest: Guest) -> None:
    text = guest.buffer(b"hello\0")
    assert guest.call("msvcrt.strchr", text, ord("l")) == text.address + 2
    assert guest.call("msvcrt.strrchr", text, ord("l")) == text.address + 3
    assert guest.call("msvcrt.strchr", text, 0) == text.address + 5
    assert guest.call("msvcrt.strstr", text, b"lo") == text.address + 3
    assert guest.call("msvcrt.strpbrk", text, b"xo") == text.address + 4
    assert guest.call("msvcrt.memchr", text, ord("z"), 5) == 0


def test_memchr_does_not_read_past_its_match(guest: Guest) -> None:
    text = guest.buffer(b"needle")
    assert guest.call("msvcrt.memchr", text, ord("d"), 0xFFFFFFFF) == text.address + 3


def test_strtol_sets_the_end_and_errno(guest: Guest) -> None:
    text = guest.buffer(b"0x7fffffffffz\0")
    end = guest.buffer(4)
    assert guest.call("msvcrt.strtol", text, end, 0) == 0x7FFFFFFF
    assert end.u32() == text.address + 12
    assert guest.mem.u32(guest.call("msvcrt._errno")) == 34  # ERANGE


def test_unsigned_overflow_of_a_negative_number_wraps_the_limit(guest: Guest) -> None:
    # Wine's msvcrt agrees: the limit FFFFFFFF is negated like any value.
    assert guest.call("msvcrt.strtoul", b"-99999999999", 0, 10) == 1


def test_floating_point_results_come_in_st0(guest: Guest) -> None:
    assert guest.call_double("msvcrt.atof", b"2.5e1x") == 25.0
    assert guest.call_double("msvcrt.pow", 2.0, 10.0) == 1024.0
    assert guest.call_double("msvcrt.fmod", 10.0, 3.0) == 1.0


def test_a_domain_error_is_the_indefinite_nan_and_edom(guest: Guest) -> None:
    guest.call("msvcrt.sqrt", -1.0)
    from w9x_client.abi import tib

    assert guest.mem.u64(guest.task.tib + tib.RESULT_FLOAT) == 0xFFF8_0000_0000_0000
    assert guest.mem.u32(guest.call("msvcrt._errno")) == 33


def test_rand_is_microsofts_sequence(guest: Guest) -> None:
    # The well-known first numbers of srand(1) under every Microsoft C.
    guest.call("msvcrt.srand", 1)
    assert [guest.call("msvcrt.rand") for _ in range(5)] == [41, 18467, 6334, 26500, 19169]


def test_div_returns_a_structure_in_two_registers(guest: Guest) -> None:
    assert guest.call64("msvcrt.div", -7, 2) == 0xFFFFFFFF_FFFFFFFD


def test_sprintf_takes_its_arguments_from_the_stack(guest: Guest) -> None:
    buffer = guest.buffer(100)
    assert guest.call("msvcrt.sprintf", buffer, b"%d %s %.2f %c", 5, b"x", 1.5, ord("y")) == 10
    assert buffer.cstr == b"5 x 1.50 y"


def test_snprintf_terminates_only_where_there_is_room(guest: Guest) -> None:
    buffer = guest.buffer(8)
    assert guest.call("msvcrt._snprintf", buffer, 4, b"%s", b"abcd") == 4
    assert buffer.bytes == b"abcd\xcc\xcc\xcc\xcc"
    assert guest.call("msvcrt._snprintf", buffer, 4, b"%s", b"vwxyz") == MINUS_ONE
    assert buffer.bytes == b"vwxy\xcc\xcc\xcc\xcc"


def test_sscanf_stores_through_its_pointers(guest: Guest) -> None:
    number, text = guest.buffer(4), guest.buffer(10)
    assert guest.call("msvcrt.sscanf", b"42 abc", b"%d%s", number, text) == 2
    assert (number.u32(), text.cstr) == (42, b"abc")


def test_multibyte_functions_know_lead_bytes(guest: Guest) -> None:
    assert guest.call("msvcrt._setmbcp", 932) == 0
    text = guest.buffer(b"a\x81\x5cb\0")  # the trail byte of the middle character is a backslash
    assert guest.call("msvcrt._mbslen", text) == 3
    assert guest.call("msvcrt._mbschr", text, 0x5C) == 0
    assert guest.call("msvcrt._mbschr", text, 0x815C) == text.address + 1
    assert guest.call("msvcrt._mbsinc", text.address + 1) == text.address + 3
    assert guest.call("msvcrt._mbsdec", text, text.address + 3) == text.address + 1
    buffer = guest.buffer(4)
    guest.call("msvcrt._mbsnbcpy", buffer, text, 2)
    assert buffer.bytes == b"a\0\xcc\xcc"


def test_strings_at_null_fault_in_the_guest(guest: Guest) -> None:
    from tests.api.harness import GuestDied

    with pytest.raises(GuestDied) as died:
        guest.call("msvcrt.strlen", 0)
    assert died.value.code == 0xC0000005


def test_malloc_is_the_process_heap(guest: Guest) -> None:
    block = guest.call("msvcrt.malloc", 10)
    assert guest.call("msvcrt._msize", block) == 10
    block = guest.call("msvcrt.realloc", block, 5000)
    assert guest.call("kernel32.HeapSize", guest.call("kernel32.GetProcessHeap"), 0, block) == 5000
    guest.call("msvcrt.free", block)
    guest.call("msvcrt.free", 0)
    zeros = guest.call("msvcrt.calloc", 3, 4)
    assert guest.mem.read(zeros, 12) == bytes(12)


def test_a_request_that_cannot_be_met_is_null_and_enomem(guest: Guest) -> None:
    assert guest.call("msvcrt.malloc", 0xFFFFFFF0) == 0
    assert guest.call("msvcrt.calloc", 0x10000, 0x10001) == 0
    assert guest.mem.u32(guest.call("msvcrt._errno")) == 12
