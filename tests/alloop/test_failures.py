import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.failures import PolicyError, blaming, first_line, one_line


@given(st.text())
def test_one_line_is_printable_and_says_every_word(text):
    line = one_line(text)
    assert line.isprintable()
    assert line.isascii() or not text.isascii()
    assert one_line(line) == line


def test_words_of_many_lines_stand_on_one():
    assert one_line(" too few bands;\n\tsee\x1b[31m the manual ") == "too few bands; see?[31m the manual"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\n  too few bands\nsee the manual"), "too few bands"),
        (KeyError("Li"), "'Li'"),
        (KeyError(), "KeyError"),
        (RuntimeError(" \n "), "RuntimeError"),
    ],
)
def test_an_error_is_told_by_its_first_line_or_its_name(error, line):
    assert first_line(error) == line


def test_a_policy_that_fails_is_named_with_its_key_and_a_mend():
    with pytest.raises(PolicyError) as caught, blaming("select.policy", "mine:Mine"):
        raise ZeroDivisionError("division\nby zero")
    assert str(caught.value) == (
        "select.policy: the policy 'mine:Mine' failed (ZeroDivisionError: division by zero); "
        "mend it and go on: `alloop run CONFIG --accept-policy`"
    )
