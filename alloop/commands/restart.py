"""Restart the driver in place after a loss that a restart can cure: same process id, same terminal or job."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from alloop.commands.interruption import hold_back

VARIABLE = "ALLOOP_RESTARTS"
LIMIT = 3
"""Restarts in a row without a finished task in between."""


class RestartWanted(Exception):
    """The driver cannot go on, but a new one could.

    Parameters
    ----------
    message : str
        What happened and what follows, in one line for the user.
    finished : int
        Tasks of the campaign that are finished: the measure of progress between two restarts.
    """

    def __init__(self, message: str, finished: int) -> None:
        super().__init__(message, finished)
        self.message, self.finished = message, finished

    def __str__(self) -> str:
        return self.message


def restarts(finished: int, environ: Mapping[str, str]) -> int:
    """Return how often the driver was restarted since a task finished.

    Examples
    --------
    >>> restarts(12, {VARIABLE: "2 restarts at 12 tasks"})
    2
    >>> restarts(13, {VARIABLE: "2 restarts at 12 tasks"})
    0
    >>> restarts(13, {})
    0
    """
    words = environ.get(VARIABLE, "").split()
    if len(words) != 5 or not (words[0].isdecimal() and words[3].isdecimal()):
        return 0
    return int(words[0]) if finished <= int(words[3]) else 0


def restart_in_place(wanted: RestartWanted) -> NoReturn:
    """Replace this process by a new run of its own command."""
    number = restarts(wanted.finished, os.environ) + 1
    os.environ[VARIABLE] = f"{number} restarts at {wanted.finished} tasks"
    with contextlib.suppress(OSError, ValueError):
        print(wanted, flush=True)
    hold_back()
    _reap()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _reap() -> None:
    """Reap finished child processes, because the restarted driver cannot."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
