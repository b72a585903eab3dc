"""The words of ``docs/faults.md`` and of other pages of messages, which tests compare with what is printed."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
FEWEST = 12
"""Letters of a piece between two ellipses that is compared."""


def is_documented(line: str) -> bool:
    """Return whether the page shows a line; there an ellipsis stands for anything and a number for any number."""
    return any(re.search(pattern_of(words), line) for words in words_shown())


def is_shown_as(words: str, line: str) -> bool:
    """Return whether the page shows these words, and a line is as they say."""
    return words in words_shown() and re.search(pattern_of(words), line) is not None


def rows(page: Path = PAGE) -> dict[str, list[str]]:
    """Return the cells of every row of a page's tables but their heads, by the first cell.

    Of a fault these are: its outcome, when it is noticed, and what is seen.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    heads = {above for above, below in pairwise(lines) if below.startswith("|--")}
    table = [row.split("|") for row in lines if row.startswith("| ") and row not in heads]
    return {first.strip(): [cell.strip() for cell in cells[:-1]] for _, first, *cells in table}


@cache
def words_shown() -> tuple[str, ...]:
    """Return the lines, or parts of lines, that the page says are seen."""
    seen = (re.findall(r"`(.+?)`(?=[,;. ]|$)", cells[-1]) for cells in rows().values())
    return tuple(words for found in seen for words in found if len(words) > 12)


def pieces_of(words: str) -> list[str]:
    """Return what stands between the ellipses of a message, where it is long enough to be compared."""
    return [bare(piece) for piece in words.split("…") if len(piece.strip()) >= FEWEST]


def bare(text: str) -> str:
    """Return a text in which every number is the same."""
    return re.sub(r"\d+", "0", text)


def pattern_of(words: str) -> str:
    """Return the pattern of the lines that some words of the page show."""
    return re.sub(r"\d+", r"\\d+", re.escape(words).replace("…", ".*"))
