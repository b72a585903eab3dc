"""Molecular dynamics on the surface of a label engine."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.dynamics.trajectory import concatenate
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure
from alloop.tasks.contract.aimd import AIMD, AimdRequest, LiteraturePoint, MeasureAimdRequest
from alloop.tasks.contract.measure import ProductionRun
from alloop.tasks.contract.produce import ProductionWalker
from alloop.tasks.kinds.produce import read_trajectory
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said

ROOT = Path(__file__).parents[4]
COPPER = Structure.from_atoms(bulk("Cu", cubic=True, a=3.6))
PERFORM = (
    "import json, sys; from alloop.tasks.worker import perform; perform(sys.argv[1], 'aimd', json.loads(sys.argv[2]))"
)


def request(calculator="ase.calculators.emt:EMT", **changes):
    settings = label_settings({"engine": "ase", "calculator": calculator})
    fields = {
        "structure": COPPER,
        "settings": settings.model_dump(mode="json"),
        "code": engine_of(settings).identity(settings, ["Cu"]),
        "walkers": (ProductionWalker(temperature_K=600.0, seed=1),),
        "ensemble": "bussi",
        "timestep_fs": 2.0,
        "thermostat_fs": 100.0,
        "equilibration_steps": 0,
        "steps": 12,
        "sample_every_steps": 2,
        "snapshot_every": 1,
        "mobile": "Cu",
        "stop_temperature_factor": 10.0,
        "stop_contact": 0.4,
    }
    return AimdRequest(**{**fields, **changes})


def run(workspace, wanted):
    key = perform(str(workspace.root), wanted.kind, wanted.model_dump(mode="json"))
    result = workspace.read("aimd", key, with_data=True)
    assert result.status == "ok", result.detail
    return AIMD.summary.model_validate(result.summary), AIMD.data.model_validate(result.data)


def chain(workspace, steps, **changes):
    """Run segments one after the other, and return their keys and the end of the last."""
    keys, last = [], None
    for length in steps:
        wanted = request(steps=length, start=keys[-1] if keys else None, **changes)
        last = run(workspace, wanted)
        keys.append(wanted.key())
    return keys, last


@pytest.mark.parametrize("ensemble", ["nve", "bussi", "nose_hoover"])
def test_segments_are_one_run_within_the_rounding_of_the_engine(tmp_path, ensemble):
    workspace = Workspace(tmp_path)
    (whole,), (_, at_once) = chain(workspace, [12], ensemble=ensemble)
    keys, (_, last) = chain(workspace, [4, 4, 4], ensemble=ensemble)
    for name in ("positions_A", "momenta", "chain", "chain_rate", "heat_eV", "step"):
        np.testing.assert_allclose(getattr(last.points[0], name), getattr(at_once.points[0], name), atol=1e-9)
    joined = concatenate([read_trajectory(workspace, key, 0, AIMD) for key in keys])
    one = read_trajectory(workspace, whole, 0, AIMD)
    np.testing.assert_allclose(joined.mobile_A, one.mobile_A, atol=1e-6)
    np.testing.assert_allclose(joined.conserved_eV, one.conserved_eV, atol=1e-9)
    assert (joined.samples, joined.interval_fs) == (7, 4.0)


def test_every_step_takes_one_single_point_and_the_calculator_stays(tmp_path):
    Counts.made = Counts.asked = 0
    summary, _ = run(Workspace(tmp_path), request(f"{__name__}:Counts"))
    assert (summary.single_points, Counts.asked, Counts.made) == (13, 13, 1)


def test_forces_are_those_of_the_engine(tmp_path):
    workspace = Workspace(tmp_path)
    (key,), _ = chain(workspace, [12], ensemble="nve", timestep_fs=0.5)
    path = read_trajectory(workspace, key, 0, AIMD)
    assert np.ptp(path.conserved_eV) < 1e-4
    assert np.ptp(path.kinetic_K) > 1.0


def test_a_killed_segment_is_made_again_from_its_beginning_and_then_never_again(tmp_path, monkeypatch):
    for name in ("peace", "war"):
        (tmp_path / name).mkdir()
    peace = Workspace(tmp_path / "peace")
    _, undisturbed = chain(peace, [4, 4])
    workspace = Workspace(tmp_path / "war")
    marker = tmp_path / "killed"
    monkeypatch.setenv("KILLED_MARKER", str(marker))
    monkeypatch.syspath_prepend(str(ROOT))
    first = request(f"{__name__}:Killed", steps=4)
    run(workspace, first)
    second = request(f"{__name__}:Killed", steps=4, start=first.key())
    marker.write_text("3")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", PERFORM, str(workspace.root), second.model_dump_json()]
    assert subprocess.run(words, env=environment, check=False).returncode == -9
    assert workspace.read("aimd", second.key()) is None
    assert run(workspace, second)[1] == undisturbed[1]
    asked = Killed.asked
    run(workspace, second)
    assert Killed.asked == asked
    assert len((workspace.root / "logs" / "attempts.log").read_text().splitlines()) == 3


def test_atoms_that_merge_end_the_run_and_the_engine_is_not_asked_about_them(tmp_path):
    hot = (ProductionWalker(temperature_K=100_000.0, seed=3),)
    wanted = request(walkers=hot, stop_contact=0.8, timestep_fs=4.0)
    summary, data = run(Workspace(tmp_path), wanted)
    assert summary.walkers[0].ended == "contact"
    assert summary.single_points < 13
    assert data.points == (None,)


def test_a_force_beyond_the_limit_is_a_failure_with_a_reason(tmp_path):
    wanted = request()
    strict = wanted.model_copy(update={"settings": {**wanted.settings, "max_force_eV_per_A": 1e-3}})
    result = compute(strict, Workspace(tmp_path))
    assert (result.status, result.reason) == ("failed", "forces")


def test_runs_too_short_for_a_hop_say_so_and_the_file_is_read_as_any_trajectory(tmp_path):
    workspace = Workspace(tmp_path)
    keys, _ = chain(workspace, [40, 40], sample_every_steps=1)
    point = LiteraturePoint(label="A", temperature_K=500.0, diffusivity_cm2_per_s=1e-6)
    asked = MeasureAimdRequest(
        system="Cu",
        structure=COPPER,
        repeat=(1, 1, 1),
        runs=(ProductionRun(temperature_K=600.0, segments=tuple(keys), walker=0),),
        mobile="Cu",
        charge_e=1.0,
        targets_K=(300.0,),
        planes={},
        min_width_A=12.0,
        density_at_K=None,
        density_resolution_A=0.3,
        skip_ps=0.04,
        literature=(point,),
    )
    result = compute(asked, workspace)
    assert result.status == "ok", result.detail
    (at,) = result.summary["transport"]["temperatures"]
    assert at["length_ps"] == pytest.approx(0.12)
    assert at["unmeasured"]
    assert result.summary["literature"] == [point.model_dump(mode="json")]
    file = tmp_path / "run.npz"
    file.write_bytes(concatenate([read_trajectory(workspace, key, 0, AIMD) for key in keys]).to_bytes())
    read = read_run(file, Said(None, None, None, None), ReadSettings(("Cu",)))
    assert (read.trajectory.temperature_K, read.trajectory.samples, read.conserved) == (600.0, 81, True)


class Counts(EMT):
    """EMT that counts how often it was made, and asked."""

    made = asked = 0

    def __init__(self):
        super().__init__()
        type(self).made += 1

    def calculate(self, *words, **keywords):
        type(self).asked += 1
        super().calculate(*words, **keywords)


class Killed(Counts):
    """EMT whose process is killed once, at the call that a file names."""

    def calculate(self, *words, **keywords):
        super().calculate(*words, **keywords)
        marker = Path(os.environ["KILLED_MARKER"])
        if marker.exists() and type(self).asked == int(marker.read_text()):
            marker.unlink()
            os.kill(os.getpid(), 9)
