"""docs/troubleshooting.md: every message that it quotes is in the code, and no message twice."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.support.faults import bare, pieces_of, rows

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = [message.strip("`") for message in rows(PAGE)]


@cache
def texts():
    """Return the texts of the code, one after the other, with an ellipsis for what is filled in, and the Makefile."""
    paths = [path for folder in ("alloop", "policies") for path in (ROOT / folder).rglob("*.py")]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = dict.fromkeys(text for node in nodes if (text := text_of(node)) is not None)
    return bare("\n".join([*found, (ROOT / "Makefile").read_text(encoding="utf-8")]))


def text_of(node):
    """Return the text of a string or an f-string, None of anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_of_the_page_is_in_the_code(message):
    pieces = pieces_of(message)
    assert pieces, "too short to be compared"
    assert [piece for piece in pieces if piece not in texts()] == []


def test_no_message_stands_twice():
    assert len(MESSAGES) == len(set(MESSAGES))
