"""Errors that every label engine raises, and the list of those that are answers."""

from __future__ import annotations

from alloop.labelling.gpaw_job import difference

SCIENTIFIC_ERRORS = (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError)
"""What an engine raises on a frame that it cannot label; any other error is a fault of the machine."""


class NotConvergedError(Exception):
    """The engine did not reach self-consistency."""


class CodeMismatchError(Exception):
    """The machine has other code or datasets than the request was made for, or none."""


class RanksError(Exception):
    """The program of a calculation, or its ranks, did not start or left no answer."""


class EngineError(RanksError):
    """The code of an engine raised an error that is no answer about the frame.

    Parameters
    ----------
    kind : str
        ``memory``, ``system`` (an error of the system, such as a file that cannot be written), ``import``,
        ``machine`` (a program that is missing or was killed) or ``raised`` (any other).
    detail : str
        One line: the class of the error, its message, and where it was raised.
    number : int or None
        The `errno` of an error of the system.
    """

    def __init__(self, kind: str, detail: str, number: int | None = None) -> None:
        super().__init__(kind, detail, number)
        self.kind, self.detail, self.number = kind, detail, number

    def __str__(self) -> str:
        return self.detail


FORESEEN: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (NotConvergedError, CodeMismatchError, RanksError)
}
"""The errors that a calculation in another process names in its answer."""


def check_code(wanted: dict[str, str], found: dict[str, str]) -> None:
    """Refuse to compute with other code than the request was made for.

    Raises
    ------
    CodeMismatchError
        Naming the first difference among what both know.
    """
    if why := difference(wanted, found):
        raise CodeMismatchError(why)
