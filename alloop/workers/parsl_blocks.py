"""Start blocks of workers on this machine, and give up blocks that do not start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.providers import LocalProvider

TRIES = 3
"""Blocks in a row that may end before one of their workers reported."""


class BlocksError(Exception):
    """Blocks end before their workers come up; the message is one line for the user.

    Attributes
    ----------
    ever_up : bool
        Whether an earlier block of the same driver came up: then it is not the config that is wrong.
    """

    def __init__(self, message: str, ever_up: bool) -> None:
        super().__init__(message, ever_up)
        self.message, self.ever_up = message, ever_up

    def __str__(self) -> str:
        return self.message


class LocalBlocks(LocalProvider):  # type: ignore[misc]
    """Workers on this machine, looked after every second."""

    @property
    def status_polling_interval(self) -> float:
        """Time (s) between two looks at the blocks."""
        return 1.0


def give_up_unborn(executor: Any, status: Mapping[str, JobStatus]) -> None:
    """Give an executor up whose newest blocks all ended before one of their workers reported.

    Blocks that were lost later are replaced, however many they are: every loss costs their tasks something.
    """
    newest = sorted(status, key=int)[-TRIES:]
    if len(newest) < TRIES or any(status[block].state != JobState.MISSING for block in newest):
        return
    said = _last_words(status[newest[-1]])
    message = f"{TRIES} blocks in a row ended before a worker came up" + (f" ({said})" if said else "")
    executor.set_bad_state_and_fail_all(BlocksError(message, ever_up=bool(executor.connected_blocks())))


def _last_words(status: JobStatus) -> str:
    """Return the last line of a block's output."""
    for text in (status.stderr_summary, status.message):
        lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
        if lines and "marked as MISSING" not in lines[-1]:
            return str(lines[-1])[:200]
    return "" if status.exit_code is None else f"exit code {status.exit_code}"
