"""What holds at every step of a campaign, whatever its tasks answer and in whatever order they end."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alloop.decisions.label_budget import heldout_need, labels_left, training_limit, training_need
from alloop.journal.events import SubsetRecord, SubsetsDrawn
from alloop.state.fold import fold
from tests.support.histories import ROCK_SALT, History
from tests.support.outcomes import driven

MEASURE = {"mobile": "Na", "temperatures_K": [600], "production_ps": 2, "max_ps": 4, "segment_ps": 2}
SMALL = {
    "ladder": {"rungs": [4, 8], "fits": 2},
    "potential": {"committee": 2},
    "explore": {"temperatures_K": [600], "replicas": 2},
    "heldout": {"minimum": 2},
    "select": {"batch": 3, "pool_factor": 1.5},
    "fit": {"every_labels": 3},
}
MOST_STEPS = 2500


def draws(seed):
    rng = np.random.default_rng(seed)
    return lambda below: int(rng.integers(below))


campaigns = given(
    seed=st.integers(0, 10_000),
    overlap=st.booleans(),
    slots=st.integers(1, 7),
    failing=st.sampled_from([0, 3, 20, 90]),
    budget=st.none() | st.integers(1, 14),
    measure=st.sampled_from([None, MEASURE]),
    foundation=st.booleans(),
    teacher=st.sampled_from([None, {"model": "chgnet", "rounds": 2, "frames": 60}]),
)


def drive(seed, overlap, slots, failing, budget, measure, foundation, teacher=None, look=lambda history, wanted: None):
    labels = {"labels": budget} if budget else {}
    history = History(
        **SMALL,
        overlap=overlap,
        budget={**labels, "failed_labels": 6},
        measure=measure,
        foundation=foundation,
        teacher=teacher,
        step_s=1.0,
    )
    for number, wanted in enumerate(driven(history, slots, draws(seed), failing)):
        look(history, wanted)
        assert number < MOST_STEPS, f"the campaign does not end: {history.state.running}"
    return history


@settings(max_examples=25)
@campaigns
def test_a_campaign_ends_with_a_verdict_whatever_fails_and_its_journal_gives_the_same_state(**settings):
    history = drive(**settings)
    assert history.state.verdict is not None
    assert vars(fold(history.entries)) == vars(history.state)


@settings(max_examples=15)
@campaigns
def test_a_plan_never_takes_more_slots_than_are_free_nor_plans_a_purpose_that_exists(**settings):
    def look(history, wanted):
        purposes = [task.purpose for task in wanted]
        assert len(history.state.running) + len(wanted) <= settings["slots"]
        assert len(set(purposes)) == len(purposes)
        assert not set(purposes) & set(history.state.tasks)

    drive(**settings, look=look)


@settings(max_examples=15)
@campaigns
def test_needs_fit_into_the_limit_and_the_budget_is_never_exceeded(**settings):
    def look(history, wanted):
        state, charter = history.state, history.charter
        need, left = training_need(state, charter), labels_left(state, charter)
        assert need >= 0
        assert need == 0 or state.labelled("train") + state.pending("train") + need <= training_limit(state, charter)
        if left is not None:
            assert need + heldout_need(state, charter) <= left
            assert state.labels_spent() <= settings["budget"]

    drive(**settings, look=look)


RETIRES = {
    "seed": 845,
    "overlap": True,
    "slots": 3,
    "failing": 3,
    "budget": None,
    "measure": MEASURE,
    "foundation": True,
    "teacher": {"model": "chgnet", "rounds": 2, "frames": 60},
}


@settings(max_examples=15)
@example(**RETIRES)
@campaigns
def test_what_was_decided_stays_held_out_frames_leave_only_to_be_trained_on_and_rungs_keep_theirs(**settings):
    seen = {"heldout": [], "train": [], "rungs": {}, "retirements": 0}

    def look(history, wanted):
        state = history.state
        heldout = [frame.id for frame in state.labelled_frames("heldout")[: state.heldout_settled()]]
        if state.retirements == seen["retirements"]:
            assert heldout[: len(seen["heldout"])] == seen["heldout"]
        else:
            assert set(seen["heldout"]) <= {*heldout, *state.train_order}
        assert state.train_order[: len(seen["train"])] == seen["train"]
        rungs = {size: rung.frames for size, rung in state.rungs.items()}
        assert seen["rungs"].items() <= rungs.items()
        assert all(len(frames) == size for size, frames in rungs.items())
        seen.update(heldout=heldout, train=list(state.train_order), rungs=rungs, retirements=state.retirements)

    drive(**settings, look=look)


@pytest.mark.parametrize("failing", [0, 30, 100])
def test_a_ladder_of_random_subsets_ends_with_its_answer_whatever_fails(failing):
    history = History(**SMALL, measure=MEASURE, goal="subsets").atoms().labelled(8).fitted().heldout(2)
    order = tuple(history.state.train_order)
    rungs = tuple(SubsetRecord(size=size, frames=order[:size]) for size in (4, 8))
    history.say(SubsetsDrawn(number=0, rungs=rungs, heldout=tuple(history.state.heldout_order), seed=1))
    for number, _ in enumerate(driven(history, 3, draws(1), failing)):
        assert number < MOST_STEPS
    assert history.state.subsets_judged is not None
    assert history.state.labels_spent() == 10


def test_a_campaign_in_which_nothing_fails_climbs_its_ladder():
    history = drive(3, True, 4, 0, None, None, False)
    assert history.state.verdict.verdict in ("converged", "ladder_exhausted")
    assert {event.size for event in history.state.judged} == {4, 8}


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), overlap=st.booleans(), teacher=st.sampled_from([None, "chgnet"]))
def test_compositions_get_equal_shares_of_the_held_out_frames_whatever_their_orderings(seed, overlap, teacher):
    history = History(
        **{**SMALL, "ladder": {"rungs": [8, 16], "fits": 2}, "heldout": {"minimum": 6}},
        systems=dict.fromkeys("ABCD", ROCK_SALT),
        compositions=dict.fromkeys("BCD", "X"),
        initial={"frames": 2},
        overlap=overlap,
        budget={"failed_labels": 6},
        teacher=teacher and {"model": teacher, "rounds": 2, "frames": 60},
        step_s=1.0,
    )
    for number, _ in enumerate(driven(history, 3, draws(seed), 0)):
        assert number < MOST_STEPS, f"the campaign does not end: {history.state.running}"
    assert history.state.verdict is not None
    heldout = [history.state.frames[name].system for name in history.state.heldout_order]
    if len(heldout) >= 6:
        assert abs(2 * heldout.count("A") - len(heldout)) <= 2
    assert {name for name in "ABCD" if f"initial/{name}" in history.state.tasks} == {"A", "B", "C"}
