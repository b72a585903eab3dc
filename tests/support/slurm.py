"""A Slurm cluster of two nodes on loopback, in a folder of its own, gone when the test is."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.waiting import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
NODES = ("n1", "n2")
MUNGE_FILES = (
    ("socket", "socket"),
    ("key-file", "key"),
    ("pid-file", "pid"),
    ("seed-file", "seed"),
    ("log-file", "log"),
)

CONFIG = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
ReturnToService=2
KillWait=5
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
StateSaveLocation={folder}/state
SlurmdParameters=config_overrides
{nodes}
PartitionName=debug Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurm(Exception):
    """There can be no cluster here; the message says why."""


@dataclass
class Cluster:
    """A running cluster.

    Parameters
    ----------
    folder : pathlib.Path
        Configuration, state and logs of the daemons.
    """

    folder: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The file that ``SLURM_CONF`` names."""
        return self.folder / "slurm.conf"

    def jobs(self, *options: str) -> dict[str, str]:
        """Return the names of the jobs that wait or run, by id."""
        lines = command("squeue", "--noheader", "--format=%i %j", *options).splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def submit(self, script: Path) -> str:
        """Submit a job script and return the id of the job."""
        return command("sbatch", "--parsable", str(script)).strip()

    def occupy(self) -> str:
        """Take all nodes, and return the id of the job that holds them."""
        words = ("--nodes=2", "--exclusive", "--output=/dev/null", "--job-name=stranger", "--wrap=sleep 600")
        return command("sbatch", "--parsable", *words).strip()

    def cancel(self, *words: str) -> None:
        """Run ``scancel``."""
        command("scancel", *words)


@contextmanager
def loopback_cluster() -> Iterator[Cluster]:
    """Start a cluster and make it the one that all commands see.

    Raises
    ------
    NoSlurm
        If Slurm is not installed or does not start.
    """
    missing = [program for program in PROGRAMS if not _path(program)]
    if missing:
        raise NoSlurm(f"Slurm is not installed (no {', '.join(missing)}; Debian and Ubuntu: slurm-wlm munge)")
    before = os.environ.get("SLURM_CONF")
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")))
    os.environ["SLURM_CONF"] = str(cluster.config)
    try:
        _start(cluster)
        yield cluster
    finally:
        _stop(cluster)
        _restore("SLURM_CONF", before)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def command(*words: str) -> str:
    """Run a command of Slurm and return what it printed."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


def _start(cluster: Cluster) -> None:
    folder = cluster.folder
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    host, ports = socket.gethostname().split(".")[0], _free_ports(1 + len(NODES))
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=1000 State=UNKNOWN"
        for name, port in zip(NODES, ports[1:], strict=True)
    ]
    user = psutil.Process().username()
    filled = {"host": host, "user": user, "folder": folder, "controller_port": ports[0]}
    cluster.config.write_text(CONFIG.format(**filled, nodes="\n".join(nodes), names=",".join(NODES)))
    own = [f"--{what}={folder}/munge.{end}" for what, end in MUNGE_FILES]
    _daemon(cluster, "munged", "--foreground", "--force", *own)
    if not wait_for((folder / "munge.socket").exists, 10):
        raise NoSlurm(f"munged did not start: {_last_words(cluster, 'munged')}")
    _daemon(cluster, "slurmctld", "-D", "-c", "-f", str(cluster.config))
    for name in NODES:
        _daemon(cluster, "slurmd", "-D", "-f", str(cluster.config), "-N", name, log=f"slurmd.{name}")
    if not wait_for(lambda: _idle_nodes() == len(NODES), 30):
        logs = ("slurmctld", *(f"slurmd.{name}" for name in NODES))
        raise NoSlurm("; ".join(f"{log}: {_last_words(cluster, log)}" for log in logs))


def _daemon(cluster: Cluster, program: str, *words: str, log: str | None = None) -> None:
    with (cluster.folder / f"{log or program}.out").open("wb") as output:
        words = (str(_path(program)), *words)
        cluster.daemons.append(subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL))


def _stop(cluster: Cluster) -> None:
    with suppress(subprocess.SubprocessError):
        for job in cluster.jobs():
            cluster.cancel(job)
        wait_for(lambda: not cluster.jobs(), 20)
    for daemon in reversed(cluster.daemons):
        daemon.terminate()
        try:
            daemon.wait(timeout=10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    for process in _members(cluster):
        with suppress(psutil.Error):
            process.kill()


def _members(cluster: Cluster) -> list[psutil.Process]:
    """Return what the cluster's daemons and jobs started and left behind."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("SLURMD_NODENAME") in NODES:
                found += [process] * (process.environ().get("SLURM_CONF") == str(cluster.config))
    return found


def _idle_nodes() -> int:
    try:
        return len(command("sinfo", "--noheader", "--Node", "--states=idle").splitlines())
    except subprocess.SubprocessError:
        return 0


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _path(program: str) -> str | None:
    return shutil.which(program, path=SEARCH_PATH)


def _last_words(cluster: Cluster, log: str) -> str:
    lines = (cluster.folder / f"{log}.out").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
