import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.config.source import SourceError, parse


def value(text: str) -> object:
    return parse(f"key: {text}").data["key"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("-1.5e+2", -150.0),
        ("12", 12),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("01:00:00", "01:00:00"),
        ("2024-01-01", "2024-01-01"),
        ("no", "no"),
        ("on", "on"),
        ("No", "No"),
        ("Y", "Y"),
        ("true", True),
        ("~", None),
        ("", None),
        ('"1"', "1"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, wanted):
    assert value(text) == wanted
    assert type(value(text)) is type(wanted)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_survives_or_is_of_a_size_that_no_setting_has(number):
    if number and not 1e-30 <= abs(number) <= 1e30:
        with pytest.raises(SourceError, match="must be 0 or from 1e-30 to"):
            value(repr(number))
        return
    assert math.isclose(float(value(repr(number))), number, rel_tol=0, abs_tol=0)


@given(st.text(max_size=200))
def test_any_text_is_data_or_one_problem(text):
    try:
        source = parse(text)
    except SourceError:
        return
    assert isinstance(source.data, dict)
    assert all((key,) in source.lines for key in source.data)


@pytest.mark.parametrize("tag", ["!!python/name:os.system x", "!own x", "!!set {a: null}", "!!binary aGk=", "!!int x"])
def test_tags_build_nothing(tag):
    with pytest.raises(SourceError):
        value(tag)


def test_aliases_repeat_a_value():
    assert parse("a: &x {b: 1}\nc: *x").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_lines_count_from_one_and_reach_into_lists():
    source = parse("a:\n  - b: 1\n  - c: 2\n")
    assert source.lines["a",] == 1
    assert source.lines["a", 1, "c"] == 3
