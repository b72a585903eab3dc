"""An MPI and a GPAW built with it, where there are any."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import psutil

from tests.support.waiting import wait_for

COMMAND = "mpiexec --oversubscribe --bind-to none -n {ranks}"
PYTHON = Path(sys.prefix) / "gpaw-mpi" / "python"
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@lru_cache
def missing() -> str | None:
    """Return why no label can run on several ranks here, or None."""
    if shutil.which("mpiexec") is None:
        return "there is no mpiexec (Debian and Ubuntu: openmpi-bin)"
    if not PYTHON.exists():
        return "there is no GPAW with MPI; run `make gpaw-mpi`"
    probe = [*COMMAND.format(ranks=2).split(), str(PYTHON), "-m", "gpaw", "python", "-c", "import gpaw.mpi"]
    done = subprocess.run(probe, capture_output=True, text=True, env=os.environ | AS_ROOT)
    return None if done.returncode == 0 else f"mpiexec does not work here: {done.stderr.strip()[-200:]}"


def programs_of(folder: Path) -> list[psutil.Process]:
    """Return the living processes that name a folder on their command line or work in it, this one excepted."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join([*process.cmdline(), process.cwd()])
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if alive and str(folder) in words and process.pid != os.getpid():
            found.append(process)
    return found


def gone(folder: Path, patience_s: float) -> bool:
    """Return whether no program of a folder is left within a time (s)."""
    return wait_for(lambda: not programs_of(folder), patience_s)
