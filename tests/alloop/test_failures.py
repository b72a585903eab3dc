import ast
import errno
import importlib
import inspect
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.commands import exit_codes
from alloop.commands.errors import tell
from alloop.config.errors import Problem
from alloop.failures import PlaceError, PolicyError, blaming, blaming_place, first_line, message, one_line
from alloop.journal.events import CodeRefused
from alloop.tasks.contract.records import Timing
from tests.support.raising import ERRORS

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("what", ERRORS)
def test_whatever_an_error_does_its_message_is_a_short_text(what):
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        ERRORS[what]()
    assert len(message(caught.value)) <= 10_000
    assert type(message(caught.value)) is str
    first_line(caught.value).encode("utf-8")


@pytest.mark.parametrize("name", ["ENOSPC", "EROFS", "ESTALE", "ESHUTDOWN", "ENOLCK", "EUCLEAN", "EBADMSG"])
def test_a_file_system_that_is_gone_is_to_blame_and_the_user_may_try_again(name, capsys):
    number = getattr(errno, name)
    with pytest.raises(PlaceError) as caught, blaming_place(Path("results")):
        raise OSError(number, os.strerror(number))
    assert (caught.value.errno, caught.value.filename) == (number, "results")
    assert tell(OSError(number, os.strerror(number), "results")) == exit_codes.RETRY
    assert capsys.readouterr().err.startswith(f"alloop: results: {os.strerror(number)}; nothing is lost")


def test_a_file_that_is_missing_is_no_fault_of_the_place():
    with pytest.raises(FileNotFoundError), blaming_place():
        raise FileNotFoundError(errno.ENOENT, "no such file", "results")


def test_a_policy_that_fails_is_named_with_its_key_and_a_mend():
    with pytest.raises(PolicyError) as caught, blaming("select.policy", "mine:Mine"):
        raise ZeroDivisionError("division\nby zero")
    assert str(caught.value) == (
        "select.policy: the policy 'mine:Mine' failed (ZeroDivisionError: division by zero); "
        "mend it and go on: `alloop run CONFIG --accept-policy`"
    )


def exceptions():
    """Return every exception class of alloop, by walking its source."""
    for path in sorted((ROOT / "alloop").rglob("*.py")):
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
        if not any(name.endswith(("Error", "Failure", "Died", "Stopped", "Requested", "Wanted")) for name in names):
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for found in (getattr(module, name) for name in names):
            if isinstance(found, type) and issubclass(found, BaseException):
                yield found


def made(kind):
    """Return an exception of a class, with arguments as its own code gives them."""
    given = {
        "path": ROOT / "x",
        "problem": Problem("seed", "must not be negative", 3),
        "problems": Problem("seed", "must not be negative", 3),
        "timing": Timing(started_t=0.0, finished_t=1.0, cpu_s=1.0, cores=1, host="node", pid=1),
        "refusal": CodeRefused(code={}, reason="forces differ"),
        "ever_up": True,
        "finished": 7,
        "number": 28,
    }
    if "__init__" not in vars(kind):
        return kind("what happened")
    names = list(inspect.signature(kind.__init__).parameters)[1:]
    return kind(*(given.get(name, name) for name in names))


def test_every_exception_survives_the_way_to_another_process():
    kinds = list(exceptions())
    assert {"NotPlainError", "BlocksError", "CodeRefusedError", "EngineError"} <= {kind.__name__ for kind in kinds}
    for kind in kinds:
        error = made(kind)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))


@pytest.mark.parametrize("what", ["mute", "own_init", "exit", "vast"])
def test_a_policy_that_fails_in_a_way_of_its_own_is_one_line_too(what):
    with pytest.raises(PolicyError) as caught, blaming("select.policy", "mine:Mine"):
        ERRORS[what]()
    assert str(caught.value).startswith("select.policy: the policy 'mine:Mine' failed (")
    assert str(caught.value).endswith("`alloop run CONFIG --accept-policy`")
    assert len(str(caught.value)) < 1200
