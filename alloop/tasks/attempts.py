"""What a worker says of an attempt that broke: plain text and numbers.

An exception does not travel between processes. Pickling one runs code of others: it may fail, hang or take the thread
of the driver that waits for answers with it.
"""

from __future__ import annotations

from typing import Literal

from alloop.failures import OutOfTimeError, PlaceError, PolicyError, class_name, message, one_line
from alloop.files.plain_files import NotPlainError
from alloop.files.redaction import redacted
from alloop.labelling.calculator_server import told
from alloop.labelling.errors import CodeMismatchError, EngineError, RanksError
from alloop.tasks.contract.records import Record, Timing
from alloop.tasks.contract.result_files import DamagedResultError

LONGEST_TEXT = 600
"""Characters of an error that a person reads."""
LONGEST_POLICY_TEXT = 2_000
OF_THE_MACHINE = (RanksError, CodeMismatchError, DamagedResultError)
"""Own errors that another machine, or a repaired file, may not have."""


class BrokenAttempt(Record):
    """An attempt that broke.

    Attributes
    ----------
    kind : str
        ``policy`` (of the user), ``time`` (the limit of a label), ``memory``, ``system`` (an error of the system, with
        its `number`), ``place`` (the campaign's folder cannot be used), ``import``, ``machine``, or ``raised``: an
        error of Python that the same task would raise again.
    text : str
        One line for a person.
    number : int or None
        The `errno` of an error of the system.
    of_engine : bool
        Whether the code of a label engine raised it.
    timing : Timing or None
        What an attempt took that ran out of time.
    unwritten : str or None
        The result file of a finished label that could not be written.
    """

    kind: Literal["policy", "time", "memory", "system", "place", "import", "machine", "raised"]
    text: str
    number: int | None = None
    of_engine: bool = False
    timing: Timing | None = None
    unwritten: str | None = None

    def result(self) -> bytes | None:
        """Return the bytes of the result file that could not be written, or None."""
        return None if self.unwritten is None else self.unwritten.encode()


def broken_by(error: BaseException) -> BrokenAttempt:
    """Return what an error of any code says, as plain text without secrets."""
    try:
        return _broken_by(error)
    except BaseException:  # an error may answer whatever it is asked with another one
        return BrokenAttempt(kind="raised", text=_line(f"{class_name(error)}: {message(error)}"))


def _broken_by(error: BaseException) -> BrokenAttempt:
    if isinstance(error, PolicyError):
        return BrokenAttempt(kind="policy", text=_line(message(error), LONGEST_POLICY_TEXT))
    if isinstance(error, OutOfTimeError):
        return BrokenAttempt(kind="time", text=_line(error.detail), timing=error.timing)
    if isinstance(error, PlaceError | NotPlainError):
        unwritten = error.unwritten.decode() if isinstance(error, PlaceError) and error.unwritten else None
        return BrokenAttempt(kind="place", text=_line(message(error)), number=error.errno, unwritten=unwritten)
    if isinstance(error, EngineError):
        fields = {"kind": error.kind, "text": _line(error.detail), "number": error.number, "of_engine": True}
        return BrokenAttempt.model_validate(fields)
    if isinstance(error, OF_THE_MACHINE):
        return BrokenAttempt(kind="machine", text=_line(f"{class_name(error)}: {message(error)}"))
    what = told(error)
    return BrokenAttempt(kind=what["kind"], text=_line(what["detail"]), number=what["number"])


def _line(text: str, longest: int = LONGEST_TEXT) -> str:
    line = one_line(redacted(text))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
