"""docs/export.ipynb runs on what an export holds, and finds the activation energy of walks whose truth is known."""

import json
import subprocess
import sys
from pathlib import Path

import ase.io
import matplotlib.pyplot as plt
import numpy as np
import pytest

from alloop.dynamics.trajectory import Trajectory
from alloop.outputs.trajectories import RunName
from alloop.outputs.trajectory_files import extxyz_bytes, file_stem
from alloop.potential.models.model_files import export_mace_model
from tests.support.campaigns import environment
from tests.support.models import lithium_chloride, small_model
from tests.support.shared import tiny_campaign

ROOT = Path(__file__).parents[2]
BOLTZMANN_eV_per_K = 8.617333262e-5
TRUTH_eV = 0.25
D_900_A2_PER_PS = 0.6
KELVINS = (700.0, 900.0, 1200.0)


def walk(temperature_K: float, seed: int) -> Trajectory:
    """Return 16 ions that walk along columns of their own for 45 ps, with the diffusivity of `TRUTH_eV`."""
    rng, samples, interval_ps = np.random.default_rng(seed), 300, 0.15
    exponent = TRUTH_eV / BOLTZMANN_eV_per_K * (1 / 900 - 1 / temperature_K)
    # M(t) = 6 D t is along z alone, so a step has the variance 6 D of its time.
    step_A = np.sqrt(6 * D_900_A2_PER_PS * np.exp(exponent) * interval_ps)
    columns = np.array([[3.0 * i, 3.0 * j, 0.0] for i in range(4) for j in range(4)])
    ions = np.repeat(columns[None], samples, axis=0)
    ions[:, :, 2] += rng.normal(0, step_A, (samples, 16)).cumsum(axis=0)
    still = np.repeat((columns + np.array([1.5, 1.5, 6.0]))[None], samples, axis=0)
    everything = np.concatenate([ions, still], axis=1) + rng.normal(0, 0.05, (samples, 32, 3))
    return Trajectory(
        numbers=np.array([3] * 16 + [17] * 16),
        mobile=np.arange(16),
        cell_A=12.0 * np.eye(3),
        temperature_K=temperature_K,
        interval_fs=1000 * interval_ps,
        snapshot_every=1,
        mobile_A=everything[:, :16],
        drift_A=np.zeros((samples, 3)),
        snapshots_A=everything.astype(np.float32),
        kinetic_K=np.full(samples, temperature_K),
        conserved_eV=np.zeros(samples),
    )


@pytest.fixture
def walks(tmp_path):
    """The folder of an export with two fits whose ions walk, and a model."""
    folder = tmp_path / "export"
    (folder / "trajectories").mkdir(parents=True)
    for fit in range(2):
        for kelvin in KELVINS:
            name = file_stem(RunName("LiCl", kelvin, 48, fit, 0))
            (folder / "trajectories" / f"{name}.extxyz").write_bytes(extxyz_bytes(walk(kelvin, seed=fit)))
    (folder / "README.json").write_text(json.dumps({"status": "finished", "licences": {}, "files": {}}))
    frame = lithium_chloride(3)
    frame.info["use"], frame.arrays["REF_forces"] = "heldout", np.zeros((len(frame), 3))
    ase.io.write(folder / "dataset.extxyz", frame)
    export_mace_model(small_model(1), folder / "leader.model")
    return folder


def executed(folder, mobile, monkeypatch):
    """Return the names that the notebook leaves, run in a folder of its own on an export."""
    monkeypatch.chdir(folder.parent)
    plt.switch_backend("Agg")
    cells = json.loads((ROOT / "docs" / "export.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for named, ours in (('"runs/li3incl6/export", "Li"', f"{str(folder)!r}, {mobile!r}"), ("900, 200", "300, 20")):
        assert source.count(named) == 1
        source = source.replace(named, ours)
    names = {}
    exec(compile(source, "export.ipynb", "exec"), names)
    plt.close("all")
    return names


def test_the_activation_energy_of_walks_is_the_true_one(walks, monkeypatch):
    names = executed(walks, "Li", monkeypatch)
    energy_eV, error_eV = names["results"]["LiCl"]
    assert abs(energy_eV - TRUTH_eV) < 3 * error_eV < 0.15
    assert (walks.parent / "arrhenius.png").stat().st_size > 10_000
    assert "too few" in names["summary"].temperatures[0].unmeasured


def test_the_export_of_a_campaign_has_what_the_notebook_reads(tmp_path_factory, monkeypatch):
    home = tiny_campaign(tmp_path_factory)
    command = [sys.executable, "-m", "alloop", "export", "runs/tiny", "--trajectories", "extxyz"]
    done = subprocess.run(command, cwd=home, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = executed(home / "runs" / "tiny" / "export", "Al", monkeypatch)
    assert names["about"]["status"].startswith("finished: ")
    assert {system for system, _ in names["runs"]} == {"CuAl"}
    assert names["heldout"]
    assert names["results"] == {}
