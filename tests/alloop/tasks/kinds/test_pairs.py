"""Pairs of atoms in production runs, broken ones too."""

import numpy as np
import pytest
from ase.build import bulk

from alloop.dynamics.trajectory import Trajectory
from alloop.tasks.contract.pairs import PairsData, PairsRequest, PairsSummary
from alloop.tasks.contract.produce import trajectory_file
from alloop.tasks.contract.records import Result
from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from tests.support.summaries import produced_walker

SALT = bulk("LiCl", "rocksalt", 5.2, cubic=True)


def trajectory(snapshots_A):
    snapshots_A = np.array(snapshots_A, dtype=np.float32).reshape(-1, len(SALT), 3)
    samples, lithium = len(snapshots_A), np.flatnonzero(SALT.numbers == 3)
    return Trajectory(
        numbers=SALT.numbers,
        mobile=lithium,
        cell_A=SALT.cell.array,
        temperature_K=600.0,
        interval_fs=50.0,
        snapshot_every=1,
        mobile_A=snapshots_A[:, lithium],
        drift_A=np.zeros((samples, 3)),
        snapshots_A=snapshots_A,
        kinetic_K=np.full(samples, 600.0),
        conserved_eV=np.zeros(samples),
    )


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def store(workspace, key, snapshots_A, ended="length"):
    name, run = trajectory_file(key, 0), trajectory(snapshots_A)
    digest = workspace.write_companion("produce", name, run.to_bytes())
    walker = produced_walker(ended) | {"samples": run.samples, "trajectory_sha256": digest, "file": name}
    summary, data = {"walkers": [walker]}, {"points": [None]}
    workspace.write(Result(key=key, kind="produce", status="ok", summary=summary, data=data))


def ask(workspace, *segments):
    asked = PairsRequest(segments=segments, walker=0, reach_A=6.0, bin_A=0.1, snapshots=50)
    key = perform(str(workspace.root), "pairs", asked.model_dump(mode="json"))
    result = workspace.read("pairs", key, with_data=True)
    assert result.status == "ok", result.detail
    return PairsSummary.model_validate(result.summary), PairsData.model_validate(result.data)


def test_the_shortest_distance_of_any_segment_is_kept_and_g_r_peaks_where_neighbours_are(workspace):
    still, moved = SALT.positions, SALT.positions.copy()
    moved[0] += [0.6, 0.0, 0.0]
    store(workspace, "p0", [still, still])
    store(workspace, "p1", [still, moved, still])
    summary, data = ask(workspace, "p0", "p1")
    assert summary.snapshots == 4
    assert summary.shortest_A["Cl-Li"] == pytest.approx(2.0, abs=1e-5)
    near = {r: g for r, g in zip(data.g_r["Cl-Li"].x, data.g_r["Cl-Li"].y, strict=True) if r < 3.5}
    assert max(near, key=near.get) == pytest.approx(2.6, abs=0.06)


def test_a_run_that_broke_off_has_pairs_up_to_its_end(workspace):
    broken = SALT.positions.copy()
    broken[1] = np.nan
    store(workspace, "p0", [SALT.positions, broken], ended="nan")
    summary, data = ask(workspace, "p0")
    assert summary.snapshots == 1
    assert np.isfinite(data.g_r["Li-Li"].y).all()


def test_a_run_that_broke_off_before_its_first_sample_has_none(workspace):
    store(workspace, "p0", np.empty((0, len(SALT), 3)), ended="contact")
    summary, data = ask(workspace, "p0")
    assert (summary.snapshots, summary.shortest_A, data.g_r) == (0, {}, {})
