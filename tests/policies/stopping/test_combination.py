import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.stopping.combination import Change, combine
from policies.stopping.orderings import between_orderings

errors = st.floats(0, 1)
fits = st.lists(st.floats(-1, 1), min_size=2, max_size=5).map(np.array)


def change_of(before, after, md=0.0):
    return Change(*(combine(np.asarray(x, float), np.full(len(x), md)) for x in (before, after)))


def test_fits_that_scatter_less_than_their_dynamics_are_not_believed():
    alike = combine(np.array([0.30, 0.30, 0.30]), np.array([0.02, 0.02, 0.02]))
    assert alike.se == pytest.approx(0.02 / math.sqrt(3))
    apart = combine(np.array([0.2, 0.3, 0.4]), np.array([0.02, 0.02, 0.02]))
    assert apart.se == pytest.approx(0.1 / math.sqrt(3)), "the scatter holds the error of the dynamics already"


def test_what_is_not_known_is_left_out():
    partly = combine(np.array([0.30, math.nan, 0.34]), np.array([math.nan, 0.5, 0.01]))
    assert (partly.fits, partly.value, partly.md) == (2, pytest.approx(0.32), 0.01)
    without = combine(np.array([0.30, 0.34]), np.full(2, math.nan))
    assert without.se == pytest.approx(without.spread / math.sqrt(2))
    one = combine(np.array([0.3]), np.array([0.01]))
    assert math.isnan(one.se)
    assert math.isnan(Change(one, partly).se)
    with pytest.raises(ValueError, match="no fit"):
        combine(np.array([math.nan]), np.array([0.1]))


@pytest.mark.parametrize("orderings", [2, 3, 4])
def test_a_change_of_just_the_tolerance_passes_at_the_level_where_few_orderings_make_the_error(orderings):
    """Orderings that change by 1 ± 0.3 around a tolerance of 1: found to agree in about 5 % of cases."""
    rng, agreed = np.random.default_rng(orderings), 0
    for _ in range(4000):
        moved = 1.0 + 0.3 * rng.standard_normal(orderings)
        fits = 0.02 * rng.standard_normal((2, 3))
        change = Change(
            combine(fits[0], np.zeros(3)),
            combine(fits[1] + moved.mean(), np.zeros(3)),
            orderings=between_orderings(moved, 0.0),
            orderings_degrees=orderings - 1,
        )
        agreed += abs(change.delta) + change.critical * change.se <= 1.0
    assert 0.02 < agreed / 4000 < 0.08


def test_the_error_bar_of_three_fits_is_that_of_students_t():
    # 2.132: Student's t, 4 degrees of freedom, one-sided 95 % (tables, e.g. Student, Biometrika 6, 1 (1908))
    assert change_of([1, 2, 3], [1, 2, 3]).critical == pytest.approx(2.132, abs=5e-4)
    assert change_of([1, 2], [1, 2]).critical == pytest.approx(2.920, abs=5e-4)


def test_a_smaller_level_makes_the_error_bar_wider():
    change = change_of([1, 2, 3], [1, 2, 3])
    assert Change(change.previous, change.last, level=0.01).critical == pytest.approx(3.747, abs=5e-4)


def test_fits_of_different_number_have_welchs_degrees():
    noisy, sharp = [0, 3], [0, 0.1, 0, 0.1, 0]
    assert 1.0 <= change_of(noisy, sharp).degrees < 1.01, "the two noisy fits are all of the error"
    assert change_of(noisy, sharp).degrees == change_of(sharp, noisy).degrees
    assert change_of([0, 0.1], [0, 3, 0, 3, 0]).degrees == pytest.approx(4.0, abs=0.1)
    assert change_of([1, 1], [1, 1, 1]).degrees == 3.0


@given(before=fits, after=fits, md=errors, tolerance=st.floats(0.01, 2))
def test_the_more_rungs_may_be_measured_for_longer_the_more_is_within_reach(before, after, md, tolerance):
    change = change_of(before, after, md)
    assert 0 <= change.best_se() <= change.best_se((True, False)) <= change.best_se((False, False)) == change.se
    assert not change.within_reach(tolerance, (False, False))
    assert change.within_reach(tolerance) or not change.within_reach(tolerance, (True, False))


@given(before=fits, after=fits, share=st.floats(0, 0.09))
def test_dynamics_that_are_long_enough_are_not_asked_for(before, after, share):
    still = change_of(before, after)
    change = change_of(before, after, math.sqrt(share / (1 / len(before) + 1 / len(after))) * still.se)
    assert not change.within_reach(1e9)


def test_fits_that_disagree_are_not_mended_by_dynamics():
    assert not change_of([0, 1, 2], [0, 1, 2], md=0.5).within_reach(0.5)
    assert change_of([0, 0.1, 0.2], [0, 0.1, 0.2], md=0.5).within_reach(0.5)
    assert not change_of([0, 0.1, 0.2], [5, 5.1, 5.2], md=0.5).within_reach(0.5), "it is too far"


@pytest.mark.parametrize("fits", [2, 3, 5])
@pytest.mark.parametrize("md_share", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("stated", [1.0, 0.6])
def test_the_error_bar_covers_the_truth_as_often_as_it_says(fits, md_share, stated):
    """One-sided misses at most 5 %, however much of the scatter is dynamics and even if their error is understated.

    1.645 in the place of Student's t would miss 8 to 12 % without an error of the dynamics.
    """
    rng, repeats = np.random.default_rng(fits), 2500
    model, md = math.sqrt(1 - md_share), math.sqrt(md_share)
    x = rng.normal(0, model, (repeats, 2, fits)) + rng.normal(0, md, (repeats, 2, fits))
    s = stated * md * np.sqrt(rng.chisquare(10, x.shape) / 10)
    changes = [Change(combine(a[0], b[0]), combine(a[1], b[1])) for a, b in zip(x, s, strict=True)]
    misses = np.mean([change.delta > change.critical * change.se for change in changes])
    assert misses < 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / len(changes))
    if md_share == 0.0:
        naive = np.mean([change.delta > 1.645 * change.se for change in changes])
        assert naive > misses
