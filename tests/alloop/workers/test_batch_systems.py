import json
import os
import pwd

import pytest

from alloop.config.machine import ExecutionConfig
from alloop.workers.batch_systems import cancel_leftovers
from alloop.workers.executors import _executor


def built(folder, **fields):
    named = dict.fromkeys(("explore", "label", "fit", "measure"), "cluster")
    config = ExecutionConfig.model_validate({"executors": {"cluster": fields}, **named})
    return _executor("cluster", config.executors["cluster"], config, folder)


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize(("workers", "ranks"), [(8, 1), (2, 4)])
def test_slurm_is_asked_for_the_cores_of_the_workers(tmp_path, nodes, workers, ranks):
    executor = {"workers": workers, "ranks_per_label": ranks, "nodes_per_block": nodes}
    provider = built(tmp_path, kind="slurm", **executor).provider
    assert provider.cores_per_node == 8
    assert ("--cpus-per-task=8" in provider.launcher("work", 1, nodes)) == (nodes > 1)


def test_pbs_is_asked_for_the_cores_of_the_ranks(tmp_path):
    assert built(tmp_path, kind="pbs", workers=2, ranks_per_label=4).provider.cpus_per_node == 8


def test_slurm_is_asked_for_what_the_config_says(tmp_path):
    wanted = {"qos": "high", "constraint": "amd", "exclusive": True, "memory_GB": 64, "gpus_per_node": 4}
    provider = built(tmp_path, kind="slurm", poll_s=7, **wanted).provider
    for option in ("--qos=high", "--constraint=amd", "--exclusive", "--gpus-per-node=4"):
        assert f"#SBATCH {option}\n" in provider.scheduler_options
    assert provider.mem_per_node == 64
    assert provider.status_polling_interval == 7


@pytest.mark.parametrize("nodes", [1, 2])
def test_pbs_is_asked_for_a_core_per_worker_memory_and_gpus(tmp_path, nodes):
    provider = built(
        tmp_path, kind="pbs", workers=8, nodes_per_block=nodes, memory_GB=64, gpus_per_node=4, queue="q"
    ).provider
    assert (provider.cpus_per_node, provider.select_options, provider.queue) == (8, "mem=64gb:ngpus=4", "q")
    assert ("-n $WORKERCOUNT" in provider.launcher("work", 1, nodes)) == (nodes > 1)


@pytest.mark.parametrize(
    ("workers", "gpus", "expected"),
    [(8, 4, list("00112233")), (4, 4, list("0123")), (2, 4, list("02")), (2, 1, []), (2, None, [])],
)
def test_workers_share_the_gpus_of_a_node_evenly(tmp_path, workers, gpus, expected):
    fields = {"kind": "slurm", "device": "cuda", "workers": workers, "gpus_per_node": gpus}
    assert built(tmp_path, **fields).available_accelerators == expected


def test_a_campaign_that_never_had_jobs_asks_no_batch_system(tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    squeue = tmp_path / "bin" / "squeue"
    squeue.parent.mkdir()
    squeue.write_text(f"#!/bin/sh\ntouch {asked}\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{squeue.parent}:/usr/bin:/bin")
    cancel_leftovers(tmp_path / "campaign")
    assert not asked.exists()
    scripts = tmp_path / "campaign" / "logs" / "parsl" / "000" / "submit_scripts"
    scripts.mkdir(parents=True)
    (scripts / "alloop.campaign.cluster.block-0.1").touch()
    cancel_leftovers(tmp_path / "campaign")
    assert asked.exists()


def write_command(folder, name, script):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def pbs(tmp_path, monkeypatch):
    """Commands of PBS that know some jobs, and a campaign that once had some; returns what was cancelled.

    PBS itself cannot be installed where tests run.
    """
    root, user = tmp_path / "campaign", pwd.getpwuid(os.getuid()).pw_name
    scripts = root / "logs" / "parsl" / "000" / "submit_scripts"
    scripts.mkdir(parents=True)
    (scripts / "alloop.campaign.cluster.block-0.1").touch()

    def job(name="alloop.campaign.cluster.block-0.1", owner=f"{user}@login1", folder=scripts):
        return {"Job_Name": name, "Job_Owner": owner, "Output_Path": f"login1:{folder}/{name}.stdout"}

    jobs = {
        "1.pbs": job(),
        "2.pbs": job(owner="somebody@login1"),
        "3.pbs": job(folder=tmp_path / "campaign-2" / "logs" / "parsl" / "000" / "submit_scripts"),
        "4.pbs": job(name="my-own-job"),
        "5.pbs": {"Job_Name": "alloop.x", "Job_Owner": f"{user}@login1"},
        "6.pbs": "nonsense",
        "7.pbs": job(),
    }
    bin_folder, cancelled = tmp_path / "bin", tmp_path / "cancelled"
    write_command(bin_folder, "qselect", f'[ "$1 $2" = "-u {user}" ] && echo 1.pbs 2.pbs 3.pbs 4.pbs 5.pbs 6.pbs')
    (tmp_path / "jobs.json").write_text(json.dumps({"Jobs": jobs}))
    write_command(bin_folder, "qstat", f"cat {tmp_path / 'jobs.json'}")
    write_command(bin_folder, "qdel", f'echo "$@" >> {cancelled}')
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    return root, bin_folder, lambda: cancelled.read_text().split() if cancelled.exists() else []


def test_jobs_of_pbs_that_outlived_their_driver_are_cancelled_and_no_others(pbs):
    root, _, cancelled = pbs
    cancel_leftovers(root)
    assert cancelled() == ["1.pbs"]


@pytest.mark.parametrize("answer", ["echo nonsense", "exit 1", "echo '[1]'", "echo '{\"Jobs\": 3}'"])
def test_where_pbs_answers_badly_nothing_is_cancelled(pbs, answer):
    root, bin_folder, cancelled = pbs
    write_command(bin_folder, "qstat", answer)
    cancel_leftovers(root)
    assert cancelled() == []
