from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.sizes import _by_size, analyse_cells
from alloop.trajectories.timing import Said
from alloop.transport.settings import MeasureSettings
from tests.support import written

SAID = Said(written.STEP_fs, written.EVERY, written.TEMPERATURE_K)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return runs of 64 atoms and of 128: the same cell twice, beside itself."""
    root = tmp_path_factory.mktemp("sizes")
    one = written.hopping_run(200)
    beside = np.concatenate([one, one + written.CUBIC[0]], axis=1)
    wide = written.CUBIC * [[2], [1], [1]]
    numbers = np.tile(written.NUMBERS, 2)
    large = [Atoms(numbers, positions=positions, cell=wide, pbc=True) for positions in beside]
    write(root / "large.xyz", large, format="extxyz")
    files = [written.write_extxyz(root / "small.xyz", one, written.CUBIC), root / "large.xyz"]
    return [read_run(str(file), SAID, ReadSettings(("Li",))) for file in files]


def test_cells_of_two_sizes_are_analysed_each_and_together(runs):
    found = analyse_cells(runs[::-1], MeasureSettings("Li"))
    assert [cell.system for cell in found.cells] == ["ClLi, 64 atoms", "ClLi, 128 atoms"]
    (series,) = found.series
    assert [point.atoms for point in series.points] == [64, 128]
    assert series.D_infinite_cm2_s is not None
    assert series.note.startswith("D does not depend on the size of the cell beyond its error bars")


def test_the_density_is_wanted_at_a_temperature_that_one_size_has(runs):
    small, large = runs
    hot = replace(large, trajectory=replace(large.trajectory, temperature_K=900.0))
    assert all(cell.density is not None for cell in analyse_cells([small, hot], MeasureSettings("Li"), 900.0).cells)
    with pytest.raises(TrajectoryError, match="no run has 500 K"):
        analyse_cells([small, hot], MeasureSettings("Li"), 500.0)


def test_other_compositions_are_refused(runs):
    small, large = runs
    numbers = large.trajectory.numbers.copy()
    numbers[-1] = 35
    odd = replace(large, trajectory=replace(large.trajectory, numbers=numbers))
    with pytest.raises(TrajectoryError, match=r"large.xyz: other atoms than in .*small.xyz; analyse each system"):
        _by_size([small, odd])
