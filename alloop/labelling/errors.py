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
