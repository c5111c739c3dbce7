"""Messages: what is declared travels, everything else is refused."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, get_args

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w9x_arena import codec
from w9x_arena import messages as m
from w9x_arena.codec import Message, ProtocolError, Record, decode, encode

SAMPLES: list[Message] = [
    m.Hello(1, 77, "client", 0, 0, "/home/you/p\udcff.exe", "p.exe /x", "unicorn", "98se"),
    m.AllocRange(0x10000, 0x400000, "shared", 3, "heap", True, "dll"),
    m.Placement(0x400000, "overlay"),
    m.Ranges((m.RangeRow(0x400000, 0x10000, "image", 5, (1, 2, 3), "x"),), 0),
    m.Error(m.Code.NO_SPACE, "full"),
    m.RegSetValue("HKLM", r"Software\Ä", "näme", 3, bytes(range(256))),
    m.Done(),
    m.SetDrive("Q", "/srv", True),
]


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_round_trip(message: Message) -> None:
    assert decode(encode(message, 42)) == (42, message)


def test_messages_are_values() -> None:
    one, two = m.Base(1), m.Base(base=1)
    assert one == two
    assert hash(one) == hash(two)
    assert one != m.Base(2)
    assert one != m.KeyCreated(True)
    assert repr(one) == "Base(base=1)"
    with pytest.raises(AttributeError):
        one.base = 3
    with pytest.raises(AttributeError):
        del one.base


def test_constructor_names_what_is_wrong() -> None:
    with pytest.raises(TypeError, match="label"):
        m.SetRangeLabel(1)
    with pytest.raises(TypeError, match="nonsense"):
        m.Base(base=1, nonsense=2)
    with pytest.raises(TypeError, match="1 fields, 2 given"):
        m.Base(1, 2)


@pytest.mark.parametrize(
    "message",
    [
        m.Base(-1),
        m.Base(1 << 32),
        m.Base(True),
        m.Base("1"),
        m.Base(1.0),
        m.Shutdown(1),
        m.SetRangeLabel(1, "x" * 129),
        m.SetRangeLabel(1, "a\0b"),
        m.SetRangeLabel(1, "\udc80"),
        m.SetRangeLabel(1, b"x"),
        m.RegValue("", 3, bytes(m.VALUE_MAX + 1)),
        m.RegValue("", 3, "text"),
        m.Placement(0, "sideways"),
        m.Error(99, "no such code"),
        m.Drives(tuple(m.DriveRow("A", "/", False) for _ in range(27))),
        m.Drives((m.DriveRow("a", "/", False),)),
        m.Drives(5),
        m.ListDrives,
    ],
    ids=repr,
)
def test_values_outside_the_declaration_do_not_travel(message: Message) -> None:
    if message is m.ListDrives:
        data = msgpack.packb([m.ListDrives.tag, 1, "extra"])
    else:
        with pytest.raises(ProtocolError):
            encode(message, 1)
        # A hostile peer sends it anyway.
        fields = [_plain(message.__dict__[name]) for name in message._fields]
        data = msgpack.packb([message.tag, 1, *fields], unicode_errors="surrogatepass")
    with pytest.raises(ProtocolError) as caught:
        decode(data)
    assert caught.value.serial in (0, 1)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Record):
        return [_plain(value.__dict__[name]) for name in value._fields]
    return value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91\x0d",
        b"\x92\x0d",
        msgpack.packb(5),
        msgpack.packb({}),
        msgpack.packb({"a": 1}),
        msgpack.packb([]),
        msgpack.packb([13]),
        msgpack.packb([13, -1]),
        msgpack.packb([13, 1 << 32]),
        msgpack.packb([13, "1"]),
        msgpack.packb(["13", 1]),
        msgpack.packb([True, 1]),
        msgpack.packb([1e9, 1]),
        msgpack.packb([9999, 1]),
        msgpack.packb([13, 1, 1]),
        msgpack.packb([13, 1]) + b"\0",
        msgpack.packb([13, 1, msgpack.ExtType(5, b"x")]),
        msgpack.packb([13, 1, msgpack.Timestamp(1)]),
        msgpack.packb([20, 1, {"size": 1}]),
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffabc",
        bytes(codec.MESSAGE_MAX + 1),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


def test_error_keeps_the_serial_when_it_was_legible() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(msgpack.packb([m.Base.tag, 77, "no number"]))
    assert caught.value.serial == 77
    assert "base" in str(caught.value)


def test_oversized_message_is_refused_by_the_sender() -> None:
    rows = tuple(m.DriveRow("A", "x" * 8192, False) for _ in range(26))
    assert len(encode(m.Drives(rows), 1)) < codec.MESSAGE_MAX
    row = m.ProcessRow(1, 1, 0, "\u20ac" * 8192, "\u20ac" * 8192, "e", "98", "running", 0)
    with pytest.raises(ProtocolError, match="limit"):
        encode(m.Processes((row,) * 20, 0), 1)


def test_request_names_its_reply() -> None:
    assert m.AllocRange.reply_type() is m.Base
    for cls in codec.message_types():
        if issubclass(cls, codec.Request):
            assert issubclass(cls.reply_type(), codec.Reply)


def test_a_tag_belongs_to_one_message() -> None:
    with pytest.raises(TypeError, match="taken by Error"):

        class Second(codec.Reply, tag=0):
            pass


# --- fuzz -------------------------------------------------------------------------------------------------------


def _strategy(cls: type[Record]) -> st.SearchStrategy[Record]:
    namespace = vars(m)
    hints = [eval(text, dict(vars(codec)), namespace) for text in cls.__annotations__.values()]
    return st.tuples(*map(_field, hints)).map(lambda values: cls(*values))


def _field(hint: object) -> st.SearchStrategy[object]:
    arguments = get_args(hint)
    if hint is bool:
        return st.booleans()
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, Record):
        return _strategy(hint)
    if getattr(hint, "__origin__", None) is Literal:
        return st.sampled_from(arguments)
    base, marker = hint.__origin__, hint.__metadata__[0]
    if isinstance(marker, codec.Int):
        return st.integers(marker.low, marker.high)
    if isinstance(marker, codec.Text):
        characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
        return st.text(characters, max_size=min(marker.maximum, 30))
    if isinstance(marker, codec.Blob):
        return st.binary(max_size=min(marker.maximum, 60))
    assert isinstance(marker, codec.Many)
    return st.lists(_field(get_args(base)[0]), max_size=3).map(tuple)


MESSAGES = st.sampled_from(list(codec.message_types())).flatmap(_strategy)


@given(MESSAGES, st.integers(0, 0xFFFF_FFFF))
@settings(max_examples=300, deadline=None)
def test_every_message_makes_the_round_trip(message: Record, serial: int) -> None:
    assert isinstance(message, Message)
    assert decode(encode(message, serial)) == (serial, message)


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_random_bytes_decode_or_are_refused(data: bytes) -> None:
    _decode_or_refuse(data)


@given(MESSAGES, st.data())
@settings(max_examples=500, deadline=None)
def test_mutated_messages_decode_or_are_refused(message: Record, data: st.DataObject) -> None:
    assert isinstance(message, Message)
    raw = bytearray(encode(message, 7))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        kind = data.draw(st.sampled_from(["set", "cut", "insert"]))
        if kind == "set" and at < len(raw):
            raw[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del raw[at : at + data.draw(st.integers(1, 9))]
        else:
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=6))
    _decode_or_refuse(bytes(raw))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.integers(0, 90), st.lists(JSON_LIKE, max_size=9))
@settings(max_examples=200, deadline=None)
def test_wrongly_typed_fields_decode_or_are_refused(tag: int, fields: list[object]) -> None:
    _decode_or_refuse(msgpack.packb([tag, 1, *fields], unicode_errors="surrogatepass"))


def _decode_or_refuse(data: bytes) -> None:
    try:
        serial, message = decode(data)
    except ProtocolError:
        return
    # What was accepted obeys its declaration.
    assert decode(encode(message, serial)) == (serial, message)
