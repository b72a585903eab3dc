"""Errors of other people's code, in one line."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    r"""Return the first line that an error says, or its name where it says nothing.

    Examples
    --------
    >>> one_line(ValueError("too few bands\nsee the manual"))
    'too few bands'
    >>> one_line(KeyError())
    'KeyError'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
