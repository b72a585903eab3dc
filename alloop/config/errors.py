"""The error of a config that cannot be used, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloop.failures import ForeseenError, one_line
from alloop.files.redaction import concealed, quotable

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    key : str
        Dotted key, for instance ``explore.timestep_fs``; empty if the file as a whole is meant.
    what : str
        What is wrong and the mend.
    line : int or None
        Line in the config, from 1.
    """

    key: str
    what: str
    line: int | None = None


class ConfigError(ForeseenError):
    """A config that cannot be used; its text is one line.

    Parameters
    ----------
    path : pathlib.Path or str
        The config (or other file) as the user named it.
    problems : Problem or sequence of Problem
        At least one; the first is told, the others are counted.

    Examples
    --------
    >>> print(ConfigError("a.yaml", [Problem("seed", "must not be negative", 3), Problem("name", "missing", 1)]))
    a.yaml:3: seed: must not be negative (+1 more problem)
    """

    def __init__(self, path: Path | str, problems: Problem | Sequence[Problem]) -> None:
        self.path = path
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return self._line(self.problems[0], _more(len(self.problems) - 1))

    def lines(self) -> tuple[str, ...]:
        """Return a line for every problem."""
        return tuple(self._line(problem) for problem in self.problems)

    def _line(self, problem: Problem, more: str = "") -> str:
        place = f"{self.path}:{problem.line}" if problem.line is not None else str(self.path)
        key = f"{problem.key}: " if problem.key else ""
        return one_line(concealed(f"{place}: {key}{problem.what}{more}"))


def dotted(path: KeyPath) -> str:
    """Return the key as it is shown.

    Examples
    --------
    >>> dotted(("systems", 0, "structure"))
    'systems[0].structure'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def shown(value: Any, limit: int = 60) -> str:
    """Return a value as a message quotes it, cut to a readable length.

    Examples
    --------
    >>> shown("2 fs"), shown(True), shown([1, 2]), shown(None)
    ('the text `2 fs`', 'true', 'a list', 'empty')
    """
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a section" if isinstance(value, dict) else "a list"
    text = quotable(str(value))
    text = text if len(text) <= limit else f"{text[:limit]}…"
    return f"the text `{text}`" if isinstance(value, str) else text


def _more(count: int) -> str:
    return f" (+{count} more problem{'s' if count > 1 else ''})" if count else ""
