"""What a campaign cannot give: files that are missing or damaged, and what it does not have, told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from alloop.config.suggestions import hint
from alloop.failures import PlaceError, first_line, one_line
from alloop.files.plain_files import NotPlainError
from alloop.journal.journal import JournalError
from alloop.tasks.workspace import DamagedResultError

DAMAGED = (DamagedResultError, FileNotFoundError, NotPlainError, PlaceError, ValidationError)


RUN_AGAIN = "`alloop run` with its config makes or restores it"


class UnreadableError(JournalError):
    """A file of a campaign is missing or damaged; the message is one line for the user."""


class AbsentError(JournalError):
    """The campaign does not have what was asked for; the message is one line for the user."""


def absent(root: Path, what: str, asked: object, known: Iterable[object], unit: str = "") -> AbsentError:
    """Return the error for something that a campaign does not have.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    what : str
        The kind of thing, for instance ``system``.
    asked : object
        What was asked for.
    known : iterable
        What there is.
    unit : str
        Unit of what was asked for.

    Examples
    --------
    >>> print(absent(Path("runs/a"), "system", "Li3InCl", ["Li3InCl6", "Li2ZrCl6"]))
    runs/a: no system `Li3InCl`; did you mean `Li3InCl6`?
    >>> print(absent(Path("runs/a"), "temperature", 500, [600.0, 700.0], "K"))
    runs/a: no temperature `500 K`; there is 600 K, 700 K
    """
    names = [f"{one:g}{unit and f' {unit}'}" if isinstance(one, float) else str(one) for one in known]
    listed = f"there is {', '.join(names) or 'none yet'}"
    mend = hint(asked, names, listed) if isinstance(asked, str) else listed
    return AbsentError(one_line(f"{root}: no {what} `{asked}{unit and f' {unit}'}`; {mend}"))


@contextmanager
def told(root: Path, what: str, *more: type[Exception], mend: str = RUN_AGAIN) -> Iterator[None]:
    """Say in one line that a file of a campaign cannot be read, and the mend.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    what : str
        What is read, in words.
    more : types of exceptions
        Raised by what is read here if the file is not what it should be, besides `DAMAGED`.
    mend : str
        What the user can do about it.

    Raises
    ------
    UnreadableError
        In place of what was raised.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, (*DAMAGED, *more)):
            raise
        why = "no such file" if isinstance(error, FileNotFoundError) else first_line(error)
        raise UnreadableError(f"{root}: {what} is missing or damaged ({why}); {mend}") from error
