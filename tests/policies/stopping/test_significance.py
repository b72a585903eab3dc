import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.stopping.significance import (
    EARLY_LEVEL,
    LADDER_LEVEL,
    LEVEL,
    level_of,
    power,
    student,
    welch,
)


@given(st.integers(1, 40))
def test_the_levels_of_a_ladder_are_paid_for(comparisons):
    levels = [level_of(place, comparisons) for place in range(1, comparisons + 1)]
    assert levels[-1] == LEVEL == max(levels)
    assert sum(levels) <= LEVEL + EARLY_LEVEL + 1e-12 < LADDER_LEVEL
    assert len(set(levels[:-1])) <= 1


@pytest.mark.parametrize(("comparison", "comparisons"), [(0, 3), (4, 3), (1, 0)])
def test_there_is_no_level_without_a_comparison(comparison, comparisons):
    with pytest.raises(ValueError, match=f"a ladder of {comparisons} comparisons has no comparison {comparison}"):
        level_of(comparison, comparisons)


@pytest.mark.parametrize(
    ("degrees", "level", "expected"),
    # tables of Student's t, one-sided
    [(2, 0.05, 2.920), (4, 0.05, 2.132), (11, 0.05, 1.796), (4, 0.01, 3.747), (11, 0.01, 2.718), (1e9, 0.05, 1.645)],
)
def test_error_bars_are_as_wide_as_the_tables_say(degrees, level, expected):
    assert student(degrees, level) == pytest.approx(expected, abs=6e-4)


def test_degrees_of_a_sum_are_welchs():
    # the example of a noisy sample of 2 (variance of its mean 1) and a sharp one of 5 (0.01)
    assert welch([1.0, 0.01], [1, 4]) == pytest.approx(1.01**2 / (1 + 0.0001 / 4))
    assert welch([np.array([1.0, 0.0]), np.array([1.0, 1.0])], [2, 4]).tolist() == pytest.approx([16 / 3, 4.0])
    assert welch([1e-200, 1e-200], [2, 2]) == pytest.approx(4.0)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 50)), min_size=1, max_size=5))
def test_a_sum_is_known_no_worse_than_its_worst_part_and_no_better_than_all(parts):
    variances, degrees = zip(*parts, strict=True)
    assert min(degrees) * (1 - 1e-9) <= welch(variances, degrees) <= sum(degrees) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("se", "critical", "expected"),
    [(0.03, 1.645, 0.908), (0.031, 1.645, 0.886), (0.05, 1.645, 0.277), (0.1, 1.645, 0.0), (0.0, 1.645, 1.0)],
)
def test_power_is_what_the_normal_distribution_gives(se, critical, expected):
    assert power(0.1, se, critical) == pytest.approx(expected, abs=1e-3)
    rng = np.random.default_rng(0)
    assert np.mean(np.abs(rng.normal(0, se, 20000)) + critical * se <= 0.1) == pytest.approx(expected, abs=0.02)


def test_power_is_unknown_without_an_error_bar():
    assert math.isnan(power(0.1, math.nan, 2.0))
