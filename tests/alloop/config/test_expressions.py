"""Shares as expressions, of which nothing but arithmetic is computed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.config.expressions import ExpressionError, evaluated


@pytest.mark.parametrize(
    ("text", "value"),
    [("x", 0.25), ("1 - x", 0.75), ("(1-y)/2", 0.25), ("-x + 2*y", 0.75), ("2/3", 2 / 3), ("1e-1", 0.1)],
)
def test_arithmetic(text, value):
    assert evaluated(text, {"x": 0.25, "y": 0.5}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("z", "names `z`; known: x and y"),
        ("x y", "not an expression"),
        ("", "not an expression"),
        ("1/(x-x)", "divides by zero"),
        ("1e999", "finite"),
        ("x**9", "only numbers"),
        ("__import__('os').getcwd()", "only numbers"),
        ("True", "only numbers"),
        ("x if x else y", "only numbers"),
        ("(" * 90 + "x" + ")" * 9, "not an expression"),
        ("x+" * 60 + "x", "longer than"),
        ("x\0", "not an expression"),
    ],
)
def test_anything_else_is_told(text, says):
    with pytest.raises(ExpressionError, match=says):
        evaluated(text, {"x": 0.25, "y": 0.5})


@given(st.text(max_size=40))
def test_no_text_does_anything_else(text):
    with suppress(ExpressionError):
        assert isinstance(evaluated(text, {"x": 1.0}), float)
