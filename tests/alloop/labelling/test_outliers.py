import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.labelling.outliers import first_absurd, is_absurd

USUAL = [-3.2, -3.1, -3.3, -3.2, -3.15]


@pytest.mark.parametrize(
    ("value", "absurd"), [(-3.0, False), (-12.9, False), (-13.5, True), (1e6, True), (-1e300, True), (6.5, False)]
)
def test_a_number_is_absurd_beyond_a_distance_that_no_sound_one_has(value, absurd):
    assert is_absurd(value, USUAL, least=10.0) is absurd


def test_what_spreads_widely_may_be_farther_off():
    assert not is_absurd(120.0, [0.0, 5.0, -5.0, 10.0, -10.0], least=10.0)


def test_one_absurd_number_among_the_others_does_not_make_sound_ones_absurd_nor_hide_a_second():
    others = [*USUAL, 1e30]
    assert not is_absurd(-3.2, others, least=10.0)
    assert is_absurd(-1e5, others, least=10.0)


@pytest.mark.parametrize("others", [[], [-3.0], [-3.0, 1e9]])
def test_too_few_others_say_nothing(others):
    assert not is_absurd(1e12, others, least=10.0)


@given(st.lists(st.floats(-4.9, 4.9), min_size=1, max_size=20))
def test_sound_numbers_are_never_blamed(numbers):
    assert first_absurd({str(place): number for place, number in enumerate(numbers)}, least=10.0) is None


def test_the_farthest_is_named():
    named = dict(zip("abcdef", [*USUAL, 400.0], strict=True))
    assert first_absurd({**named, "g": -90.0}, least=10.0) == ("f", 400.0, -3.2)
