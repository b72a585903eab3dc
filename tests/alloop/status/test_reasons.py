"""Reasons in words: each that a page names has words of its own."""

import re
from pathlib import Path

import pytest

from alloop.status.reasons import reason_words

PAGE = (Path(__file__).parents[3] / "docs" / "decisions.md").read_text(encoding="utf-8")
TABLE = PAGE[PAGE.index("| rejected as |") : PAGE.index("Rejected frames are never labelled")]
REASONS = re.findall(r"^\| `(\w+)` \|", TABLE, re.MULTILINE)


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_to_reject_a_frame_is_said_in_words(reason):
    assert reason_words(reason) != reason.replace("_", " ")


def test_a_reason_of_a_policy_of_your_own_is_its_name():
    assert reason_words("my_reason") == "my reason"
