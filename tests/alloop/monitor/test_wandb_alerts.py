from __future__ import annotations

import pytest

from alloop.journal.events import (
    CodeChanged,
    CodeDriftFound,
    CodeRefused,
    DriverStarted,
    TaskFinished,
    Tick,
    VerdictReached,
)
from alloop.journal.journal import Entry
from alloop.monitor.wandb_alerts import STALL_S, Quiet, alert
from alloop.monitor.wandb_numbers import Publications
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.tasks.contract.records import Timing
from tests.support.journals import play
from tests.support.stories import variant


def told(event):
    return alert(Entry(1, 0.0, event), CampaignState())


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (VerdictReached(verdict="converged", reason="rungs agree"), "INFO", "rungs agree"),
        (VerdictReached(verdict="budget_spent", reason="no label left"), "WARN", "no label left"),
        (VerdictReached(verdict="stopped", reason="21 labels failed"), "ERROR", "21 labels failed"),
        (CodeDriftFound(code={"gpaw": "2"}, labels=("a", "b")), "WARN", "2 labels are made again"),
        (CodeRefused(code={"gpaw": "2"}, reason="forces differ"), "ERROR", "forces differ"),
    ],
)
def test_what_the_user_is_told_at_once(event, level, words):
    found = told(event)
    assert found.level == level
    assert words in found.text
    assert len(found.title) < 64


@pytest.mark.parametrize("event", [Tick(), CodeChanged(old={}, new={}, probes=())])
def test_what_is_no_news(event):
    assert told(event) is None


def test_half_of_the_failures_that_are_allowed_and_all_of_them_are_told_once_each(tmp_path):
    entries = play(tmp_path, variant(failing=(3, 7, 20, 33)))
    state, titles = CampaignState(), []
    for entry in entries:
        apply(state, entry)
        state.config = state.config | {"budget": {"failed_labels": 4}}
        if isinstance(entry.event, TaskFinished) and (found := alert(entry, state)):
            titles.append(found.title)
    assert titles == ["alloop: 2 of 4 failures used", "alloop: 4 of 4 failures used"]


def timed(t, seconds):
    timing = Timing(started_t=1e6, finished_t=1e6 + seconds, cpu_s=1.0, cores=1, host="h", pid=1)
    return Entry(1, t, TaskFinished(purpose="label/a", key="a" * 64, status="ok", timing=timing))


def heard(entries):
    quiet = Quiet()
    return [entry.t for entry in entries if quiet.hear(entry)]


def ticks(start, stop):
    return [Entry(1, float(t), Tick()) for t in range(start, stop, 60)]


def test_a_stall_is_told_once_and_again_after_something_happened():
    entries = [timed(0.0, 60.0), *ticks(60, 4000), timed(4000.0, 60.0), *ticks(4060, 8000)]
    assert heard(entries) == [STALL_S, 4000.0 + STALL_S]


def test_a_campaign_of_long_tasks_stalls_later_and_one_without_a_driver_does_not():
    assert heard([timed(0.0, 3600.0), *ticks(60, 10_000)]) == []
    started = Entry(1, 9000.0, DriverStarted(host="h", pid=1, version="0"))
    assert heard([timed(0.0, 60.0), *ticks(60, 600), started, *ticks(9060, 9600)]) == []


def test_an_event_of_which_the_user_is_alerted_has_a_row(tmp_path):
    state, publications = CampaignState(), Publications()
    entries = play(tmp_path, upto=60)
    for entry in entries:
        apply(state, entry)
        publications.of(entry, state)
    late = Entry(entries[-1].seq + 1, entries[-1].t + 1e5, Tick())
    apply(state, late)
    item = publications.of(late, state)
    assert item.row["alert"] == item.alert.title == "alloop: stalled"
    assert item.row["seq"] == late.seq
