"""How a message class becomes bytes and back: the checked encoding of ``w9x_arena.messages``.

A message is declared once, as a class with annotated fields. On the wire it is one msgpack array ``[tag, serial,
field, field, ...]``; a record (a row inside a message) is an array of its fields. Decoding accepts exactly what the
declaration says - type, range, length, number of fields - and raises :class:`ProtocolError` for everything else,
whatever the bytes: the peer may be hostile.

Message classes behave as frozen dataclasses but are not built by ``dataclasses``: its generated code costs
0.5 ms per class at import (measured, CPython 3.11), 40 ms for all of them, in every start of a program.
Checkers are compiled from the annotations at a class's first use for the same reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, dataclass_transform, get_args, get_origin

import msgpack  # type: ignore[import-untyped]  # ships no types

MESSAGE_MAX = 512 * 1024
"""Bytes of an encoded message; the daemon's socket drops a peer that sends more."""


class ProtocolError(Exception):
    """A message that is malformed, oversized or unknown. ``serial`` is the request's number when it was legible."""

    def __init__(self, text: str, serial: int = 0) -> None:
        super().__init__(text)
        self.serial = serial


class Int:
    """Annotation: an integer of ``[low, high]``."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high


class Text:
    """Annotation: a string without NUL, at most ``maximum`` characters.

    ``host`` allows what is not Unicode in a Linux path or argument (Python's surrogate escapes).
    """

    __slots__ = ("host", "maximum")

    def __init__(self, maximum: int, *, host: bool = False) -> None:
        self.maximum, self.host = maximum, host


class Blob:
    """Annotation: at most ``maximum`` bytes."""

    __slots__ = ("maximum",)

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum


class Many:
    """Annotation of ``tuple[X, ...]``: at most ``maximum`` items."""

    __slots__ = ("maximum",)

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum


U8 = Annotated[int, Int(0, 0xFF)]
U16 = Annotated[int, Int(0, 0xFFFF)]
U32 = Annotated[int, Int(0, 0xFFFF_FFFF)]
U64 = Annotated[int, Int(0, 0xFFFF_FFFF_FFFF_FFFF)]

Check = Callable[[Any], Any]
"""Takes a decoded msgpack value, returns the field's value, raises ProtocolError."""


@dataclass_transform(frozen_default=True)
class Record:
    """A row inside a message; the base of messages as well. Immutable, compared by value."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    _checks: ClassVar[tuple[Check, ...] | None] = None
    _wire: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = cls.__annotations__  # the class's own, never its base's (Python 3.10 and later)
        cls._fields = tuple(own)
        cls._defaults = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
        cls._checks = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        fields = self._fields
        if len(args) == len(fields) and not kwargs:
            self.__dict__.update(zip(fields, args, strict=True))
            return
        if len(args) > len(fields):
            raise TypeError(f"{type(self).__name__} has {len(fields)} fields, {len(args)} given")
        values = {**self._defaults, **dict(zip(fields, args, strict=False)), **kwargs}
        if values.keys() != set(fields):
            wrong = sorted(values.keys() ^ set(fields))
            raise TypeError(f"{type(self).__name__}: missing or unknown fields: {', '.join(wrong)}")
        self.__dict__.update((name, values[name]) for name in fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.__dict__.values())))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({inner})"


class Message(Record):
    """Something that travels alone, by its tag."""

    tag: ClassVar[int] = -1

    def __init_subclass__(cls, tag: int | None = None) -> None:
        super().__init_subclass__()
        if tag is None:
            return
        if tag in _by_tag:
            raise TypeError(f"tag {tag} is taken by {_by_tag[tag].__name__}")
        cls.tag = tag
        _by_tag[tag] = cls


class Reply(Message):
    """What the daemon answers."""


R = TypeVar("R", bound=Reply)


class Request(Message, Generic[R]):
    """What a client asks; ``R`` is the reply that means success."""

    @classmethod
    def reply_type(cls) -> type[R]:
        """The class of the reply that means success."""
        result: type[R] = get_args(cls.__dict__["__orig_bases__"][0])[0]
        return result


RecordT = TypeVar("RecordT", bound=Record)

_by_tag: dict[int, type[Message]] = {}


def message_types() -> Iterator[type[Message]]:
    """Every message class, by tag."""
    for tag in sorted(_by_tag):
        yield _by_tag[tag]


def encode(message: Message, serial: int) -> bytes:
    """The bytes of a message. Raises :class:`ProtocolError` for a value outside its declaration."""
    try:
        data: bytes = msgpack.packb([message.tag, serial, *_lower(message)], unicode_errors="surrogateescape")
    except (UnicodeEncodeError, OverflowError) as error:
        raise ProtocolError(f"{type(message).__name__}: {error}") from None
    if len(data) > MESSAGE_MAX:
        raise ProtocolError(f"{type(message).__name__} takes {len(data)} bytes, the limit is {MESSAGE_MAX}")
    return data


def decode(data: bytes) -> tuple[int, Message]:
    """``(serial, message)`` from bytes of a peer that may be hostile. Raises only :class:`ProtocolError`."""
    items = unpack(data)
    serial = items[1]
    cls = _by_tag.get(items[0])
    if cls is None:
        raise ProtocolError(f"unknown message {items[0]}", serial)
    try:
        return serial, _raise_record(cls, items[2:])
    except ProtocolError as error:
        raise ProtocolError(f"{cls.__name__}: {error}", serial) from None


def unpack(data: bytes) -> list[Any]:
    """``[tag, serial, ...]`` of a message whose fields are not yet checked. Raises :class:`ProtocolError`."""
    if len(data) > MESSAGE_MAX:
        raise ProtocolError(f"a message of {len(data)} bytes, the limit is {MESSAGE_MAX}")
    try:
        items = msgpack.unpackb(
            data, unicode_errors="surrogateescape", max_map_len=0, max_ext_len=0, strict_map_key=True
        )
    except Exception as error:  # noqa: BLE001 - msgpack promises no narrower class for hostile bytes
        raise ProtocolError(f"not a message: {type(error).__name__}") from None
    if type(items) is not list or len(items) < 2:
        raise ProtocolError("not a message: no tag and serial")
    tag, serial = items[0], items[1]
    if type(serial) is not int or not 0 <= serial <= 0xFFFF_FFFF:
        raise ProtocolError("not a message: bad serial")
    if type(tag) is not int:
        raise ProtocolError("not a message: bad tag", serial)
    return items


def check(record: RecordT) -> RecordT:
    """The record, when every field is what its declaration says. Raises :class:`ProtocolError`."""
    _lower(record)
    return record


def describe() -> str:
    """The wire format as text, one line per message, records indented below their first user."""
    lines: list[str] = []
    seen: set[type[Record]] = set()
    for cls in message_types():
        _describe(cls, f"{cls.tag} ", lines, seen)
    return "\n".join(lines) + "\n"


# --- compilation of declarations --------------------------------------------------------------------------------


def _checks_of(cls: type[Record]) -> tuple[Check, ...]:
    if cls._checks is None:
        namespace = vars(sys.modules[cls.__module__])
        pairs = []
        for name in cls._fields:
            annotation = cls.__annotations__[name]
            # Declarations are this package's own source text, postponed by `from __future__ import annotations`.
            hint = eval(annotation, namespace) if isinstance(annotation, str) else annotation  # noqa: S307 - see above
            pairs.append(_compile(hint, name))
        cls._wire = tuple(wire for _check, wire in pairs)
        cls._checks = tuple(check for check, _wire in pairs)
    return cls._checks


def _lower(record: Record) -> list[Any]:
    values = record.__dict__
    out = []
    for name, check in zip(record._fields, _checks_of(type(record)), strict=True):
        value = values[name]
        if type(value) is tuple:
            value = [_lower(item) if isinstance(item, Record) else item for item in value]
        elif isinstance(value, Record):
            value = _lower(value)
        check(value)
        out.append(value)
    return out


def _raise_record(cls: type[RecordT], items: list[Any]) -> RecordT:
    checks = cls._checks
    if checks is None:
        checks = _checks_of(cls)
    if len(items) != len(checks):
        raise ProtocolError(f"{len(items)} fields, not {len(checks)}")
    record = cls.__new__(cls)
    values = record.__dict__
    for name, check, item in zip(cls._fields, checks, items, strict=True):
        values[name] = check(item)
    return record


def _compile(hint: Any, name: str) -> tuple[Check, str]:
    origin = get_origin(hint)
    if origin is Annotated:
        base, marker = get_args(hint)[:2]
        if isinstance(marker, Int):
            return _int_check(marker.low, marker.high, name), f"int {marker.low:#x}..{marker.high:#x}"
        if isinstance(marker, Text):
            return _text_check(marker, name), f"{'host ' if marker.host else ''}text<={marker.maximum}"
        if isinstance(marker, Blob):
            return _blob_check(marker.maximum, name), f"bytes<={marker.maximum}"
        if isinstance(marker, Many) and get_origin(base) is tuple:
            item_check, item_wire = _compile(get_args(base)[0], name)
            return _many_check(item_check, marker.maximum, name), f"[{item_wire}]<={marker.maximum}"
    elif origin is Literal:
        return _choice_check(frozenset(get_args(hint)), name), "{" + "|".join(get_args(hint)) + "}"
    elif hint is bool:
        return _bool_check(name), "bool"
    elif isinstance(hint, type) and issubclass(hint, IntEnum):
        choices = ",".join(f"{member.value}={member.name}" for member in hint)
        return _enum_check(hint, name), f"{hint.__name__}({choices})"
    elif isinstance(hint, type) and issubclass(hint, Record):
        return _record_check(hint, name), hint.__name__
    raise TypeError(f"field {name}: {hint!r} cannot travel")


def _describe(cls: type[Record], head: str, lines: list[str], seen: set[type[Record]]) -> None:
    _checks_of(cls)
    fields = "; ".join(f"{name}: {wire}" for name, wire in zip(cls._fields, cls._wire, strict=True))
    arrow = ""
    if issubclass(cls, Request):
        arrow = f" -> {cls.reply_type().__name__}"
    lines.append(f"{head}{cls.__name__}({fields}){arrow}")
    namespace = vars(sys.modules[cls.__module__])
    for word in cls._wire:
        inner = namespace.get(word.strip("[").split("]")[0])
        if isinstance(inner, type) and issubclass(inner, Record) and inner not in seen:
            seen.add(inner)
            _describe(inner, "    ", lines, seen)


def _int_check(low: int, high: int, name: str) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError(f"{name} is not an integer of {low:#x}..{high:#x}")
        return value

    return check


def _bool_check(name: str) -> Check:
    def check(value: Any) -> bool:
        if type(value) is not bool:
            raise ProtocolError(f"{name} is not a boolean")
        return value

    return check


def _text_check(marker: Text, name: str) -> Check:
    maximum, host = marker.maximum, marker.host

    def check(value: Any) -> str:
        if type(value) is not str:
            raise ProtocolError(f"{name} is not a string")
        if len(value) > maximum:
            raise ProtocolError(f"{name} has {len(value)} characters, the limit is {maximum}")
        if "\0" in value:
            raise ProtocolError(f"{name} holds a NUL")
        if not value.isascii():
            try:
                value.encode("utf-8", "surrogateescape" if host else "strict")
            except UnicodeEncodeError:
                raise ProtocolError(f"{name} is not Unicode text") from None
        return value

    return check


def _blob_check(maximum: int, name: str) -> Check:
    def check(value: Any) -> bytes:
        if type(value) is not bytes:
            raise ProtocolError(f"{name} is not bytes")
        if len(value) > maximum:
            raise ProtocolError(f"{name} has {len(value)} bytes, the limit is {maximum}")
        return value

    return check


def _choice_check(choices: frozenset[str], name: str) -> Check:
    def check(value: Any) -> str:
        if type(value) is not str or value not in choices:
            raise ProtocolError(f"{name} is none of {', '.join(sorted(choices))}")
        return value

    return check


def _enum_check(enum: type[IntEnum], name: str) -> Check:
    members = {member.value: member for member in enum}

    def check(value: Any) -> IntEnum:
        if not isinstance(value, int) or isinstance(value, bool) or value not in members:
            raise ProtocolError(f"{name} is no {enum.__name__}")
        return members[value]

    return check


def _record_check(cls: type[Record], name: str) -> Check:
    def check(value: Any) -> Record:
        if type(value) is not list:
            raise ProtocolError(f"{name} is no {cls.__name__}")
        try:
            return _raise_record(cls, value)
        except ProtocolError as error:
            raise ProtocolError(f"{name}: {error}") from None

    return check


def _many_check(item_check: Check, maximum: int, name: str) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise ProtocolError(f"{name} is not a list")
        if len(value) > maximum:
            raise ProtocolError(f"{name} has {len(value)} items, the limit is {maximum}")
        return tuple([item_check(item) for item in value])

    return check
