"""The x87's 80-bit format."""

from __future__ import annotations

import struct

import pytest

from w9x_client.engine.x87 import double_to_extended, extended_to_double


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, 1e308, 5e-324, 2.2250738585072014e-308, 1 / 3, float("inf")])
def test_doubles_survive_the_x87_format(value: float) -> None:
    back = extended_to_double(*double_to_extended(value))
    assert struct.pack("<d", back) == struct.pack("<d", value)
