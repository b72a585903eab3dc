from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.status import numbers
from alloop.status.numbers import clipped, duration, plus_minus


def test_examples():
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (45.2134, 12.31, "45 ± 12 eV"),
        (45.2134, 0.0123, "45.213 ± 0.012 eV"),
        (1234.0, 123.0, "1234 ± 123 eV"),
        (2.0, 0.0, "2.000 ± 0.000 eV"),
        (2.0, math.nan, "2 eV (error bar unknown)"),
        (math.nan, 1.0, "unmeasured"),
        (None, None, "unmeasured"),
    ],
)
def test_a_value_is_as_precise_as_its_error_bar(value, error, text):
    assert plus_minus(value, error, "eV") == text


@given(st.text(), st.integers(2, 200))
def test_one_line_is_one_printable_line(text, width):
    line = clipped(text, width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line
    assert "\u202e" not in line


@given(st.floats(0, 1e8))
def test_a_duration_has_no_sixty_in_it(seconds):
    assert "60 s" not in duration(seconds)
    assert "60 min" not in duration(seconds)
