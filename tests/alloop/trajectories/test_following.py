"""Cells that change their vectors."""

import numpy as np
import pytest

from alloop.trajectories.following import Follower
from alloop.trajectories.frames import Frame, TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from tests.support import written

SAID = Said(timestep_fs=written.STEP_fs, temperature_K=written.TEMPERATURE_K)


@pytest.mark.parametrize("form", ["x", "xs", "xu", "image"])
def test_a_box_that_is_flipped_moves_no_atom(form, tmp_path):
    # LAMMPS takes other vectors of the same lattice where a box leans by more than half (fix npt, flip yes).
    positions = written.hopping_run(8, cell_A=written.LEANING)
    flipped = written.LEANING.copy()
    flipped[1] -= flipped[0]
    cells = np.array([written.LEANING] * 4 + [flipped] * 4)
    run = read_run(written.write_dump(tmp_path / "dump", positions, cells, form), SAID, ReadSettings(("Li",)))
    moved = run.trajectory.mobile_A - run.trajectory.mobile_A[0]
    np.testing.assert_allclose(moved, positions[:, :32] - positions[:1, :32], atol=1e-6)
    np.testing.assert_allclose(run.trajectory.cell_A, written.LEANING, atol=1e-6)
    assert run.notes == ()


def test_vectors_may_change_their_hand():
    positions = written.hopping_run(2)
    other = written.CUBIC[[1, 0, 2]]
    frames = [Frame(written.NUMBERS, cell, one) for cell, one in zip((written.CUBIC, other), positions, strict=True)]
    follower = Follower(frames[0], "file")
    followed = [follower.follow(frame) for frame in frames]
    np.testing.assert_allclose(followed, positions, atol=1e-9)


@pytest.mark.parametrize("scale", [1.3, 2.0])
def test_a_cell_of_another_lattice_is_refused(scale):
    positions = written.hopping_run(1)[0]
    frames = [Frame(written.NUMBERS, size * written.CUBIC, positions) for size in (1.0, scale)]
    follower = Follower(frames[0], "file")
    follower.follow(frames[0])
    with pytest.raises(TrajectoryError, match=r"file, frame 2: the cell is not that of the frame before"):
        follower.follow(frames[1])
