"""Exceptions of tasks and of a user's policies, and the text of any error in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
"""Numbers of the errors of a disk, or a quota, that has no room."""
UNUSABLE = DISK_FULL | {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE),
    *(errno.EFBIG, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.EUCLEAN, errno.EBADMSG, errno.ENOLCK),
    *(errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH),
    *(errno.ENETDOWN, errno.ENOLINK, errno.ECONNRESET, errno.ECONNABORTED, errno.ECONNREFUSED),
}
"""Numbers of the errors of a place in which no file can be read or written, whatever the file.

A client of Lustre that was evicted answers with ESHUTDOWN, NFS without its lock service with ENOLCK, a damaged ext4 or
XFS with EUCLEAN or EBADMSG.
"""


class PlaceError(OSError):
    """The campaign's folder cannot be used from this machine now; the tasks that find it so are not at fault.

    Only alloop's own reading and writing raises it, never a calculator. It has the number (`errno`), the words
    (`strerror`) and the path (`filename`) of the error behind it.

    Attributes
    ----------
    unwritten : bytes or None
        The result file of a finished label that could not be written: the driver puts it into the journal.
    """

    unwritten: bytes | None = None

    def __str__(self) -> str:
        return f"{self.strerror}: {self.filename or 'the campaign'}"


@contextmanager
def blaming_place(path: Path | None = None) -> Iterator[None]:
    """Turn an error of the place (`UNUSABLE`) into a `PlaceError`; all others pass.

    Parameters
    ----------
    path : pathlib.Path or None
        What is read or written; None for what the error itself names.
    """
    try:
        yield
    except PlaceError:
        raise
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        raise PlaceError(error.errno, error.strerror, str(path) if path else error.filename) from error


LONGEST_MESSAGE = 10_000
"""Characters of an error's message that are looked at."""
LONGEST_TOLD = 1_000
"""Characters of it that a line for the user holds."""


def message(error: BaseException) -> str:
    r"""Return the beginning of an error's message as plain text, whatever the code of its class does.

    Examples
    --------
    >>> message(ValueError("no \ud800 bands"))
    'no ? bands'
    >>> class Mute(Exception):
    ...     def __str__(self):
    ...         raise RuntimeError
    >>> message(Mute())
    'it cannot say what'
    """
    try:
        said = str.__getitem__(str(error), slice(LONGEST_MESSAGE))
    except BaseException:
        return "it cannot say what"
    return plain_text(said)


def plain_text(text: str) -> str:
    """Return a text without what no file can hold: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """Return the text on one line, without control characters."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in " ".join(text.split()))


def class_name(error: BaseException) -> str:
    """Return the name of an error's class, whatever its metaclass does."""
    return str(vars(type)["__name__"].__get__(type(error)))[:LONGEST_TOLD]


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or the name of its class if it has none.

    Examples
    --------
    >>> first_line(ValueError("too few bands\nsee the manual"))
    'too few bands'
    >>> first_line(KeyError())
    'KeyError'
    """
    lines = message(error).strip().splitlines()
    return lines[0].strip() if lines else class_name(error)


class ForeseenError(Exception):
    """What the user must mend; the message is one line that says what is wrong, where, and the mend."""

    def lines(self) -> tuple[str, ...]:
        """Return a line for every problem."""
        return (str(self),)


class PolicyError(ForeseenError):
    """A policy of the user failed; the message is one line that names it."""


@contextmanager
def blaming(key: str, policy: str) -> Iterator[None]:
    """Turn any exception of a policy into one line that names the config key and the policy."""
    try:
        yield
    except (Exception, SystemExit) as error:
        what = one_line(f"{class_name(error)}: {message(error)}")[:LONGEST_TOLD]
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
