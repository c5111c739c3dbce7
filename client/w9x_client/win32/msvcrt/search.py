"""Sorting and searching (stdlib.h, search.h) with the guest's comparison functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import PTR, SIZE_T, UINT

from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task


async def _merge_sort(t: Task, compare: int, addresses: list[int]) -> list[int]:
    """``addresses`` in order, by a natural merge sort: n-1 comparisons for a sorted array, never more than
    n*ceil(log2 n)."""

    async def not_above(a: int, b: int) -> bool:
        result = await t.call(compare, a, b, convention="cdecl")
        return result == 0 or result & 0x80000000 != 0

    runs: list[list[int]] = []
    current = addresses[:1]
    for address in addresses[1:]:
        if await not_above(current[-1], address):
            current.append(address)
        else:
            runs.append(current)
            current = [address]
    runs.append(current)
    while len(runs) > 1:
        merged = []
        for index in range(0, len(runs) - 1, 2):
            left, right = runs[index], runs[index + 1]
            out: list[int] = []
            i = j = 0
            while i < len(left) and j < len(right):
                if await not_above(left[i], right[j]):
                    out.append(left[i])
                    i += 1
                else:
                    out.append(right[j])
                    j += 1
            merged.append(out + left[i:] + right[j:])
        if len(runs) & 1:
            merged.append(runs[-1])
        runs = merged
    return runs[0]


@msvcrt.api()
async def qsort(t: Task, base: PTR, num: SIZE_T, width: SIZE_T, compare: PTR) -> None:
    """Sort ``num`` items of ``width`` bytes. Elements stay in place while the comparisons run and are moved at the
    end; equal ones keep their order."""
    if num < 2 or not width:
        return
    t.mem.check(base, num * width, True)
    ordered = await _merge_sort(t, compare, list(range(base, base + num * width, width)))
    data = t.mem.read(base, num * width)
    t.mem.write(base, b"".join([data[a - base : a - base + width] for a in ordered]))


@msvcrt.api()
async def bsearch(t: Task, key: PTR, base: PTR, num: SIZE_T, width: SIZE_T, compare: PTR) -> PTR:
    """An element of a sorted array that equals ``*key``, or NULL."""
    low, high = 0, num
    while low < high:
        middle = (low + high) // 2
        at = base + middle * width & 0xFFFFFFFF
        result = await t.call(compare, key, at, convention="cdecl")
        if result == 0:
            return at
        if result & 0x80000000:
            high = middle
        else:
            low = middle + 1
    return 0


async def _find(t: Task, key: int, base: int, count: int, width: int, compare: int) -> int:
    for index in range(count):
        at = base + index * width & 0xFFFFFFFF
        if await t.call(compare, key, at, convention="cdecl") == 0:
            return at
    return 0


@msvcrt.api()
async def _lfind(t: Task, key: PTR, base: PTR, num: PTR, width: UINT, compare: PTR) -> PTR:
    """The first element that equals ``*key``, or NULL."""
    return await _find(t, key, base, t.mem.u32(num), width, compare)


@msvcrt.api()
async def _lsearch(t: Task, key: PTR, base: PTR, num: PTR, width: UINT, compare: PTR) -> PTR:
    """`_lfind`, appending the key where it is missing."""
    count = t.mem.u32(num)
    found = await _find(t, key, base, count, width, compare)
    if found:
        return found
    at = base + count * width
    t.mem.move(at, key, width)
    t.mem.put32(num, count + 1)
    return at
