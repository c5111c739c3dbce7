"""Rectangle arithmetic (SDK winuser.h): pure functions on RECTs in guest memory."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi.types import BOOL, INT, LONG, pointer_to

from .dll import user32

if TYPE_CHECKING:
    from w9x_client.process import Task


class RECT(ctypes.LittleEndianStructure):
    """Left and top are inside, right and bottom are not (SDK windef.h)."""

    _fields_ = tuple((name, ctypes.c_int32) for name in ("left", "top", "right", "bottom"))


LPRECT = Annotated["RECT | None", pointer_to(RECT)]
LPCRECT = Annotated["RECT | None", pointer_to(RECT, write=False)]
_Sides = tuple[int, int, int, int]
_EMPTY: _Sides = (0, 0, 0, 0)


def _sides(rect: RECT) -> _Sides:
    return rect.left, rect.top, rect.right, rect.bottom


def _set(rect: RECT, sides: _Sides) -> None:
    rect.left, rect.top, rect.right, rect.bottom = sides


def _is_empty(sides: _Sides) -> bool:
    return sides[0] >= sides[2] or sides[1] >= sides[3]


@user32.api()
def SetRect(t: Task, lprc: LPRECT, xLeft: INT, yTop: INT, xRight: INT, yBottom: INT) -> BOOL:
    """Set the four sides."""
    if lprc is None:
        return False
    _set(lprc, (xLeft, yTop, xRight, yBottom))
    return True


@user32.api()
def SetRectEmpty(t: Task, lprc: LPRECT) -> BOOL:
    """All sides 0."""
    if lprc is None:
        return False
    _set(lprc, _EMPTY)
    return True


@user32.api()
def CopyRect(t: Task, lprcDst: LPRECT, lprcSrc: LPCRECT) -> BOOL:
    """Copy a rectangle."""
    if lprcDst is None or lprcSrc is None:
        return False
    _set(lprcDst, _sides(lprcSrc))
    return True


@user32.api()
def IsRectEmpty(t: Task, lprc: LPCRECT) -> BOOL:
    """Whether a rectangle has no inside."""
    return lprc is None or _is_empty(_sides(lprc))


@user32.api()
def EqualRect(t: Task, lprc1: LPCRECT, lprc2: LPCRECT) -> BOOL:
    """Whether all sides are equal."""
    return lprc1 is not None and lprc2 is not None and _sides(lprc1) == _sides(lprc2)


@user32.api()
def InflateRect(t: Task, lprc: LPRECT, dx: INT, dy: INT) -> BOOL:
    """Move each side outward."""
    if lprc is None:
        return False
    left, top, right, bottom = _sides(lprc)
    _set(lprc, (left - dx, top - dy, right + dx, bottom + dy))
    return True


@user32.api()
def OffsetRect(t: Task, lprc: LPRECT, dx: INT, dy: INT) -> BOOL:
    """Move a rectangle."""
    if lprc is None:
        return False
    left, top, right, bottom = _sides(lprc)
    _set(lprc, (left + dx, top + dy, right + dx, bottom + dy))
    return True


@user32.api()
def PtInRect(t: Task, lprc: LPCRECT, x: LONG, y: LONG) -> BOOL:
    """Whether a point (passed by value) lies inside."""
    return lprc is not None and lprc.left <= x < lprc.right and lprc.top <= y < lprc.bottom


@user32.api()
def IntersectRect(t: Task, lprcDst: LPRECT, lprcSrc1: LPCRECT, lprcSrc2: LPCRECT) -> BOOL:
    """What two rectangles share; empty when nothing."""
    if lprcDst is None or lprcSrc1 is None or lprcSrc2 is None:
        return False
    a, b = _sides(lprcSrc1), _sides(lprcSrc2)
    shared = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    if _is_empty(a) or _is_empty(b) or _is_empty(shared):
        _set(lprcDst, _EMPTY)
        return False
    _set(lprcDst, shared)
    return True


@user32.api()
def UnionRect(t: Task, lprcDst: LPRECT, lprcSrc1: LPCRECT, lprcSrc2: LPCRECT) -> BOOL:
    """The smallest rectangle around two; empty ones do not count."""
    if lprcDst is None or lprcSrc1 is None or lprcSrc2 is None:
        return False
    a, b = _sides(lprcSrc1), _sides(lprcSrc2)
    if _is_empty(a):
        a = b
    if _is_empty(b):
        b = a
    if _is_empty(a):
        _set(lprcDst, _EMPTY)
        return False
    _set(lprcDst, (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])))
    return True


@user32.api()
def SubtractRect(t: Task, lprcDst: LPRECT, lprcSrc1: LPCRECT, lprcSrc2: LPCRECT) -> BOOL:
    """Cut the second rectangle off the first where it covers a whole side."""
    if lprcDst is None or lprcSrc1 is None or lprcSrc2 is None:
        return False
    a, b = _sides(lprcSrc1), _sides(lprcSrc2)
    left, top, right, bottom = a
    overlap = not (_is_empty(a) or _is_empty(b)) and b[0] < a[2] and a[0] < b[2] and b[1] < a[3] and a[1] < b[3]
    if overlap and b[1] <= top and b[3] >= bottom:
        if b[0] <= left:
            left = min(b[2], right)
        elif b[2] >= right:
            right = b[0]
    elif overlap and b[0] <= left and b[2] >= right:
        if b[1] <= top:
            top = b[3]
        elif b[3] >= bottom:
            bottom = b[1]
    result = (left, top, right, bottom)
    if _is_empty(result):
        _set(lprcDst, _EMPTY)
        return False
    _set(lprcDst, result)
    return True
