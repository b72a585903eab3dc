import pytest

from benchmarks.stop_rule import Shape, heldout_rates
from policies.stopping.forecast import agreement, walkers_for


@pytest.mark.parametrize(("fits", "walkers", "frames"), [(1, 12, 120), (3, 1, 40), (3, 12, 1), (0, 0, 0)])
def test_what_has_no_error_bar_decides_nothing(fits, walkers, frames):
    assert agreement(fits, walkers, frames, tolerance=0.1) == 0.0


def test_more_of_anything_decides_more():
    few = agreement(3, 6, 60, tolerance=0.1)
    assert few < agreement(4, 6, 60, tolerance=0.1)
    assert few < agreement(3, 12, 60, tolerance=0.1), "frames of other walkers are worth more"
    assert few < agreement(3, 6, 120, tolerance=0.1)
    assert few < agreement(3, 6, 60, tolerance=0.12)
    assert few > agreement(3, 6, 60, tolerance=0.1, level=0.01)
    assert agreement(3, 60, 12, tolerance=0.1) == agreement(3, 12, 12, tolerance=0.1), "walkers without a frame"


@pytest.mark.parametrize(("fits", "walkers", "frames"), [(2, 4, 3), (3, 12, 10), (5, 12, 10), (3, 24, 10)])
def test_the_forecast_is_what_simulated_rungs_do(fits, walkers, frames):
    simulated = heldout_rates(0.0, (Shape(fits, walkers, frames),) * 2, repeats=400).agree
    assert agreement(fits, walkers, walkers * frames, tolerance=0.1) == pytest.approx(simulated, abs=0.06)


def test_the_walkers_that_are_enough_are_just_enough():
    found = walkers_for(0.8, 3, 10, tolerance=0.1)
    assert agreement(3, found, 10 * found, tolerance=0.1) >= 0.8
    assert agreement(3, found - 1, 10 * found - 10, tolerance=0.1) < 0.8
    assert walkers_for(0.8, 2, 10, tolerance=0.01) is None
