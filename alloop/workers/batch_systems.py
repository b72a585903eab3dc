"""Submit jobs of Slurm and PBS that hold workers, and cancel those that outlived their driver."""

from __future__ import annotations

import json
import logging
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from parsl.launchers import MpiExecLauncher, SimpleLauncher, SrunLauncher
from parsl.providers import PBSProProvider, SlurmProvider

from alloop.config.machine import BatchExecutor, PbsExecutor, SlurmExecutor

JOB_PREFIX = "alloop"
COMMAND_TIMEOUT_S = 30
"""Longest wait (s) for an answer of the batch system."""


class _OwnJobs:
    """Jobs with the name of their campaign, and a clock of their own for looking after them."""

    campaign = ""
    poll_s = 60.0

    def submit(self, command: str, tasks_per_node: int, job_name: str = "") -> Any:
        """Submit a block of workers and return the id of its job."""
        name = ".".join((JOB_PREFIX, self.campaign, job_name.removeprefix("parsl.")))
        return super().submit(command, tasks_per_node, name)  # type: ignore[misc]

    @property
    def status_polling_interval(self) -> float:
        """Time (s) between two looks at the jobs."""
        return self.poll_s


class SlurmJobs(_OwnJobs, SlurmProvider):  # type: ignore[misc]
    """Slurm."""


class PbsJobs(_OwnJobs, PBSProProvider):  # type: ignore[misc]
    """PBS Professional."""


def slurm_jobs(executor: SlurmExecutor, root: Path, worker_init: str) -> SlurmJobs:
    """Return the jobs of a Slurm executor: the cores of its workers on each node."""
    cores = executor.workers * executor.ranks_per_label
    overrides = f"--ntasks-per-node=1 --cpus-per-task={cores}"
    jobs = SlurmJobs(
        partition=executor.partition,
        account=executor.account,
        qos=executor.qos,
        constraint=executor.constraint,
        exclusive=executor.exclusive,
        cores_per_node=cores,
        mem_per_node=executor.memory_GB,
        gpus_per_node=executor.gpus_per_node,
        cmd_timeout=COMMAND_TIMEOUT_S,
        launcher=SrunLauncher(overrides=overrides) if executor.nodes_per_block > 1 else SimpleLauncher(),
        **_block(executor, worker_init),
    )
    _own(jobs, executor, root)
    return jobs


def pbs_jobs(executor: PbsExecutor, root: Path, worker_init: str) -> PbsJobs:
    """Return the jobs of a PBS executor: the cores of its workers on each node."""
    memory = [f"mem={executor.memory_GB}gb"] if executor.memory_GB else []
    gpus = [f"ngpus={executor.gpus_per_node}"] if executor.gpus_per_node else []
    jobs = PbsJobs(
        queue=executor.queue,
        account=executor.account,
        cpus_per_node=executor.workers * executor.ranks_per_label,
        select_options=":".join([*memory, *gpus]),
        launcher=MpiExecLauncher() if executor.nodes_per_block > 1 else SimpleLauncher(),
        **_block(executor, worker_init),
    )
    _own(jobs, executor, root)
    return jobs


def cancel_leftovers(root: Path) -> None:
    """Cancel the batch jobs that a dead driver of a campaign left.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder. A job belongs to it if it is this user's and its script (Slurm) or its output (PBS,
        next to the script) lies in there.
    """
    scripts = root.absolute() / "logs" / "parsl"
    if not any(scripts.glob(f"*/submit_scripts/{JOB_PREFIX}.*")):
        return
    if shutil.which("squeue") is not None and (jobs := _slurm_jobs_below(scripts)):
        _answer("scancel", *jobs)
    if shutil.which("qselect") is not None and (jobs := _pbs_jobs_below(scripts)):
        _answer("qdel", *jobs)


def _slurm_jobs_below(scripts: Path) -> list[str]:
    listed = _answer("squeue", "--noheader", f"--user={os.getuid()}", "--format=%A %o")
    pairs = [line.split(maxsplit=1) for line in listed.splitlines()]
    return [pair[0] for pair in pairs if len(pair) == 2 and pair[1].startswith(f"{scripts}{os.sep}")]


def _pbs_jobs_below(scripts: Path) -> list[str]:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # PBS gives a job to a name only
        return []
    queued = _answer("qselect", "-u", user).split()
    if not queued:
        return []
    try:
        jobs = dict(json.loads(_answer("qstat", "-f", "-F", "json", *queued))["Jobs"])
    except (ValueError, KeyError, TypeError):
        return []
    return [job for job, about in jobs.items() if job in queued and _is_below(about, scripts, user)]


def _is_below(about: object, scripts: Path, user: str) -> bool:
    """Return whether PBS describes a job that a driver of this user submitted for the campaign of these scripts."""
    if not isinstance(about, dict):
        return False
    owner, name, output = (str(about.get(key, "")) for key in ("Job_Owner", "Job_Name", "Output_Path"))
    ours = owner.partition("@")[0] == user and name.startswith(f"{JOB_PREFIX}.")
    return ours and output.partition(":")[2].startswith(f"{scripts}{os.sep}")


def _block(executor: BatchExecutor, worker_init: str) -> dict[str, Any]:
    return {
        "nodes_per_block": executor.nodes_per_block,
        "init_blocks": 1,
        "min_blocks": 1,
        "max_blocks": executor.max_blocks,
        "walltime": executor.walltime,
        "scheduler_options": executor.scheduler_options,
        "worker_init": worker_init,
    }


def _own(jobs: _OwnJobs, executor: BatchExecutor, root: Path) -> None:
    jobs.campaign, jobs.poll_s = re.sub(r"[^A-Za-z0-9_.+-]", "_", root.name), executor.poll_s


def _answer(*command: str) -> str:
    """Return what a command of the batch system printed, and nothing where it did not answer."""
    try:
        done = subprocess.run(command, check=True, capture_output=True, timeout=10)
        return done.stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        logging.getLogger(__name__).debug("%s did not answer", command[0], exc_info=True)
        return ""
