import math

import numpy as np
import pytest

from alloop.transport.diffusion import Diffusivity, diffusivity, first_lag, ion_walks_of, summed
from alloop.transport.haven import ln_haven
from tests.support.walkers import hopping_together


def fit(D, relative_se):
    return Diffusivity(D, D * relative_se, D * relative_se, None, 0, 1.0, 10.0, 1.0, 0.1, True)


@pytest.mark.parametrize(
    ("haven", "single", "total", "se"),
    [
        (1.0, 0.1 / math.sqrt(20), 0.1, 0.1 * math.sqrt(19 / 20)),
        (0.05, 0.2, 0.2, 0.0),
        (0.1, 0.2 / math.sqrt(2), 0.2, 0.2 / math.sqrt(2)),
        (0.01, 0.2, 0.2, 0.0),
    ],
    ids=["alone", "as one", "in two groups", "more than as one"],
)
def test_errors_of_one_run_go_together(haven, single, total, se):
    found = ln_haven(fit(haven * 1e-5, single), fit(1e-5, total), 20)
    assert found.value == pytest.approx(math.log(haven))
    assert found.se == pytest.approx(se, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("together", [1, 10])
def test_error_bars_of_the_logarithm_cover_the_truth(together):
    inside, off = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        walks = ion_walks_of([hopping_together(rng, 1000, 20, together, 0.02) for _ in range(3)], 1.0)
        tracer = diffusivity(walks, first_lag(walks, 2.0))
        found = ln_haven(tracer, diffusivity(summed(walks), round(tracer.start_ps), single=False), 20)
        off.append(found.value + math.log(together))
        inside.append((abs(off[-1]) < found.se, abs(off[-1]) < 2 * found.se))
    parts = np.mean(inside, axis=0)
    assert abs(np.mean(off)) < 0.06
    assert 0.60 < parts[0] < 0.86, parts
    assert parts[1] > 0.90, parts
