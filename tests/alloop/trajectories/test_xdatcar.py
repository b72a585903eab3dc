"""What may stand between the frames of an XDATCAR."""

import re

import pytest

from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from tests.support import written

SAID = Said(timestep_fs=written.INTERVAL_fs, temperature_K=written.TEMPERATURE_K)
LITHIUM = ReadSettings(mobile=("Li",))
POSITIONS = written.hopping_run(6)
VELOCITIES = "\n" + "  0.1E-02 -0.2E-02  0.3E-02\n" * len(written.NUMBERS)
FRAME = re.compile(r"(?=Direct configuration)")


@pytest.fixture
def path(tmp_path):
    return written.write_xdatcar(tmp_path / "XDATCAR", POSITIONS, written.CUBIC)


@pytest.mark.parametrize("each", [True, False])
def test_velocities_between_frames_are_passed_over(path, each):
    plain = read_run(path, SAID, LITHIUM)
    head, *frames = FRAME.split(path.read_text())
    path.write_text("".join((head if each or not place else "") + one + VELOCITIES for place, one in enumerate(frames)))
    found = read_run(path, SAID, LITHIUM)
    assert found.trajectory.mobile_A.tolist() == plain.trajectory.mobile_A.tolist()


def test_more_atoms_than_the_header_says_are_no_velocities(path):
    path.write_text(path.read_text().replace("32 32\n", "32 30\n"))
    with pytest.raises(TrajectoryError, match="header"):
        read_run(path, SAID, LITHIUM)


def test_frames_may_have_no_number(path):
    path.write_text(re.sub(r"= +\d+", "=", path.read_text()))
    run = read_run(path, SAID, LITHIUM)
    assert (run.frames, run.trajectory.interval_fs) == (6, written.INTERVAL_fs)
