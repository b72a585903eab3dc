import numpy as np
import pytest
from pydantic import ValidationError

from alloop.dynamics.trajectory import concatenate
from alloop.materials.structure import Structure
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.produce import ProduceData, ProduceRequest, ProduceSummary, ProductionWalker, trajectory_file
from alloop.tasks.kinds.produce import read_trajectory
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import DamagedResultError, Workspace
from tests.support.models import lithium_chloride, small_model

WALKERS = (ProductionWalker(temperature_K=300.0, seed=1), ProductionWalker(temperature_K=500.0, seed=2))


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    write_model(workspace.model_path("fit:a"), small_model())
    return workspace


def request(**changes):
    fields = {
        "structure": Structure.from_atoms(lithium_chloride(rattle_A=0.02)),
        "model": "fit:a",
        "dtype": "float32",
        "walkers": WALKERS,
        "ensemble": "bussi",
        "timestep_fs": 2.0,
        "thermostat_fs": 100.0,
        "equilibration_steps": 5,
        "steps": 24,
        "sample_every_steps": 2,
        "snapshot_every": 3,
        "mobile": "Li",
        "stop_temperature_factor": 100.0,
        "stop_contact": 0.1,
    }
    return ProduceRequest(**{**fields, **changes})


def run(workspace, wanted):
    """Let a worker do it, and return summary and data."""
    key = perform(str(workspace.root), wanted.kind, wanted.model_dump(mode="json"))
    result = workspace.read("produce", key, with_data=True)
    assert result.status == "ok", result.detail
    return ProduceSummary.model_validate(result.summary), ProduceData.model_validate(result.data)


@pytest.mark.parametrize("ensemble", ["nve", "bussi", "nose_hoover"])
def test_four_segments_are_one_run_to_the_last_bit(workspace, ensemble):
    whole, at_once = run(workspace, request(ensemble=ensemble)), request(ensemble=ensemble).key()
    keys, start = [], None
    for _ in range(4):
        segment = request(ensemble=ensemble, steps=6, start=start)
        last = run(workspace, segment)
        start = segment.key()
        keys.append(start)
    assert last[1] == whole[1]
    for walker in range(2):
        one = read_trajectory(workspace, at_once, walker)
        joined = concatenate([read_trajectory(workspace, key, walker) for key in keys])
        for name in ("mobile_A", "snapshots_A", "kinetic_K", "conserved_eV"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(one, name))
        np.testing.assert_allclose(joined.drift_A, one.drift_A, atol=1e-12)
        assert one.samples == 13
        assert len(one.snapshots_A) == 5


def test_the_summary_says_what_the_trajectories_hold(workspace):
    wanted = request()
    summary, _ = run(workspace, wanted)
    for index, (walker, asked) in enumerate(zip(summary.walkers, WALKERS, strict=True)):
        trajectory = read_trajectory(workspace, wanted.key(), index)
        assert (walker.ended, walker.samples, walker.temperature_K) == ("length", 13, asked.temperature_K)
        assert trajectory.temperature_K == asked.temperature_K
        assert trajectory.interval_fs == 4.0
        assert walker.mean_kinetic_K == pytest.approx(trajectory.kinetic_K.mean())
        assert 0.5 < walker.min_contact < 1.2
        assert (workspace.root / "results" / "produce" / walker.file).exists()


def test_ions_of_every_mobile_element_that_is_there_are_followed(workspace):
    one, other = request(walkers=WALKERS[:1]), request(walkers=WALKERS[:1], mobile=("Na", "Li"))
    run(workspace, one)
    run(workspace, other)
    alone, listed = (read_trajectory(workspace, each.key(), 0) for each in (one, other))
    np.testing.assert_array_equal(listed.mobile_A, alone.mobile_A)
    both = request(walkers=WALKERS[:1], mobile=("Li", "Cl"))
    run(workspace, both)
    assert read_trajectory(workspace, both.key(), 0).mobile_A.shape[1] == len(alone.numbers)


def test_a_walker_that_was_stopped_stays_stopped_and_the_others_go_on(workspace):
    hot = (WALKERS[0], ProductionWalker(temperature_K=50_000.0, seed=3))
    first = request(walkers=hot, stop_contact=0.6, equilibration_steps=0)
    summary, data = run(workspace, first)
    assert [walker.ended for walker in summary.walkers] == ["length", "contact"]
    assert summary.walkers[1].min_contact < 0.6
    assert data.points[0] is not None
    assert data.points[1] is None
    second = request(walkers=hot, stop_contact=0.6, equilibration_steps=0, start=first.key())
    summary, _ = run(workspace, second)
    assert [(walker.ended, walker.samples) for walker in summary.walkers] == [("length", 13), ("contact", 0)]
    joined = concatenate([read_trajectory(workspace, each.key(), 1) for each in (first, second)])
    assert joined.samples == read_trajectory(workspace, first.key(), 1).samples


@pytest.mark.parametrize("damage", ["cut", "gone", "folder"])
def test_a_damaged_trajectory_is_noticed_and_made_again(workspace, damage):
    wanted = request(walkers=WALKERS[:1])
    before = run(workspace, wanted)
    path = workspace.companion_path("produce", trajectory_file(wanted.key(), 0))
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-10])
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(DamagedResultError):
        read_trajectory(workspace, wanted.key(), 0)
    assert run(workspace, wanted) == before
    assert path.read_bytes() == content
    assert len((workspace.root / "logs" / "attempts.log").read_text().splitlines()) == 2


def test_a_segment_that_could_not_be_joined_is_no_request():
    with pytest.raises(ValidationError, match="multiple of sample_every_steps"):
        request(steps=20)


def test_missing_elements_are_a_failure_with_a_reason(workspace):
    sodium = Structure.from_atoms(lithium_chloride()).model_copy(update={"numbers": (11, *(17,) * 7)})
    for wanted in (request(mobile="Na"), request(structure=sodium, mobile="Cl")):
        result = compute(wanted, workspace)
        assert (result.status, result.reason) == ("failed", "elements")


def test_a_file_that_unpacks_without_end_is_not_unpacked(workspace, monkeypatch):
    from alloop.dynamics import trajectory

    wanted = request(walkers=WALKERS[:1])
    run(workspace, wanted)
    monkeypatch.setattr(trajectory, "MAX_BYTES", 100)
    with pytest.raises(DamagedResultError, match="cannot be read"):
        read_trajectory(workspace, wanted.key(), 0)
