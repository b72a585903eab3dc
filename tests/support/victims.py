"""Processes of a running campaign, by what they are: for tests that end them."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil

from tests.support.campaigns import processes_of

KINDS = ("driver", "interchange", "manager", "worker")


def living(folder: Path, kind: str) -> list[psutil.Process]:
    """Return the processes of a campaign that are of a kind."""
    return [process for process in processes_of(folder) if kind_of(process) == kind]


def kind_of(process: psutil.Process) -> str:
    """Return what a process is to a campaign, or nothing."""
    try:
        command = " ".join(process.cmdline())
        if "-m alloop run" in command:
            return "driver"
        if "HTEX interchange" in command or "interchange.py" in command:
            return "interchange"
        if "alloop.workers.worker_pool" in command and "bash" not in command:
            return "manager"
        return "worker" if "multiprocessing.spawn" in command else ""
    except psutil.Error:
        return ""


def kill_one(folder: Path, kind: str, number: int = signal.SIGKILL, timeout_s: float = 60) -> int:
    """Send a signal to a process of a kind as soon as there is one, and return its id."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for process in living(folder, kind):
            try:
                process.send_signal(number)
            except psutil.Error:
                continue
            return process.pid
        time.sleep(0.02)
    raise TimeoutError(f"no {kind} of {folder}")
