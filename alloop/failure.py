"""The one exception that is an answer."""

from __future__ import annotations


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
