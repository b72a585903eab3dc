"""Run calculations as programs of their own, on several ranks and with a time limit."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloop.failures import OutOfTimeError, TaskFailure
from alloop.files.environment import ONE_THREAD
from alloop.files.long_files import keep_end
from alloop.labelling.errors import FORESEEN, EngineError, RanksError
from alloop.labelling.gpaw_job import ANSWER, JOB

RANKS = "{ranks}"
OUTPUT = "output.txt"
"""What the launcher and the ranks print, in the folder of the job."""

_LOCAL_LAUNCHERS = ("mpiexec", "mpirun", "mpiexec.hydra", "mpiexec.mpich", "mpiexec.openmpi", "orterun", "prterun")
_OF_OTHER_RANKS = ("OMPI_", "PMIX_", "PMI_")
_OF_BATCH_SYSTEM = ("SLURM_", "PBS_")
_KEPT = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
_END_S, _LOOK_S = 10.0, 1.0


@dataclass(frozen=True)
class Launch:
    """How a calculation is started.

    Attributes
    ----------
    ranks : int
        MPI ranks; 1 needs no launcher.
    command : str
        The launcher and its options, with ``{ranks}`` for their number.
    python : str or None
        The Python whose GPAW the ranks run; None for this one.
    limit_s : float or None
        Time (s) after which everything is ended.
    """

    ranks: int = 1
    command: str = "mpiexec --bind-to none -n {ranks}"
    python: str | None = None
    limit_s: float | None = None

    def words(self, *program: str) -> list[str]:
        """Return the command line that starts a program, the words after ``python``, on the ranks."""
        if self.ranks == 1:
            return [sys.executable, *program]
        launcher = [word.replace(RANKS, str(self.ranks)) for word in shlex.split(self.command)]
        return [*launcher, str(Path(self.python or sys.executable).expanduser()), *program]


def run(job: dict[str, Any], folder: Path, words: list[str], launch: Launch) -> dict[str, Any]:
    """Write a job, run a command that answers it, and return the answer.

    The command runs on a leash in a session of its own: neither it nor anything that it starts on this machine lives
    longer than this process, this call or the limit.
    """
    (folder / ANSWER).unlink(missing_ok=True)
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
    leash = [sys.executable, "-P", "-m", "alloop.labelling.leash", str(os.getpid())]
    (folder / OUTPUT).unlink(missing_ok=True)
    with (folder / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            [*leash, *words],
            cwd=folder,
            env=environment(words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, launch.limit_s, output.fileno())
        except subprocess.TimeoutExpired:
            if not (folder / ANSWER).exists():
                raise OutOfTimeError(_over(launch)) from None
        finally:
            _end(process)
    return _answer(folder, words, process.returncode)


def program_problem(launch: Launch) -> str | None:
    """Return which program of a launch this machine lacks, in one line, or None."""
    program, *_, python = launch.words()
    if shutil.which(program) is None:
        return f"there is no program `{program}`; install an MPI (Debian and Ubuntu: openmpi-bin)"
    if shutil.which(python) is None:
        return f"there is no Python `{python}`; correct mpi_python"
    return None


def environment(words: list[str]) -> dict[str, str]:
    """Return an environment of one thread per rank that knows of no other ranks.

    Left with the variables of a batch system, ``mpiexec`` would start the ranks wherever the job has nodes, and wait
    for ever inside ``srun``.
    """
    local = any(Path(word).name in _LOCAL_LAUNCHERS for word in words)
    dropped = (*_OF_OTHER_RANKS, *_OF_BATCH_SYSTEM) if local else _OF_OTHER_RANKS
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(dropped)}
    return kept | ONE_THREAD | {"PYTHONSAFEPATH": "1"}


def _over(launch: Launch) -> str:
    assert launch.limit_s is not None
    cores = "1 core" if launch.ranks == 1 else f"{launch.ranks} ranks"
    return f"no answer within {launch.limit_s / 60:g} min on {cores}"


def _wait(process: subprocess.Popen[bytes], limit_s: float | None, output: int) -> None:
    """Wait for a process that prints into a file, of which only the end is kept once it is long.

    Raises
    ------
    subprocess.TimeoutExpired
        If the limit is reached.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    while True:
        left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
        try:
            process.wait(max(0.0, left))
        except subprocess.TimeoutExpired:
            if left < _LOOK_S:
                raise
            keep_end(output)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answer(folder: Path, words: list[str], status: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RanksError(f"`{words[0]}` left no answer, exit status {status}{last_words(_printed(folder))}") from None
    if "error" not in answer:
        return answer
    kind, detail = answer["error"], answer["detail"]
    if "raised" in answer:
        raise EngineError(**answer["raised"])
    if "reason" in answer:
        raise TaskFailure(answer["reason"], detail)
    if kind in FORESEEN:
        raise FORESEEN[kind](detail)
    raise TaskFailure("dft", f"{kind}: {detail}")


def _printed(folder: Path) -> str:
    with suppress(OSError):
        return (folder / OUTPUT).read_text(encoding="utf-8", errors="replace")
    return ""


def last_words(printed: str) -> str:
    """Return the telling line of what a program printed, after a colon; empty if there is none."""
    spoken = [line.strip() for line in printed.splitlines() if any(letter.isalnum() for letter in line)]
    if any("MPI parallelism is disabled" in line for line in spoken):
        return ": the GPAW of the ranks was built without MPI; `make gpaw-mpi` builds one with it"
    errors = [line for line in spoken if re.match(r"\w+(Error|Exception): .", line)]
    signals = [line for line in spoken if "exited on signal" in line]
    telling = [*errors[-1:], *signals, *spoken]
    return f": {telling[0][:200]}" if telling else ""
