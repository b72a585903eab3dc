"""End processes and jobs of a campaign that outlived their driver."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

from alloop.workers.batch_systems import cancel_leftovers

MARK = "ALLOOP_WORKER_OF"
"""Environment variable by which everything that works for a campaign is known; its value is the campaign's folder."""
GRACE_S = 2.0


def end_leftovers(root: Path) -> None:
    """End the jobs and processes that a dead driver of a campaign left, with all they started."""
    cancel_leftovers(root)
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = marked_processes(root)
        for process in left:
            _send(process, number)
            _send(process, signal.SIGCONT)
        psutil.wait_procs(left, timeout=GRACE_S)


def marked_processes(root: Path) -> list[psutil.Process]:
    """Return the living processes on this machine that bear the mark of a campaign."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_marked(process, root)]


def _is_marked(process: psutil.Process, root: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(root) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
