"""The words of ``docs/faults.md``, which tests compare with what is printed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def is_documented(line: str) -> bool:
    """Return whether the page shows a line; there an ellipsis stands for anything and a number for any number."""
    return any(re.search(pattern_of(words), line) for words in words_shown())


def is_shown_as(words: str, line: str) -> bool:
    """Return whether the page shows these words, and a line is as they say."""
    return words in words_shown() and re.search(pattern_of(words), line) is not None


def rows() -> dict[str, list[str]]:
    """Return the cells of every fault after its name: outcome, when it is noticed, and what is seen."""
    table = [row.split("|") for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    return {fault.strip(): [cell.strip() for cell in cells[:3]] for _, fault, *cells in table[1:]}


@cache
def words_shown() -> tuple[str, ...]:
    """Return the lines, or parts of lines, that the page says are seen."""
    seen = (re.findall(r"`(.+?)`(?=[,;. ]|$)", cells[-1]) for cells in rows().values())
    return tuple(words for found in seen for words in found if len(words) > 12)


def pattern_of(words: str) -> str:
    """Return the pattern of the lines that some words of the page show."""
    return re.sub(r"\d+", r"\\d+", re.escape(words).replace("…", ".*"))
