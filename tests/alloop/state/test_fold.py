"""What every event changes of the state, and what it leaves as it was."""

import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.journal import events
from alloop.journal.events import (
    AttemptLost,
    CodeChanged,
    CodeDriftFound,
    CodeRefused,
    ConfigChanged,
    DriverStarted,
    DriverStopped,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    LabelsImported,
    PolicyChanged,
    ProductionExtended,
    RungJudged,
    SelectionAsked,
    SubsetRecord,
    SubsetsDrawn,
    SubsetsJudged,
    TaskFinished,
    TaskPlanned,
    Tick,
    VerdictReached,
)
from alloop.journal.journal import Entry, JournalError
from alloop.state.fold import HEARTBEAT_GAP_S, apply, fold
from alloop.state.state import CampaignState
from tests.support.histories import FOUNDATION, HELDOUT_WALKERS, WALKERS, History, changes

KEY = "a" * 40


def campaign(**settings):
    """A campaign with a committee, a rung, offered frames, held-out frames and a verdict of means."""
    history = History(**settings).atoms().labelled(6).fitted(rung=6).heldout(2).pending(2)
    history.offer(WALKERS[0], "random", "disagreement")
    history.offer(HELDOUT_WALKERS[0], "random")
    history.begin("evaluate/r6/f0/h4", {"model": "m", "heldout": 4, "of": "r6/f0"})
    return history


def selection(history):
    history.asked()
    return FramesSelected(
        generation=0,
        policy="disagreement",
        seed=1,
        chosen=({"id": f"{WALKERS[0]}/1/0", "rank": 1, "why": "disagreement"},),
        rejected={f"{WALKERS[0]}/1/1": "known"},
    )


def drift(history):
    history.say(CodeDriftFound(code={"gpaw": "2"}, labels=("a",)))


SUBSETS = SubsetsDrawn(number=0, rungs=(SubsetRecord(size=1, frames=("A.initial/0/0",)),), heldout=(), seed=1)

ROWS = {
    "campaign_created": None,  # the first event of every history
    "config_changed": (
        lambda h: ConfigChanged(config={**h.state.config, "budget": {}}, changes=("budget",)),
        {"config", "stalled_segments"},
    ),
    "policy_changed": (
        lambda h: PolicyChanged(policies={"select.policy": KEY}, changed=()),
        {"policies", "stalled_segments"},
    ),
    "labels_imported": (
        lambda h: LabelsImported(reference="same", source="file", keys=(KEY,), structures=("b",)),
        {"brought", "imported", "imported_from_files", "imported_structures", "frames", "train_order", "labels"},
    ),
    "driver_started": (lambda h: DriverStarted(host="h", pid=1, version="0"), {"driver_t"}),
    "driver_stopped": (lambda h: DriverStopped(reason="stop"), set()),
    "tick": (lambda h: Tick(), set()),
    "task_planned": (
        lambda h: TaskPlanned(purpose="fit/g0/m9", key=KEY, task="fit", slot_kind="fit", request={}),
        {"tasks", "running"},
    ),
    "task_finished": (
        lambda h: TaskFinished(purpose="evaluate/r6/f0/h4", key=KEY, status="failed", reason="error"),
        {"tasks", "running", "broken", "last_problem"},
    ),
    "attempt_lost": (
        lambda h: AttemptLost(purpose="evaluate/r6/f0/h4", key=KEY, error="x"),
        {"tasks", "running", "broken"},
    ),
    "selection_asked": (
        lambda h: SelectionAsked(number=1, generation=0, oldest=0, count=6, seed=1),
        {"asked", "news", "segments_since_selection", "asked_about", "offered"},
    ),
    "frames_selected": (
        selection,
        {
            *("frames", "pool", "train_order", "to_label", "waiting_labels", "ordered", "rejections"),
            *("selections", "last_chosen", "stalled_segments", "asked_about", "walkers"),
        },
    ),
    "heldout_drawn": (
        lambda h: HeldoutDrawn(frames=(f"{HELDOUT_WALKERS[0]}/1/0",)),
        {"frames", "pool_heldout", "heldout_order", "to_label", "waiting_labels", "ordered"},
    ),
    "generation_opened": (
        lambda h: GenerationOpened(number=1, upto=6, labels=6, rung=12),
        {"generations", "unfitted", "rungs", "stalled_segments"},
    ),
    "rung_judged": (lambda h: RungJudged(size=6, heldout=4, table=(), judgements=()), {"judged"}),
    "production_extended": (lambda h: ProductionExtended(rungs=("r6",), production_ps=8.0, reason="x"), {"rungs"}),
    "subsets_drawn": (lambda h: SUBSETS, {"drawn", "subsets"}),
    "subsets_judged": (
        lambda h: SubsetsJudged(number=0, table=(), judgements=(), converged=True, reason="x"),
        {"subsets_judged"},
    ),
    "verdict_reached": (lambda h: VerdictReached(verdict="stopped", reason="x"), {"verdict"}),
    "code_drift_found": (lambda h: CodeDriftFound(code={"gpaw": "2"}, labels=("a",)), {"drift", "drifts"}),
    "code_changed": (
        lambda h: drift(h) or CodeChanged(old={}, new={"gpaw": "2"}, probes=()),
        {"drift", "codes", "tasks", "e0s_eV"},
    ),
    "code_refused": (lambda h: drift(h) or CodeRefused(code={"gpaw": "2"}, reason="x"), {"drift"}),
}


def test_every_kind_of_event_has_its_row():
    kinds = {typing.get_args(one.model_fields["kind"].annotation)[0] for one in all_events()}
    assert kinds == set(ROWS)


def all_events():
    return typing.get_args(typing.get_args(events.AnyEvent)[0])


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row])
def test_an_event_changes_what_its_row_says_and_nothing_else(kind):
    happens, expected = ROWS[kind]
    history = campaign()
    event = happens(history)
    assert event.kind == kind
    assert changes(history, lambda: history.say(event)) == expected


def test_a_created_campaign_has_its_config_its_policies_and_its_code():
    history = History(code={"gpaw": "9"})
    assert history.state.config == history.config.model_dump(mode="json")
    assert (history.state.codes, history.state.code) == ([{"gpaw": "9"}], {"gpaw": "9"})
    assert history.state.created.foundation is None
    assert History(foundation=True).state.created.foundation == FOUNDATION


# -- time --------------------------------------------------------------------------------------------------------


def timed(*events):
    """The state after a campaign was created at 0 s and events came at their times (s)."""
    history = History()
    for t, event in events:
        history.now = 1000.0 + t
        history.say(event)
    return history.state


@pytest.mark.parametrize(
    ("times", "wall_s"),
    [((10, 25), 25.0), ((HEARTBEAT_GAP_S,), 120.0), ((HEARTBEAT_GAP_S + 1,), 120.0), ((10, 1e6, 1e6 + 5), 135.0)],
)
def test_time_between_events_counts_as_wall_time_up_to_the_longest_that_a_driver_is_silent(times, wall_s):
    assert timed(*((t, Tick()) for t in times)).wall_s == wall_s


def test_time_without_a_driver_does_not_count():
    state = timed((50, DriverStarted(host="h", pid=1, version="0")), (60, Tick()))
    assert state.wall_s == 10.0
    config = History().state.config
    assert timed((50, ConfigChanged(config=config, changes=())), (55, Tick())).wall_s == 5.0


def test_a_clock_that_was_set_back_takes_no_time_away():
    assert timed((50, Tick()), (20, Tick()), (30, Tick())).wall_s == 60.0


def test_the_state_knows_the_last_event_and_its_time():
    state = timed((50, Tick()))
    assert (state.seq, state.last_t) == (2, 1050.0)


# -- the whole journal -------------------------------------------------------------------------------------------


def test_an_event_that_does_not_fit_those_before_it_is_named():
    history = History()
    entry = Entry(2, 1000.0, TaskFinished(purpose="label/nothing", key=KEY, status="ok"))
    with pytest.raises(JournalError, match=r"event 2 \(task_finished\) does not fit those before it"):
        fold([*history.entries, entry])


@settings(max_examples=20)
@given(cut=st.integers(0, 200), data=st.data())
def test_the_state_does_not_depend_on_how_the_journal_is_cut_into_batches(cut, data):
    history = whole_campaign()
    cut = min(cut, len(history.entries))
    state = fold(history.entries[:cut])
    for entry in history.entries[cut:]:
        apply(state, entry)
    assert vars(state) == vars(history.state) == vars(fold(iter(history.entries)))


def whole_campaign():
    history = History(step_s=3.0).atoms().labelled(6).fitted(rung=6).heldout(4).evaluated(6, 4).judged(6)
    history.failing(1).labelled(6).fitted(rung=12).evaluated(12, 4).judged(12)
    return history.say(
        VerdictReached(verdict="stopped", reason="x"), ConfigChanged(config=history.state.config, changes=())
    )


def test_the_empty_journal_is_the_empty_state():
    assert vars(fold([])) == vars(CampaignState())
