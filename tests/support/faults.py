"""The words of ``docs/faults.md``, which tests compare with what is printed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def is_documented(line: str) -> bool:
    """Return whether the page shows a line; there an ellipsis stands for anything and a number for any number."""
    return any(pattern.search(line) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    rows = [row.split("|") for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    shown = [words for row in rows[1:] for words in re.findall(r"`(.+?)`(?=[,;. ]|$)", row[3])]
    return tuple(re.compile(_as_pattern(words)) for words in shown if len(words) > 12)


def _as_pattern(words: str) -> str:
    return re.sub(r"\d+", r"\\d+", re.escape(words).replace("…", ".*"))
