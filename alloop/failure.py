"""Ends of a task that are not its result: an answer that there is none, and a machine that was too slow."""

from __future__ import annotations

from typing import Any


class TaskFailure(Exception):
    """A scientific failure: the task ran and its answer is that there is none.

    Parameters
    ----------
    reason : str
        Short countable reason.
    detail : str
        One line for a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class OutOfTimeError(Exception):
    """A task was ended at its limit of time. That is a matter of machines, so no result of it is written.

    Parameters
    ----------
    detail : str
        One line for a person.
    timing : Timing or None
        When, where and at what cost.
    """

    def __init__(self, detail: str, timing: Any = None) -> None:
        super().__init__(detail, timing)
        self.detail, self.timing = detail, timing

    def __str__(self) -> str:
        return self.detail
