"""A run that is read gives the numbers that it gives as a production run of a campaign."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from alloop.dynamics.recorder import ProductionSettings, Recorder
from alloop.dynamics.state import Point
from alloop.trajectories.collecting import Collector, collect
from alloop.trajectories.frames import Frame
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from alloop.transport.measure import measure
from alloop.transport.settings import MeasureSettings
from tests.support import written

SETTINGS = ProductionSettings("bussi", 2.0, 200.0, 0, 1490, 10, 1, 4.0, 0.4)
LITHIUM = MeasureSettings("Li")


@pytest.fixture(scope="module")
def positions():
    return written.hopping_run(150, cell_A=written.LEANING, drift_A=3.0)


@pytest.fixture(scope="module")
def produced(positions):
    """Return the run as a campaign records it."""
    atoms = Atoms(written.NUMBERS, positions=positions[0], cell=written.LEANING, pbc=True)
    start = Point(0, positions[0], np.zeros((64, 3)), np.zeros(3), np.zeros(3), 0.0)
    recorder = Recorder(atoms, np.arange(32), start, 900.0, SETTINGS, len(positions))
    for index, one in enumerate(positions):
        recorder.take(one, 890.0 + index % 20, 0.0)
    return recorder.trajectory()


def frames(positions):
    for index, one in enumerate(positions):
        kinetic_K = 890.0 + index % 20
        yield Frame(written.NUMBERS, written.LEANING, one, step=10 * index, kinetic_K=kinetic_K, temperature_K=900.0)


def test_numbers_and_curves_are_identical(positions, produced):
    run = collect(frames(positions), Said(timestep_fs=2.0), ("Li",), 20.0, "file", "form").trajectory
    # Production runs keep positions as float32, short files as they are.
    rounded = replace(run, mobile_A=run.mobile_A.astype(np.float32))
    found, truth = (measure({900.0: [one]}, LITHIUM) for one in (rounded, produced))
    assert found == truth
    assert truth[0].temperatures[0].unmeasured is None
    assert truth[0].temperatures[0].kinetic_K == pytest.approx(899.3, abs=0.5)


def test_a_trajectory_of_a_campaign_is_read_as_it_is(produced, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(produced.to_bytes())
    run = read_run(path, Said(), ReadSettings(("Li",)))
    assert measure({900.0: [run.trajectory]}, LITHIUM) == measure({900.0: [produced]}, LITHIUM)


def test_many_frames_keep_few_snapshots(monkeypatch, positions):
    monkeypatch.setattr("alloop.trajectories.collecting._MOST_SNAPSHOTS", 40)
    collector = Collector(next(frames(positions)), Said(timestep_fs=2.0), ("Li",), 20.0, "file")
    for frame in frames(positions):
        collector.take(frame)
    trajectory = collector.run("form").trajectory
    assert (trajectory.samples, trajectory.snapshot_every, len(trajectory.snapshots_A)) == (150, 4, 38)
    np.testing.assert_allclose(trajectory.snapshots_A, positions[::4], atol=1e-5)
