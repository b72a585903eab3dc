import numpy as np
import pytest

from alloop.transport.diffusion import diffusivity, first_lag, ion_walks_of
from alloop.transport.gates import barely, unmeasured
from alloop.transport.settings import MeasureSettings
from tests.support.walkers import hopping

LITHIUM = MeasureSettings("Li")
FRAMES, HOP_A = 1500, 2.5


def passed(seed, ions, hops):
    """D / truth of a run that passes the gate and whether it is flagged; None if it does not pass."""
    walks = ion_walks_of([hopping(np.random.default_rng(seed), FRAMES, ions, hops / ions / FRAMES, HOP_A)], 0.1)
    first = first_lag(walks, LITHIUM.min_displacement_A)
    fit = diffusivity(walks, max(1, min(first or walks.longest, walks.longest // 2)))
    if unmeasured(walks, first, fit, LITHIUM):
        return None
    truth_cm2_s = hops / ions / FRAMES * HOP_A**2 / 6 / 0.1 * 1e-4
    return fit.D_cm2_s / truth_cm2_s, barely(walks, fit, LITHIUM) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ions", "hops", "flagged"),
    [(20, 50, (0.9, 1.0)), (4, 10, (0.8, 1.0)), (10, 50, (0.0, 0.15))],
)
def test_runs_that_barely_pass_are_flagged(ions, hops, flagged):
    found = [one for seed in range(80) if (one := passed(seed, ions, hops))]
    assert flagged[0] <= np.mean([near for _, near in found]) <= flagged[1]
    if flagged[1] < 0.5:
        assert np.mean([ratio for ratio, near in found if not near]) == pytest.approx(1.0, abs=0.05)


def test_the_flag_names_how_far_ions_moved():
    walks = ion_walks_of([hopping(np.random.default_rng(0), 400, 20, 0.02)], 0.1)
    fit = diffusivity(walks, first_lag(walks, 2.0))
    moved_A = float(np.sqrt(walks.msd()[walks.longest // 2]))
    near = MeasureSettings("Li", min_displacement_A=0.98 * moved_A)
    assert f"({moved_A:.2f} Å)" in barely(walks, fit, near)
    assert barely(walks, fit, MeasureSettings("Li", min_displacement_A=0.5 * moved_A)) is None
