"""Campaigns on a real Slurm of two nodes: blocks cancelled, drivers ended by their time limit, drivers killed."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ase.build import bulk
from ase.io import write

from tests.support import mpi
from tests.support.campaigns import attempts, folded, processes_of, run, start, write_config
from tests.support.slurm import NoSlurm, command, loopback_cluster
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KINDS = ("label", "explore", "fit", "evaluate", "atom")
ONE_RUNG = {"rungs": [4], "fits": 2}
SIX = {"initial": {"frames": 6, "rattle_A": 0.08}, "ladder": {"rungs": [6], "fits": 2}}


@pytest.fixture(scope="module")
def installed():
    try:
        with loopback_cluster() as running:
            yield running
    except NoSlurm as reason:
        pytest.skip(str(reason))


@pytest.fixture
def cluster(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield installed
    for process in processes_of(tmp_path):
        with suppress(psutil.Error):
            process.kill()
    installed.cancel(f"--user={os.getuid()}")
    assert wait_for(lambda: not installed.jobs(), 30)


def slurm(**changes):
    """An execution section: everything on one executor of the loopback cluster."""
    cpu = {"kind": "slurm", "partition": "debug", "workers": 1, "poll_s": 2, "address": "127.0.0.1"}
    kinds = dict.fromkeys(("explore", "label", "fit", "measure"), "cpu")
    heart = {"heartbeat_s": 1, "heartbeat_limit_s": changes.pop("heartbeat_limit_s", 6)}
    return {"executors": {"cpu": {**cpu, **changes}}, **kinds, **heart}


def slow(pause_s):
    """A label section: every label takes a while."""
    where = "tests.support.slow_labels:SlowEMT"
    return {"engine": "ase", "calculator": where, "arguments": {"pause_s": pause_s}}


def begun(folder):
    """Return how many computations of labels were begun."""
    return attempts(folder, "label").total()


def repeated(folder, kind="label"):
    """Return how many computations of a kind were begun again."""
    return attempts(folder, kind).total() - len(attempts(folder, kind))


def workers_of(folder):
    """Return the processes that began to compute something."""
    return {line.split()[4] for line in (folder / "logs" / "attempts.log").read_text().splitlines()}


def finished(folder):
    """Return whether there is a verdict and every label is there."""
    state = folded(folder)
    labels = [task.status for task in state.tasks.values() if task.task == "label"]
    return state.verdict is not None and bool(labels) and set(labels) == {"ok"}


def test_a_block_of_two_nodes_computes_on_both_and_ends_by_itself_when_its_driver_is_killed(cluster, tmp_path):
    folder = tmp_path / "campaign"
    execution = slurm(nodes_per_block=2)
    config = write_config(tmp_path / "config", execution=execution, label=slow(1.0), ladder=ONE_RUNG)
    driver = start(config, folder)
    assert wait_for(cluster.jobs, 60)
    (block,) = cluster.jobs()
    assert cluster.jobs()[block].startswith("alloop.campaign.cpu.block-0.")
    cores, script = command("squeue", f"--job={block}", "--noheader", "--format=%C %o").split()
    assert cores == "2"
    assert Path(script).is_relative_to(folder / "logs")
    assert wait_for(lambda: begun(folder) >= 2 and len(workers_of(folder)) == 2, 120)
    kill(driver)
    assert len(workers_of(folder)) == 2
    assert cluster.jobs()
    assert wait_for(lambda: not cluster.jobs(), 40)
    code, output = run(config, folder)
    assert code == 0, output
    assert finished(folder)
    assert sum(repeated(folder, kind) for kind in KINDS) <= 2
    assert cluster.jobs() == {}


def test_a_cancelled_block_costs_only_what_it_computed(cluster, tmp_path):
    folder = tmp_path / "campaign"
    config = write_config(tmp_path / "config", execution=slurm(max_blocks=2), label=slow(3.0), ladder=ONE_RUNG)
    driver = start(config, folder)
    assert wait_for(lambda: begun(folder) >= 2, 120)
    before = cluster.jobs()
    cluster.cancel(*before)
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert finished(folder)
    assert 1 <= repeated(folder) <= len(before)
    assert "an attempt is lost and made again (the workers on" in output
    assert cluster.jobs() == {}


def test_a_driver_that_is_a_job_itself_stops_before_its_time_is_up_and_a_second_job_finishes(cluster, tmp_path):
    folder, script, log = tmp_path / "campaign", tmp_path / "driver.sh", tmp_path / "driver.log"
    config = write_config(tmp_path / "config", execution=slurm(nodes_per_block=2), label=slow(8.0), **SIX)
    words = (sys.executable, "-m", "alloop", "run", config, "--folder", folder, "--plain")
    options = ("--job-name=driver", "--ntasks=1", "--time=1", "--signal=B:TERM@15", "--open-mode=append")
    head = [f"#SBATCH {option}" for option in (*options, f"--output={log}", f"--chdir={ROOT}")]
    script.write_text("\n".join(["#!/bin/bash", *head, "exec " + " ".join(map(str, words)), ""]))
    cluster.submit(script)
    assert wait_for(lambda: begun(folder), 60)
    assert wait_for(lambda: not cluster.jobs(), 90)
    assert "Stopped: SIGTERM. Nothing is lost" in log.read_text()
    assert folded(folder).verdict is None
    in_flight = sum(task.task == "label" for task in folded(folder).running.values())
    command("sbatch", "--time=10", str(script))
    assert wait_for(lambda: not cluster.jobs(), 300)
    assert "Verdict:" in log.read_text()
    assert finished(folder)
    assert repeated(folder) <= in_flight


def test_blocks_have_a_core_for_every_worker_and_those_of_a_killed_driver_are_cancelled_by_the_next(cluster, tmp_path):
    folder = tmp_path / "campaign"
    execution = slurm(workers=2, heartbeat_limit_s=300)
    config = write_config(tmp_path / "config", execution=execution, label=slow(1.0), ladder=ONE_RUNG)
    stranger = cluster.occupy()
    driver = start(config, folder)
    assert wait_for(lambda: len(cluster.jobs()) == 2, 60)
    waiting = own(cluster, stranger)
    assert command("squeue", f"--job={','.join(waiting)}", "--noheader", "--format=%C").split() == ["2"]
    kill(driver)
    driver = start(config, folder)
    assert wait_for(lambda: own(cluster, stranger) - waiting, 60)
    assert not own(cluster, stranger) & waiting
    assert stranger in cluster.jobs()
    cluster.cancel(stranger)
    assert wait_for(lambda: begun(folder) >= 1, 120)
    running = own(cluster, stranger)
    kill(driver)
    code, output = run(config, folder)
    assert code == 0, output
    assert not set(cluster.jobs()) & running
    assert finished(folder)
    assert repeated(folder) <= 2


def own(cluster, stranger):
    """Return the ids of the campaign's jobs."""
    return set(cluster.jobs()) - {stranger}


def kill(driver):
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()


LITHIUM = {
    "systems": [{"name": "Li", "structure": "Li.extxyz"}],
    "label": {"engine": "gpaw", "cutoff_eV": 150, "kpts": [2, 2, 2], "smearing_eV": 0.2, "isolated_atom_box_A": 10},
    "initial": {"frames": 2, "rattle_A": 0.1},
    "heldout": {"minimum": 2, "fraction": 0.1, "segment_fs": 20},
    "ladder": {"rungs": [2, 3], "fits": 2},
}


def test_labels_run_on_two_ranks_on_every_node(cluster, tmp_path, monkeypatch):
    if why := mpi.missing():
        pytest.skip(why)
    for name, value in mpi.AS_ROOT.items():
        monkeypatch.setenv(name, value)
    ranks = {"ranks_per_label": 2, "mpi_command": mpi.COMMAND, "mpi_python": str(mpi.PYTHON)}
    execution = slurm(nodes_per_block=2, heartbeat_limit_s=30, **ranks) | {"label_timeout_min": 5}
    folder = tmp_path / "campaign"
    config = write_config(tmp_path / "config", execution=execution, **LITHIUM)
    write(tmp_path / "config" / "Li.extxyz", bulk("Li", "bcc", a=3.44, cubic=True))
    driver = start(config, folder)
    assert wait_for(cluster.jobs, 60)
    assert command("squeue", "--noheader", "--format=%C").split() == ["4"]
    output, _ = driver.communicate(timeout=400)
    assert driver.returncode == 0, output
    assert finished(folder)
    labels = [task.finished for task in folded(folder).tasks.values() if task.task in ("label", "atom")]
    assert {label.timing.cores for label in labels} == {2}
    assert folded(folder).dft_core_s == pytest.approx(sum(2 * took(label) for label in labels), rel=1e-6)
    assert mpi.programs_of(folder) == []


def took(label):
    """Return how long a label took (s)."""
    return label.timing.finished_t - label.timing.started_t
