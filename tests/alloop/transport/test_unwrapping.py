import numpy as np
import pytest

from alloop.transport.diffusion import ion_walks_of
from alloop.transport.unwrapping import unwrap
from tests.support.walkers import free_walk, hopping

SKEWED_A = np.array([[7.0, 0.0, 0.0], [2.0, 6.2, 0.0], [1.0, -1.0, 6.5]])
CUBE_A = 6.0 * np.eye(3)


@pytest.mark.parametrize(
    ("cell_A", "walk", "every", "answer"),
    [
        (SKEWED_A, hopping, 1, "note"),
        (SKEWED_A, hopping, 20, "refused"),
        (SKEWED_A, hopping, 80, "refused"),
        (2 * CUBE_A, hopping, 1, "silent"),
        (CUBE_A, hopping, 1, "note"),
        (CUBE_A, hopping, 10, "refused"),
        (CUBE_A, free_walk, 5, "silent"),
        (CUBE_A, free_walk, 20, "note"),
        (CUBE_A, free_walk, 40, "refused"),
    ],
)
def test_diffusivities_are_right_or_the_samples_are_refused(cell_A, walk, every, answer):
    """MSD over 20 samples within 4 % of the truth wherever it is not refused."""
    D = 0.02 if walk is hopping else 0.02 * 2.5**2 / 6 * np.eye(3)
    path = walk(np.random.default_rng(0), 20_000, 20, D)[::every]
    scaled = path @ np.linalg.inv(cell_A)
    if answer == "refused":
        with pytest.raises(ValueError, match=r"% of steps .* near half of the cell.*sample more often"):
            unwrap(scaled % 1.0, cell_A)
        return
    found = unwrap(scaled % 1.0, cell_A)
    assert (found.note is None) == (answer == "silent")
    ratio = ion_walks_of([found.positions_A], 1.0).msd()[20] / ion_walks_of([path], 1.0).msd()[20]
    assert ratio == pytest.approx(1.0, abs=0.04)
    if answer == "silent":
        apart = found.positions_A - path
        assert apart == pytest.approx(np.broadcast_to(apart[0], apart.shape), abs=1e-6)


def test_one_sample_has_no_steps():
    assert unwrap(np.zeros((1, 3, 3)), CUBE_A).near_half == 0.0
