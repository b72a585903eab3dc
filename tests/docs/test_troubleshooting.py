"""docs/troubleshooting.md: every message that it quotes is in the code."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.faults import bare, pieces_of, rows

ROOT = Path(__file__).parents[2]
MESSAGES = [message.strip("`") for message in rows(ROOT / "docs" / "troubleshooting.md")]


@cache
def texts():
    """Return the code and the Makefile, with texts that are written on several lines as one."""
    paths = [ROOT / "Makefile", *(path for folder in ("alloop", "policies") for path in (ROOT / folder).rglob("*.py"))]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return bare(re.sub(r'"\s*\n\s*f?"', "", code))


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_of_the_page_is_in_the_code(message):
    pieces = pieces_of(message)
    assert pieces, "too short to be compared"
    assert [piece for piece in pieces if piece not in texts()] == []
