"""Signatures: what a declaration says about the stack, and the decoder made from it."""

from __future__ import annotations

import struct
from typing import Annotated, Any

import pytest

from w9x_client.abi import Dll, Err, WinError
from w9x_client.abi.compile import compile_export, signature
from w9x_client.abi.types import (
    BOOL,
    DOUBLE,
    DWORD,
    HFILE,
    INT,
    IS_WIDE,
    LONGLONG,
    SHORT,
    VARARGS,
    VOID,
    WORD,
    Arg,
)

test = Dll("abi-test")


class Task:
    """What a decoder touches of a task."""

    last_error = 0
    high: int | None = None
    number: float | None = None

    def result_high(self, value: int) -> None:
        self.high = value

    def result_float(self, value: float) -> None:
        self.number = value

    def arg_address(self, offset: int) -> int:
        return 1000 + offset


def call(name: str, *words: int, task: Task | None = None) -> int:
    """EAX of the entry, called with ESP=16 over a stack that holds the two return addresses and ``words``."""
    stack = bytearray(16) + struct.pack(f"<{2 + len(words)}I", 0x11, 0x22, *(w & 0xFFFFFFFF for w in words))
    compiled = compile_export(test.exports[name], memoryview(stack))
    result: int = compiled.entry(task or Task(), 16)
    return result


@test.api()
def Sum(t: Any, a: DWORD, b: INT, c: WORD, d: SHORT, e: BOOL) -> INT:
    assert isinstance(e, bool)
    return a + b + c + d + e


@test.api()
def Wide64(t: Any, a: LONGLONG, b: DWORD) -> LONGLONG:
    return a + b


@test.api(convention="cdecl")
def Float(t: Any, a: DOUBLE) -> DOUBLE:
    return a / 2


@test.api()
def Open(t: Any, code: DWORD) -> HFILE:
    if code:
        raise WinError(code)
    return 0x44


@test.api(convention="cdecl")
def Printf(t: Any, fmt: DWORD, va: VARARGS) -> DWORD:
    return va


@test.api(aw=True)
def Which(t: Any, W: IS_WIDE) -> BOOL:
    return W


@test.api()
def Nothing(t: Any) -> VOID:
    return None


def test_numbers_arrive_with_their_width_and_sign() -> None:
    assert call("Sum", 10, -3, 0xABCD0005, 0xFFFF, 7) == 10 - 3 + 5 - 1 + 1


def test_a_negative_result_is_two_s_complement() -> None:
    assert call("Sum", 0, -5, 0, 0, 0) == 0xFFFFFFFB


def test_64_bit_arguments_take_two_slots_and_results_leave_in_two_halves() -> None:
    task = Task()
    low = call("Wide64", 0xFFFFFFFF, 1, 2, task=task)
    assert (low, task.high) == (1, 2)
    assert signature(test.exports["Wide64"]).pops == 12


def test_floating_point_results_go_to_the_tib() -> None:
    task = Task()
    call("Float", *struct.unpack("<II", struct.pack("<d", 5.0)), task=task)
    assert task.number == 2.5


@pytest.mark.parametrize(
    ("name", "pops"), [("Sum", 20), ("Float", 0), ("Printf", 0), ("WhichA", 0), ("Nothing", 0), ("Open", 4)]
)
def test_stdcall_pops_its_arguments_and_cdecl_none(name: str, pops: int) -> None:
    assert signature(test.exports[name]).pops == pops


def test_an_error_sets_last_error_and_returns_the_failure_value() -> None:
    task = Task()
    assert call("Open", Err.ACCESS_DENIED, task=task) == 0xFFFFFFFF
    assert task.last_error == 5
    task.last_error = 99
    assert call("Open", 0, task=task) == 0x44
    assert task.last_error == 99, "success leaves last error alone"


def test_varargs_are_the_address_behind_the_fixed_arguments() -> None:
    assert call("Printf", 1) == 1004


def test_the_twins_know_which_they_are() -> None:
    assert (call("WhichA"), call("WhichW")) == (0, 1)


def test_an_untyped_parameter_is_refused_by_name() -> None:
    @test.api()
    def Untyped(t: Any, good: DWORD, bad) -> DWORD:  # type: ignore[no-untyped-def]
        return 0

    with pytest.raises(TypeError, match=r"abi-test\.Untyped: parameter bad"):
        signature(test.exports["Untyped"])


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):

        @test.api()
        def Sum(t: Any) -> DWORD:
            return 0


def test_types_that_differ_only_in_their_names_stay_apart() -> None:
    first = Annotated[int, Arg("I", names={"S": 1})]
    second = Annotated[int, Arg("I", names={"S": 2})]
    assert first.__metadata__[0].names != second.__metadata__[0].names
