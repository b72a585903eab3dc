"""Exceptions of tasks and of a user's policies, and the text of any error in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors of a disk, or a quota, that has no room."""


def one_line(text: str) -> str:
    """Return the text on one line, without control characters."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in " ".join(text.split()))


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or the name of its class if it has none.

    Examples
    --------
    >>> first_line(ValueError("too few bands\nsee the manual"))
    'too few bands'
    >>> first_line(KeyError())
    'KeyError'
    """
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


class PolicyError(Exception):
    """A policy of the user failed; the message is one line that names it."""


@contextmanager
def blaming(key: str, policy: str) -> Iterator[None]:
    """Turn any exception of a policy into one line that names the config key and the policy."""
    try:
        yield
    except Exception as error:
        what = one_line(f"{type(error).__name__}: {error}")
        mend = "mend it and go on: `alloop run CONFIG --accept-policy`"
        raise PolicyError(f"{key}: the policy {policy!r} failed ({what}); {mend}") from error


class TaskFailure(Exception):
    """A scientific failure: the task ran, and its result is that there is no number.

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
    """A task was ended at its time limit. That depends on the machine, so no result is written.

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
