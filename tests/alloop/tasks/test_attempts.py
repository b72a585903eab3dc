import errno
import json
import pickle

import pytest

from alloop.failures import OutOfTimeError, PolicyError
from alloop.labelling.errors import CodeMismatchError, EngineError, RanksError
from alloop.tasks.attempts import LONGEST_TEXT, BrokenAttempt, broken_by
from alloop.tasks.contract.records import Timing
from alloop.tasks.contract.result_files import DamagedResultError
from tests.support.raising import ERRORS

TIMING = Timing(started_t=0.0, finished_t=300.0, cpu_s=600.0, cores=2, host="node", pid=1)


def raised(what):
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        ERRORS[what]()
    return broken_by(caught.value)


@pytest.mark.parametrize("what", ERRORS)
def test_what_any_error_says_is_plain_text_of_one_short_line(what):
    told = raised(what)
    assert len(told.text) <= LONGEST_TEXT
    assert told.text.isprintable()
    assert type(told.text) is str
    assert pickle.loads(pickle.dumps(told.model_dump())) == told.model_dump()
    assert BrokenAttempt.model_validate(json.loads(told.model_dump_json())) == told


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("own_init", "OwnInit: no licence at node 7 (raising.py, line "),
        ("mute", "Mute: it cannot say what (raising.py, line "),
        ("own_words", "OwnWords: own words"),
        ("nameless", "Nameless: no licence (raising.py, line "),
        ("pretending", "Pretending: no licence (raising.py, line "),
        ("group", "ExceptionGroup: no licence (2 sub-exceptions) (raising.py, line "),
        ("below", "Below: as deep as can be"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt: KeyboardInterrupt"),
        ("surrogate", "RuntimeError: no ? bands"),
        ("vast", "TypeError: xxx"),
    ],
)
def test_an_error_is_named_with_its_words_and_the_line_that_raised_it(what, words):
    assert raised(what).text.startswith(words)
    assert raised(what).kind == "raised"


def test_an_error_that_answers_no_question_is_told_by_its_class():
    assert raised("silent").text.startswith("Silent: ")
    assert raised("numberless").number == errno.ENOSPC


@pytest.mark.parametrize(
    ("error", "kind", "number"),
    [
        (PolicyError("select.policy: the policy failed"), "policy", None),
        (OutOfTimeError("no answer within 5 min", TIMING), "time", None),
        (OSError(errno.ENOSPC, "No space left on device"), "system", errno.ENOSPC),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "system", errno.ENOENT),
        (MemoryError("Unable to allocate"), "memory", None),
        (ImportError("no module"), "import", None),
        (RanksError("`mpiexec` left no answer"), "machine", None),
        (CodeMismatchError("gpaw is 25"), "machine", None),
        (DamagedResultError("the result is damaged"), "machine", None),
        (EngineError("raised", "TypeError: x"), "raised", None),
        (EngineError("system", "OSError: x", errno.EIO), "system", errno.EIO),
        (TypeError("x"), "raised", None),
    ],
)
def test_what_the_driver_has_to_tell_apart_is_told_apart(error, kind, number):
    told = broken_by(error)
    assert (told.kind, told.number) == (kind, number)
    assert told.of_engine is isinstance(error, EngineError)
    assert told.timing == getattr(error, "timing", None)


def test_secrets_stay_where_they_are(monkeypatch):
    monkeypatch.setenv("LICENCE_TOKEN", "0123456789abcdef")
    assert "0123456789abcdef" not in broken_by(TypeError("no licence for 0123456789abcdef")).text
