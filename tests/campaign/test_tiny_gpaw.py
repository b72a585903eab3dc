"""A tiny campaign with nothing replaced and a kill of each kind: GPAW, MACE, Parsl processes, an offline run."""

import signal
import sqlite3
import time

import psutil
import pytest
from ase.build import bulk
from ase.io import read, write

from alloop.monitor.wandb_segments import published_rows, segments
from tests.support.campaigns import attempts, folded, left_behind, run, start, write_config
from tests.support.victims import kill_one, living
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

SALT = {
    "systems": [{"name": "LiCl", "structure": "LiCl.extxyz"}],
    "label": {"engine": "gpaw", "xc": "PBE", "cutoff_eV": 200, "kpts": [2, 2, 2], "smearing_eV": 0.1},
    "initial": {"frames": 3, "rattle_A": 0.1},
    "explore": {"temperatures_K": [300], "replicas": 2, "segment_fs": 40, "check_every_steps": 5, "random_offers": 4},
    "ladder": {"rungs": [3, 6], "fits": 2},
    "monitor": {"wandb": {"enabled": True, "mode": "offline"}},
}

HEALED = "The interchange of executor 'local' died. Nothing is lost. The driver starts again in place"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A campaign with a kill of each kind while labels were computed: folder, labels in flight, the first output."""
    home = tmp_path_factory.mktemp("salt")
    config, folder = write_config(home / "config", **SALT), home / "campaign"
    write(home / "config" / "LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.15))
    output, in_flight = (home / "output.txt").open("w+"), 0
    driver = start(config, folder, stdout=output)
    for victim in ("worker", "manager", "interchange", "driver"):
        if victim == "driver":  # it has to heal the interchange first, and to say so
            assert wait_for(lambda: HEALED in (home / "output.txt").read_text(), 300)
        begun = sum(attempts(folder, "label").values())
        assert wait_for(lambda begun=begun: sum(attempts(folder, "label").values()) > begun, 300)
        time.sleep(0.3)
        in_flight += sum(task.task == "label" for task in folded(folder).running.values())
        process = _busiest(folder) if victim == "worker" else None
        if process is not None:
            process.kill()
        else:
            kill_one(folder, victim)
    driver.wait()
    assert driver.returncode == -signal.SIGKILL
    code, rest = run(config, folder, timeout_s=500)
    output.seek(0)
    told = output.read()
    assert code == 0, told + rest
    return folder, in_flight, told


def test_a_kill_of_each_kind_while_labels_are_computed_loses_none_and_repeats_only_those(finished):
    folder, in_flight, told = finished
    state, labels = folded(folder), attempts(folder, "label")
    assert state.verdict is not None
    assert state.labelled("train") == 6
    assert {task.status for task in state.tasks.values()} == {"ok"}
    assert 1 <= sum(labels.values()) - len(labels) <= in_flight
    assert told.count(HEALED) == 1
    assert left_behind(folder, 20) == []


def test_labels_are_gpaws_with_forces_stress_and_a_counted_scf(finished):
    folder, *_ = finished
    state = folded(folder)
    assert {"Li", "Cl"} == set(state.e0s_eV)
    for task in state.tasks.values():
        if task.task == "label":
            assert 3 <= task.finished.summary["scf_iterations"] <= 80
    view = sqlite3.connect(folder / "journal.sqlite").execute("SELECT DISTINCT scf_rung FROM label WHERE status = 'ok'")
    assert view.fetchall() == [(0,)]
    for atoms in read(folder / "export" / "dataset.extxyz", ":"):
        assert abs(atoms.arrays["REF_forces"].sum(axis=0)).max() < 0.05
        assert atoms.info["REF_stress"].shape == (6,)
        assert -12 < atoms.info["REF_energy"] < -4


def test_the_offline_run_holds_the_learning_curve_by_number_of_labels(finished):
    folder, *_ = finished
    state = folded(folder)
    rows = [row for part in segments(folder, state.created.run_id) for row in published_rows(part)]
    curve = {
        row["labels"]: row["heldout/force_rmse_meV_per_A"] for row in rows if "heldout/force_rmse_meV_per_A" in row
    }
    assert set(curve) == {3, 6}
    judged = {row["size"]: row["rmse_forces_meV_per_A"] for row in state.judged[-1].table}
    assert curve[6] == pytest.approx(judged[6])


def _busiest(folder):
    """Return the worker that computes most."""
    return max(living(folder, "worker"), key=_cpu_s)


def _cpu_s(process):
    try:
        return sum(process.cpu_times()[:2])
    except psutil.Error:
        return 0.0
