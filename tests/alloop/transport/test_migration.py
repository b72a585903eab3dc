import math

import numpy as np
import pytest

from alloop.transport.density import DensitySettings, paths_of
from alloop.transport.migration import Network, migration
from tests.support.hoppers import CUBIC, LEANING, langevin

KB_EV, KELVIN = 8.617333262e-5, 1000.0
BARRIERS_EV = (0.2, 0.35, 1.2)
WELLS = np.array(list(np.ndindex(3, 3, 3)), float) / 3


def smooth(barriers_eV, points=30, wells=3):
    """Return the density of ions in a potential of cosines, without noise."""
    x = 2 * np.pi * wells * np.arange(points) / points
    parts = [barrier / 2 * (1 - np.cos(x)) for barrier in barriers_eV]
    energy = parts[0][:, None, None] + parts[1][:, None] + parts[2]
    return np.exp(-energy / (KB_EV * KELVIN))


def test_barriers_of_a_known_density_are_its_own_in_every_direction():
    network = Network.of(smooth(BARRIERS_EV), 0.0, KELVIN)
    # A point of the grid lies on every saddle: 30 points, three wells.
    assert [network.barrier(axis) for axis in range(3)] == pytest.approx(BARRIERS_EV, abs=1e-9)


def test_the_likeliest_path_leads_through_wells_to_the_image_of_its_start():
    network = Network.of(smooth(BARRIERS_EV), 0.0, KELVIN)
    scaled, free_energy = network.likeliest(1, np.eye(3) * 9.0, KELVIN)
    assert scaled[-1] - scaled[0] == pytest.approx([0, 1, 0])
    assert free_energy[0] == free_energy[-1] == pytest.approx(0.0, abs=1e-9)
    assert free_energy.max() == pytest.approx(0.35)
    assert np.ptp(scaled[:, [0, 2]], axis=0) == pytest.approx([0, 0])


def test_a_channel_that_changes_its_cell_leads_along_both_vectors():
    """Ions in one slanted channel: from (0, 0) over (1/2, 1/2) to (1, 1)."""
    points = 16
    grid = np.zeros((points,) * 3)
    grid[np.arange(points), np.arange(points), 4] = 1.0
    network = Network.of(grid, 0.5, KELVIN)
    assert [network.barrier(axis) for axis in range(3)] == [0.0, 0.0, None]
    scaled, _ = network.likeliest(0, np.eye(3) * 9.0, KELVIN)
    assert scaled[-1] - scaled[0] == pytest.approx([1, 1, 0])


def test_a_bridge_counts_by_its_highest_place_and_a_deeper_branch_by_its_floor():
    """A channel along a at 0.1 eV with a wall of 0.4 eV, joined by 0.3 eV to a pocket at 0."""
    energy = np.full((12, 12, 12), np.inf)
    energy[:, 3, 3] = 0.1
    energy[6, 3, 3] = 0.4
    energy[0, 4, 3], energy[0, 5, 3] = 0.3, 0.0
    network = Network.of(np.exp(-energy / (KB_EV * KELVIN)), 1e-9, KELVIN)
    assert network.barrier(0) == pytest.approx(0.4)
    energy[0, 4, 3] = 0.5
    network = Network.of(np.exp(-energy / (KB_EV * KELVIN)), 1e-9, KELVIN)
    # The pocket is cut off below the wall now.
    assert network.barrier(0) == pytest.approx(0.3)


@pytest.mark.parametrize("cell_A", [CUBIC / 2, LEANING / 2], ids=["cubic", "leaning"])
def test_langevin_walkers_give_the_barriers_of_their_potential(cell_A):
    run = langevin(barriers_eV=BARRIERS_EV, cell_A=cell_A, samples=3000)
    found = migration(paths_of([run]), WELLS, DensitySettings(resolution_A=0.35))
    for path, truth in zip(found.paths[:2], BARRIERS_EV, strict=False):
        assert path.barrier_eV.value == pytest.approx(truth, abs=2.5 * path.barrier_eV.se + 0.01)
        assert path.barrier_eV.se < 0.12
        assert len(set(path.sites)) >= 3
        assert path.distance_A[-1] >= np.linalg.norm(cell_A["ab".index(path.along)]) - 1e-3
    across = found.paths[2]
    assert across.barrier_eV is None
    assert 0.4 < across.above_eV < BARRIERS_EV[2]
    assert math.isclose(found.smear_A, 0.15)
