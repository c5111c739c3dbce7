"""BSTRs, VARIANTs and safe arrays. Source: Automation reference (oleaut32)."""

from __future__ import annotations

import struct

import pytest

from tests.api.harness import Buffer, Guest

S_OK = 0
DISP_E_TYPEMISMATCH, DISP_E_BADVARTYPE, DISP_E_OVERFLOW, DISP_E_BADINDEX = (
    0x80020005,
    0x80020008,
    0x8002000A,
    0x8002000B,
)
VT_I2, VT_I4, VT_R8, VT_BSTR, VT_BOOL, VT_BYREF = 2, 3, 5, 8, 11, 0x4000
US = 0x409


def variant(guest: Guest, vt: int = 0, value: bytes = b"") -> Buffer:
    return guest.buffer(struct.pack("<Hxxxxxx", vt) + value.ljust(8, b"\0"))


def test_a_bstr_has_its_length_in_front(guest: Guest) -> None:
    text = guest.call("oleaut32.SysAllocString", guest.wide("hello"))
    assert guest.mem.u32(text - 4) == 10
    assert guest.mem.wide(text) == "hello"
    assert guest.call("oleaut32.SysStringLen", text) == 5
    assert guest.call("oleaut32.SysStringByteLen", text) == 10
    guest.call("oleaut32.SysFreeString", text)
    guest.call("oleaut32.SysFreeString", None)
    assert guest.call("oleaut32.SysAllocString", None) == 0
    assert guest.call("oleaut32.SysStringLen", None) == 0


def test_a_bstr_may_hold_zeros_and_bytes(guest: Guest) -> None:
    text = guest.call("oleaut32.SysAllocStringLen", guest.buffer(b"a\0\0\0b\0"), 3)
    assert guest.mem.read(text, 8) == b"a\0\0\0b\0\0\0"
    odd = guest.call("oleaut32.SysAllocStringByteLen", b"abc", 3)
    assert guest.call("oleaut32.SysStringByteLen", odd) == 3
    holder = guest.buffer(struct.pack("<I", text))
    assert guest.call("oleaut32.SysReAllocString", holder, guest.wide("new")) == 1
    assert guest.mem.wide(holder.u32()) == "new"


def test_variants_change_type_and_own_their_strings(guest: Guest) -> None:
    number, text = variant(guest, VT_I4, struct.pack("<i", -7)), variant(guest)
    assert guest.call("oleaut32.VariantChangeType", text, number, 0, VT_BSTR) == S_OK
    assert (text.u32() & 0xFFFF, guest.mem.wide(text.u32(2))) == (VT_BSTR, "-7")
    copy = variant(guest)
    assert guest.call("oleaut32.VariantCopy", copy, text) == S_OK
    assert copy.u32(2) != text.u32(2)
    assert guest.call("oleaut32.VariantClear", text) == S_OK
    assert guest.mem.wide(copy.u32(2)) == "-7"
    assert guest.call("oleaut32.VariantChangeType", copy, copy, 0, VT_I2) == S_OK
    assert struct.unpack_from("<Hxxxxxxh", copy.bytes) == (VT_I2, -7)


def test_a_reference_is_followed(guest: Guest) -> None:
    value = guest.buffer(struct.pack("<i", 41))
    source, target = variant(guest, VT_I4 | VT_BYREF, struct.pack("<I", value.address)), variant(guest)
    assert guest.call("oleaut32.VariantCopyInd", target, source) == S_OK
    assert struct.unpack_from("<Hxxxxxxi", target.bytes) == (VT_I4, 41)
    assert guest.call("oleaut32.VariantChangeType", target, source, 0, VT_R8) == S_OK
    assert struct.unpack_from("<Hxxxxxxd", target.bytes) == (5, 41.0)


def test_impossible_changes_leave_the_target_alone(guest: Guest) -> None:
    text = guest.call("oleaut32.SysAllocString", guest.wide("abc"))
    source, target = variant(guest, VT_BSTR, struct.pack("<I", text)), variant(guest, VT_I4, b"\5")
    assert guest.call("oleaut32.VariantChangeType", target, source, 0, VT_I4) == DISP_E_TYPEMISMATCH
    assert target.u32(2) == 5
    big = variant(guest, VT_I4, struct.pack("<i", 70000))
    assert guest.call("oleaut32.VariantChangeType", target, big, 0, VT_I2) == DISP_E_OVERFLOW
    assert guest.call("oleaut32.VariantClear", variant(guest, 0x7777)) == DISP_E_BADVARTYPE


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("VarI4FromStr", ("1,234.5", US, 0), struct.pack("<i", 1234)),
        ("VarR8FromStr", ("-1.5", US, 0), struct.pack("<d", -1.5)),
        ("VarI2FromI4", (7,), struct.pack("<h", 7)),
        ("VarBoolFromStr", ("True", US, 0), struct.pack("<h", -1)),
        ("VarDateFromStr", ("1/1/1900", US, 0), struct.pack("<d", 2.0)),
        ("VarI4FromR8", (2.5,), struct.pack("<i", 2)),
    ],
)
def test_conversion_functions(guest: Guest, name: str, arguments: tuple[object, ...], expected: bytes) -> None:
    out = guest.buffer(8)
    given = [guest.wide(a) if isinstance(a, str) else a for a in arguments]
    assert guest.call(f"oleaut32.{name}", *given, out) == S_OK
    assert out.bytes[: len(expected)] == expected


def test_a_boolean_becomes_a_word_only_in_varbstrfrombool(guest: Guest) -> None:
    out = guest.buffer(4)
    assert guest.call("oleaut32.VarBstrFromBool", 0xFFFF, US, 0, out) == S_OK
    assert guest.mem.wide(out.u32()) == "True"
    text = variant(guest)
    assert guest.call("oleaut32.VariantChangeType", text, variant(guest, VT_BOOL, b"\xff\xff"), 0, VT_BSTR) == S_OK
    assert guest.mem.wide(text.u32(2)) == "-1"


def test_times_convert_both_ways(guest: Guest) -> None:
    when, out = guest.buffer(struct.pack("<8H", 1998, 1, 0, 2, 15, 30, 0, 0)), guest.buffer(16)
    assert guest.call("oleaut32.SystemTimeToVariantTime", when, out) == 1
    (days,) = struct.unpack("<d", out.bytes[:8])
    assert days == pytest.approx(35797.645833333336)
    assert guest.call("oleaut32.VariantTimeToSystemTime", days, out) == 1
    assert struct.unpack("<8H", out.bytes) == (1998, 1, 5, 2, 15, 30, 0, 0)


def test_safe_arrays_hold_copies_at_checked_indices(guest: Guest) -> None:
    bounds = guest.buffer(struct.pack("<IiIi", 3, 1, 2, 0))
    array = guest.call("oleaut32.SafeArrayCreate", VT_BSTR, 2, bounds)
    assert array
    text = guest.call("oleaut32.SysAllocString", guest.wide("xyz"))
    index, out = guest.buffer(struct.pack("<ii", 3, 1)), guest.buffer(4)
    assert guest.call("oleaut32.SafeArrayPutElement", array, index, text) == S_OK
    assert guest.call("oleaut32.SafeArrayGetElement", array, index, out) == S_OK
    assert out.u32() != text
    assert guest.mem.wide(out.u32()) == "xyz"
    for wrong in ((0, 0), (4, 0), (1, 2)):
        bad = guest.buffer(struct.pack("<ii", *wrong))
        assert guest.call("oleaut32.SafeArrayGetElement", array, bad, out) == DISP_E_BADINDEX
    assert guest.call("oleaut32.SafeArrayGetUBound", array, 1, out) == S_OK
    assert out.u32() == 3
    assert guest.call("oleaut32.SafeArrayGetLBound", array, 2, out) == S_OK
    assert out.u32() == 0
    assert guest.call("oleaut32.SafeArrayLock", array) == S_OK
    assert guest.call("oleaut32.SafeArrayDestroy", array) == 0x8002000D  # DISP_E_ARRAYISLOCKED
    assert guest.call("oleaut32.SafeArrayUnlock", array) == S_OK
    assert guest.call("oleaut32.SafeArrayDestroy", array) == S_OK


def test_a_vector_is_resized_and_copied(guest: Guest) -> None:
    array = guest.call("oleaut32.SafeArrayCreateVector", VT_I4, 0, 2)
    data, out = guest.buffer(4), guest.buffer(4)
    assert guest.call("oleaut32.SafeArrayAccessData", array, data) == S_OK
    guest.mem.write(data.u32(), struct.pack("<2i", 10, 20))
    assert guest.call("oleaut32.SafeArrayUnaccessData", array) == S_OK
    assert guest.call("oleaut32.SafeArrayRedim", array, guest.buffer(struct.pack("<Ii", 3, 0))) == S_OK
    assert guest.call("oleaut32.SafeArrayCopy", array, out) == S_OK
    values = []
    for number in range(3):
        assert (
            guest.call("oleaut32.SafeArrayGetElement", out.u32(), guest.buffer(struct.pack("<i", number)), data) == S_OK
        )
        values.append(data.u32())
    assert values == [10, 20, 0]


def test_there_is_no_error_object_until_one_is_set(guest: Guest) -> None:
    out = guest.buffer(4)
    assert guest.call("oleaut32.GetErrorInfo", 0, out) == 1  # S_FALSE
    assert out.u32() == 0
