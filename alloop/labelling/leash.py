"""Run a command that ends with the process that asked for it, and leaves no process behind.

``python -m alloop.labelling.leash PID COMMAND...`` ends, with all that the command started on this machine, when the
command ends, when process PID is gone, or on SIGTERM. Launchers of ranks start daemons and sessions of their own; the
leash is their subreaper, so every one of them stays among its descendants.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

import psutil

ENDED = 143
"""Exit status of a command that was ended."""

_LOOK_S = 0.2
_ASK_S, _KILL_S = 1.0, 5.0
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36


def main(parent: int, command: list[str]) -> int:
    """Run a command on behalf of a process, and return its exit status."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    _prctl(_SET_SUBREAPER, 1)
    process = subprocess.Popen(command, preexec_fn=_die_with_leash)
    while process.poll() is None and not asked and os.getppid() == parent:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
    status = ENDED if process.returncode is None else process.returncode
    end_descendants()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_LOOK_S)  # its CPU time counts only once it is waited for
    return status if status >= 0 else 128 - status


def end_descendants() -> None:
    """End every descendant of this process: asked first, then killed."""
    _signal_until_gone(signal.SIGTERM, _ASK_S)
    _signal_until_gone(signal.SIGKILL, _KILL_S)


def _signal_until_gone(number: signal.Signals, patience_s: float) -> None:
    """Send a signal once to every descendant, to those that appear meanwhile too, until there is none."""
    deadline, told = time.monotonic() + patience_s, set[int]()
    while (alive := _descendants()) and time.monotonic() < deadline:
        for process in alive:
            if process.pid not in told:
                told.add(process.pid)
                with suppress(psutil.Error):
                    process.send_signal(number)
        time.sleep(0.05)


def _descendants() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _die_with_leash() -> None:
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
