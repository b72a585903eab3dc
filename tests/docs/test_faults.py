"""The table of docs/faults.md: its lines are those that alloop prints, and its times those of the code."""

import ast
import errno
import inspect
import re
import threading
from collections import Counter
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from alloop.campaign.harvest import REFUSED, give_up_or_retry, out_of_time
from alloop.campaign.loop import IDLE_TICK_S, Campaign
from alloop.config.machine import ExecutionConfig
from alloop.decisions.label_sanity import absurd_label
from alloop.failures import TaskFailure
from alloop.journal.events import DriverStopped, TaskFinished
from alloop.labelling import calculator_process
from alloop.labelling.answers import checked
from alloop.labelling.errors import EngineError
from alloop.labelling.singlepoint import SinglePoint
from alloop.status.messages import lines, restored_text
from alloop.status.reasons import reason_words
from alloop.status.task_words import task_words
from alloop.tasks.attempts import BrokenAttempt
from alloop.tasks.contract.label import LabelSummary
from alloop.tasks.worker import WAIT_FOR_PLACE_S
from alloop.workers import parsl_kernel, worker_pool
from alloop.workers.machine_faults import PAUSES_S, PLACE_TRIES, find_fault
from tests.support.faults import FEWEST, bare, pattern_of, pieces_of, rows, words_shown
from tests.support.histories import History

TESTS = Path(__file__).parents[1]
CAUSING = ("faults", "campaign", "slurm", "alloop/campaign", "alloop/journal", "alloop/tasks/kinds")
"""Folders of the tests that cause faults and look at what is printed."""


def begun():
    """Return a campaign with six labels and a further one that is computed, and the name of that task."""
    history = History().labelled(6).pending(1)
    name = history.state.train_order[-1]
    history.begin(f"label/{name}", {"frame": name})
    return history, history.state.tasks[f"label/{name}"]


def shown(history, event):
    """Return what a campaign tells of an event."""
    history.say(event)
    return lines(history.entries[-1], history.state)[0]


def failed(reason, detail=""):
    """Return what is told of a failed label."""
    history, task = begun()
    return shown(
        history, TaskFinished(purpose=task.purpose, key=task.key, status="failed", reason=reason, detail=detail)
    )


def lost(error, losses=1):
    """Return what is told of an attempt that broke."""
    history, task = begun()
    return shown(history, give_up_or_retry(task, find_fault(error, Counter({b"m": losses})), retries=3))


def twice(error):
    """Return the end of a label whose engine raises the same error twice."""
    (history, task), fault = begun(), find_fault(error, Counter())
    for _ in range(2):
        event = give_up_or_retry(task, fault, retries=3)
        history.say(event)
    return f"{task_words(event.purpose)} failed ({reason_words(event.reason)}): {event.detail}"


def refused_forces():
    with pytest.raises(TaskFailure) as caught:
        checked(SinglePoint(energy_eV=0.0, forces_eV_per_A=np.zeros((2, 3)), stress_eV_per_A3=None), 4)
    return failed(caught.value.reason, caught.value.detail)


def absurd_energy():
    history, task = begun()
    summary = LabelSummary(energy_eV=80.0, atoms=2, max_force_eV_per_A=0.1)
    return failed(REFUSED, absurd_label(history.state, task, summary))


def timed_out():
    history, task = begun()
    return shown(history, out_of_time(task, BrokenAttempt(kind="time", text="no answer within 1 min")))


def dead_listener():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    kernel, executor = SimpleNamespace(_last_words={thread: "TypeError: x"}), SimpleNamespace()
    executor._result_queue_thread = thread
    said = parsl_kernel.Kernel._dead_part(kernel, "local", executor)
    return said[:1].upper() + said[1:]


@cache
def printed():
    """Return lines that the code makes of faults, without a campaign around it."""
    return (
        lost(WorkerLost(0, "node1")),
        lost(ManagerLost(b"m", "node1"), losses=2),
        lost(None),
        dead_listener(),
        failed("scf", "not converged"),
        refused_forces(),
        absurd_energy(),
        twice(EngineError("raised", "TypeError: no bands (calculator.py, line 3)")),
        twice(EngineError("raised", "OSError: [Errno 28] No space left on device (a.py, line 3)", errno.ENOSPC)),
        shown(History(), DriverStopped(reason="verdict; not waited for: label/A.600K.0/0/1")),
        timed_out(),
        *restored_text(1),
    )


@cache
def looked_for():
    """Return the words that the tests look for which cause faults, split where they allow anything."""
    paths = [path for folder in CAUSING for path in (TESTS / folder).glob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    texts = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    parts = (part for text in texts if isinstance(text, str) for part in re.split(r"\.\*|\n|…", text))
    return {bare(re.sub(r"\\(.)", r"\1", part)) for part in parts if len(part) >= FEWEST}


@pytest.mark.parametrize("words", words_shown())
def test_what_the_page_shows_is_printed_or_looked_for_where_the_fault_is_caused(words):
    pieces = pieces_of(words)
    looked_for_whole = bool(pieces) and all(any(piece in part for part in looked_for()) for piece in pieces)
    assert looked_for_whole or any(re.search(pattern_of(words), line) for line in printed())


def test_every_line_that_the_code_makes_of_a_fault_is_on_the_page():
    assert [line for line in printed() if not any(re.search(pattern_of(one), line) for one in words_shown())] == []


EXECUTION = ExecutionConfig.model_validate({"executors": {"local": {"kind": "local", "workers": 1}}})
TICK_S = inspect.signature(Campaign).parameters["tick_s"].default
PLACE_S = sum(WAIT_FOR_PLACE_S)


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("driver killed", f"at the next start; by its workers within `heartbeat_limit_s` "
                          f"({EXECUTION.heartbeat_limit_s:g} s)"),
        ("Ctrl-C", f"within {TICK_S:g} s"),
        ("worker killed", f"within `heartbeat_s` ({EXECUTION.heartbeat_s:g} s)"),
        ("block, job or node", f"within `heartbeat_limit_s` ({EXECUTION.heartbeat_limit_s:g} s)"),
        ("process between", f"within {parsl_kernel.WATCH_S:g} s"),
        ("that process suspended", f"suspended: after `heartbeat_limit_s` ({EXECUTION.heartbeat_limit_s:g} s); dead: "
                                   f"within {parsl_kernel.WATCH_S:g} s"),
        ("engine or worker prints", f"within {worker_pool.OUTPUT_WATCH_S:g} s"),
        ("label beyond", f"within {calculator_process._LOOK_S:g} s"),
        ("disk full for results", f"by a worker after {PLACE_S:g} s, by the driver after "
                                  f"{PLACE_TRIES * PLACE_S + PAUSES_S[0]:g} s"),
        ("results, locks", f"by a worker after {PLACE_S:g} s, by the driver after "
                           f"{PLACE_TRIES * PLACE_S + PAUSES_S[0]:g} s"),
        ("journal removed", f"within {TICK_S:g} s"),
        ("campaign folder moved", f"within {TICK_S:g} s"),
        ("`driver.lock` removed", f"within {TICK_S:g} s"),
    ],
)  # fmt: skip
def test_the_times_of_the_page_are_those_of_the_code(fault, noticed):
    (cells,) = [cells for name, cells in rows().items() if name.startswith(fault)]
    assert cells[1] == noticed


def test_an_idle_campaign_writes_its_journal_as_often_as_the_page_says():
    (cells,) = [cells for name, cells in rows().items() if name.startswith("disk full for the journal")]
    assert cells[1] == "at the next event, a minute apart at most"
    assert IDLE_TICK_S == 60.0
