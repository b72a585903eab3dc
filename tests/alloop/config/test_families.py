"""Compositions of a system."""

import pytest

from alloop.config.families import FamilyError, compositions
from alloop.config.science import SystemConfig

HALIDE = {
    "name": "LIYBC",
    "structure": "a.cif",
    "substitute": {"In": {"In": "x", "Y": "1-x"}, "Cl": {"Br": "y", "Cl": "1-y"}},
}
IN = {"In": HALIDE["substitute"]["In"]}


def family(**changes):
    return compositions(SystemConfig.model_validate(HALIDE | changes))


def test_every_x_goes_with_every_y():
    found = family(x=[0, 0.5], y=["1/3", 1])
    assert [one.name for one in found] == ["LIYBC-x0-y0.3333", "LIYBC-x0-y1", "LIYBC-x0.5-y0.3333", "LIYBC-x0.5-y1"]
    assert found[2].substitute["Cl"] == pytest.approx({"Br": 1 / 3, "Cl": 2 / 3})


def test_y_may_follow_x():
    assert [one.name for one in family(x=[0.25, 0.5], y="1 - x")] == ["LIYBC-x0.25-y0.75", "LIYBC-x0.5-y0.5"]


def test_one_value_may_be_a_label():
    """End members and edges of a plane say where they are, without any use of it."""
    assert [one.values for one in family(x=[0, 1], y=[0], substitute=IN)] == [{"x": 0, "y": 0}, {"x": 1, "y": 0}]


def test_one_composition_keeps_the_name():
    (one,) = compositions(SystemConfig.model_validate(HALIDE | {"substitute": {"In": {"Y": "2/3"}}}))
    assert one.name == "LIYBC"
    assert one.substitute["In"]["Y"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"x": [0.5, 1.5], "y": [0]}, ("x", 1), "`1.5` is 1.5; it must be a number between 0 and 1"),
        ({"x": [0.5]}, ("substitute", "Cl", "Br"), "`y` names `y`; known: x"),
        ({"x": [0.5], "y": "2 - x"}, ("y",), "`2 - x` is 1.5 at x = 0.5"),
        ({"y": [0.5]}, ("y",), "needs values of x"),
        ({"x": [0.5], "substitute": {}}, ("x",), "changes nothing"),
        ({"x": [0] * 30, "y": [0] * 30}, ("x",), "more than 500"),
        ({"x": [0.5, 0, 0.5], "y": "1 - x"}, ("x",), "gives `LIYBC-x0.5-y0.5` twice, with values to four digits"),
        ({"x": [0.33333, 0.33334], "y": [0]}, ("x",), "gives `LIYBC-x0.3333-y0` twice"),
        ({"x": [0, 1], "y": [0.5, 0.5]}, ("y",), "gives `LIYBC-x0-y0.5` twice"),
        ({"x": [1], "y": [0, 1], "substitute": IN}, ("y",), "between `LIYBC-x1-y0` and `LIYBC-x1-y1`; use y in `sub"),
        ({"x": [0, 1], "substitute": {"In": {"Y": 1}}}, ("x",), "changes nothing between `LIYBC-x0` and `LIYBC-x1`"),
    ],
)
def test_family_that_cannot_be_is_told(changes, where, says):
    with pytest.raises(FamilyError, match=says) as told:
        family(**changes)
    assert told.value.where == where


def test_system_without_disorder_is_dumped_as_before():
    plain = {"name": "LiCl", "structure": "a.cif", "repeat": [1, 1, 1]}
    assert SystemConfig.model_validate(plain).model_dump(mode="json") == plain
    mixed = SystemConfig.model_validate(HALIDE | {"x": [0.5], "y": "x"})
    assert SystemConfig.model_validate_json(mixed.model_dump_json()) == mixed
