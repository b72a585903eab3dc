"""The probability that a number with an error bar is the largest of several."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from policies.ranking import probability_of_largest

NUMBERS = st.lists(st.tuples(st.floats(-20, 20), st.floats(0.001, 10)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("values", "errors"), [((1.0, 0.0), (0.6, 0.8)), ((-7.0, -7.1), (1e-4, 0.3)), ((0.0, 12.0), (5.0, 0.01))]
)
def test_of_two_numbers_it_is_the_normal_distribution_of_their_difference(values, errors):
    expected = norm.cdf((values[0] - values[1]) / np.hypot(*errors))
    assert probability_of_largest(values, errors)[0] == pytest.approx(expected, abs=1e-6)


def test_drawing_the_true_values_many_times_gives_the_same():
    values, errors = np.array([-6.1, -6.0, -5.8, -7.5]), np.array([0.3, 0.1, 0.5, 1.5])
    drawn = np.random.default_rng(1).normal(values, errors, (200_000, 4)).argmax(axis=1)
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    assert probability_of_largest(values, errors) == pytest.approx(shares, abs=0.005)


def test_a_single_composition_is_the_best_for_sure():
    assert probability_of_largest([-6.0], [0.2]).tolist() == [1.0]


@settings(max_examples=20, deadline=None)
@given(NUMBERS, st.floats(-50, 50))
def test_probabilities_add_up_to_one_and_do_not_change_with_the_unit(numbers, shift):
    values, errors = np.array(numbers).T
    found = probability_of_largest(values, errors)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert probability_of_largest(values + shift, errors) == pytest.approx(found, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.floats(0.01, 3))
def test_with_equal_errors_the_largest_number_is_the_likeliest(values, error):
    found = probability_of_largest(values, [error] * len(values))
    assert found[int(np.argmax(values))] == pytest.approx(found.max())


@pytest.mark.parametrize(
    ("values", "errors"), [([], []), ([1.0], [0.0]), ([1.0, 2.0], [0.1]), ([np.nan], [1.0]), ([1.0], [np.inf])]
)
def test_numbers_without_a_known_error_are_refused(values, errors):
    with pytest.raises(ValueError, match="errors"):
        probability_of_largest(values, errors)
