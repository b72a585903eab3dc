"""Events of frames: offered, selected, drawn, labelled."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.journal.events import FramesSelected, LabelsImported
from tests.support.histories import HELDOUT_WALKERS, WALKERS, History


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


def frame(history, name):
    return history.state.frames[name]


# -- offered -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("walker", "why", "pool"),
    [
        (WALKERS[0], "random", "pool"),
        (WALKERS[0], "disagreement", "pool"),
        (WALKERS[0], "last_good", "pool"),
        (HELDOUT_WALKERS[0], "random", "pool_heldout"),
        (HELDOUT_WALKERS[0], "last_good", None),
    ],
)
def test_an_offered_frame_goes_to_the_pool_of_its_use(walker, why, pool):
    history = with_committee()
    (name,) = history.offer(walker, why)
    pools = ("pool", "pool_heldout", "pool_initial")
    assert [one for one in pools if name in getattr(history.state, one)] == ([pool] if pool else [])
    assert frame(history, name).status == "offered"


def test_rattled_copies_go_to_a_pool_of_their_own():
    history = History()
    names = history.rattled(2)
    assert list(history.state.pool_initial) == names
    assert history.state.pool == {}


def test_a_frame_knows_its_walker_segment_generation_and_where_its_structure_is():
    history = with_committee()
    history.offer(WALKERS[0], "random")
    _, second = history.offer(WALKERS[0], "random", "disagreement")
    task = history.state.tasks[f"explore/{WALKERS[0]}/1"]
    one = frame(history, second)
    assert second == f"{WALKERS[0]}/1/1"
    assert (one.system, one.walker, one.segment, one.generation) == ("A", WALKERS[0], 1, 0)
    assert str(one.source) == f"explore/{task.key}#1"
    assert (one.offer.why, one.use, one.rank, one.label) == ("disagreement", None, None, None)


@pytest.mark.parametrize(
    ("walker", "pool", "offered"), [(WALKERS[0], "pool", True), (HELDOUT_WALKERS[0], "pool_heldout", False)]
)
def test_a_frame_whose_label_was_imported_may_be_trained_on_and_is_never_held_out(walker, pool, offered):
    twin = with_committee()
    (name,) = twin.offer(walker, "random")
    structure = frame(twin, name).offer.structure_sha256
    history = with_committee()
    history.say(LabelsImported(reference="same", source="file", keys=("a",), structures=(structure,)))
    history.offer(walker, "random")
    assert (name in getattr(history.state, pool)) is offered


# -- selected ----------------------------------------------------------------------------------------------------


def test_a_chosen_frame_waits_for_its_label_with_its_rank_its_reason_and_its_probability():
    history = with_committee()
    names = history.offer(WALKERS[0], "random", "random")
    purpose = history.asked()
    history.end(purpose)
    chosen = ({"id": names[1], "rank": 1, "why": "probe", "probability": 0.25},)
    history.say(FramesSelected(generation=0, policy="disagreement", seed=1, chosen=chosen))
    one = frame(history, names[1])
    assert (one.status, one.use, one.rank, one.reason, one.probability) == ("selected", "train", 1, "probe", 0.25)
    assert one.selection == history.state.tasks[purpose].key
    assert history.state.train_order[-1] == names[1]
    assert list(history.state.to_label["train"]) == [names[1]]
    assert list(history.state.pool) == [names[0]]
    assert history.state.pending("train") == 1


def test_a_rejected_frame_leaves_the_pool_for_good_and_its_reason_is_counted():
    history = with_committee()
    names = history.offer(WALKERS[0], "random", "random")
    history.selected(names[:1], rejected={names[1]: "known"})
    assert (frame(history, names[1]).status, frame(history, names[1]).reason) == ("rejected", "known")
    assert history.state.pool == {}
    assert history.state.rejections["known"] == 1
    assert history.state.candidates(0) == 0


def test_rattled_copies_are_of_no_selection_and_count_neither_as_probes_nor_as_chosen_from_a_walker():
    history = History().pending(2)
    name = history.state.train_order[0]
    assert (frame(history, name).selection, frame(history, name).reason) == (None, "initial")
    assert history.state.probes == 0
    assert history.state.walkers["A.initial"].last_chosen == -1


@pytest.mark.parametrize(("why", "probes"), [("probe", 1), ("random", 1), ("disagreement", 0)])
def test_frames_chosen_at_random_are_counted_as_probes(why, probes):
    assert with_committee().pending(1, why=why).state.probes == probes


def test_a_walker_remembers_the_newest_segment_of_which_a_frame_was_chosen():
    history = with_committee()
    first, second = history.offer(WALKERS[0], "random"), history.offer(WALKERS[0], "random")
    history.selected(second).selected(first)
    assert history.state.walkers[WALKERS[0]].last_chosen == 1


def test_selections_are_counted_and_an_empty_one_leaves_the_walkers_stalled():
    history = with_committee()
    history.offer(WALKERS[0], "random")
    assert (history.state.selections, history.state.stalled_segments) == (1, 1)
    history.selected([])
    assert (history.state.selections, history.state.stalled_segments, history.state.last_chosen) == (2, 1, 0)
    history.selected(list(history.state.pool))
    assert (history.state.selections, history.state.stalled_segments, history.state.last_chosen) == (3, 0, 1)


# -- asked for ---------------------------------------------------------------------------------------------------


def test_a_selection_is_asked_about_all_segments_since_the_last_one_was_asked_for_by_walker_and_number():
    history = with_committee()
    for walker in (WALKERS[1], WALKERS[0], WALKERS[1]):
        history.offer(walker, "random")
    history.asked(count=2)
    asked = history.state.asked
    assert [(one.walker, one.segment) for one in asked.segments] == [(WALKERS[1], 0), (WALKERS[1], 1), (WALKERS[0], 0)]
    assert (asked.before, asked.event.count) == (None, 2)
    assert (history.state.news, history.state.segments_since_selection) == ([], 0)


def test_segments_that_end_while_a_selection_is_made_are_for_the_next_one():
    history = with_committee()
    first = history.offer(WALKERS[0], "random")
    history.asked()
    history.offer(WALKERS[1], "random")
    assert history.state.segments_since_selection == 1
    history.selected(first)
    history.asked()
    assert [one.walker for one in history.state.asked.segments] == [WALKERS[1]]
    assert history.state.asked.before == history.state.tasks["select/1"].key


def test_what_a_selection_left_over_are_candidates_for_the_next_one():
    history = with_committee()
    first, second, third = history.offer(WALKERS[0], "random", "random", "random")
    history.asked()
    assert history.state.candidates(0) == 0
    history.selected([first], rejected={second: "known"})
    assert list(history.state.pool) == [third]
    assert history.state.candidates(0) == 1


# -- drawn -------------------------------------------------------------------------------------------------------


def test_a_drawn_frame_is_held_out_and_waits_for_its_label():
    history = with_committee()
    (name,) = history.drawn(1)
    one = frame(history, name)
    assert (one.status, one.use, one.reason) == ("heldout", "heldout", "heldout")
    assert history.state.heldout_order == [name]
    assert history.state.pool_heldout == {}
    assert list(history.state.to_label["heldout"]) == [name]
    assert (history.state.pending("heldout"), history.state.pending("train")) == (1, 0)


# -- labelled ----------------------------------------------------------------------------------------------------


def test_a_label_is_the_key_of_its_task_and_the_frame_waits_no_more():
    history = History().pending(2)
    first, second = history.state.train_order
    history.label([first])
    assert (frame(history, first).status, frame(history, first).label) == (
        "labelled",
        history.state.tasks[f"label/{first}"].key,
    )
    assert frame(history, second).status == "selected"
    assert (history.state.labelled("train"), history.state.pending("train")) == (1, 1)


def test_a_label_that_failed_is_counted_by_its_reason_and_stays_spent():
    history = History().pending(1)
    history.label(history.state.train_order, reason="scf")
    name = history.state.train_order[0]
    assert (frame(history, name).status, frame(history, name).reason) == ("failed", "scf")
    assert dict(history.state.failures) == {"scf": 1}
    assert (history.state.labelled("train"), history.state.pending("train")) == (0, 0)
    assert history.state.labels_spent() == 1


def test_held_out_frames_settle_in_the_order_they_were_drawn():
    history = with_committee()
    first, second, third, fourth = history.drawn(4)
    settled = []
    for name, outcome in ((second, {}), (first, {}), (fourth, {}), (third, {"reason": "scf"})):
        history.label([name], **outcome)
        settled.append(history.state.heldout_settled())
    assert settled == [0, 2, 2, 3]


# -- whatever happens --------------------------------------------------------------------------------------------

STEPS = ("labelled", "pending", "failing", "heldout", "drawn", "rest")


@settings(max_examples=30)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["labelled", "pending", "failing", "heldout", "drawn", "rest"]), st.integers(0, 4))
    )
)
def test_counts_are_what_a_look_at_every_frame_would_count(steps):
    history = History()
    for what, count in steps:
        if what == "rest":
            history.label([name for use in ("train", "heldout") for name in history.state.to_label[use]])
        else:
            getattr(history, what)(count)
    state, frames = history.state, list(history.state.frames.values())
    for use, waiting in (("train", "selected"), ("heldout", "heldout")):
        assert state.pending(use) == sum(one.status == waiting and one.use == use for one in frames)
        assert state.labelled(use) == sum(one.status == "labelled" and one.use == use for one in frames)
        assert len(state.labelled_frames(use)) == state.labelled(use)
        assert set(state.to_label[use]) == {one.id for one in frames if one.status == waiting and one.use == use}
    assert state.labels_spent() == len(state.train_order) + len(state.heldout_order)
    assert sum(state.failures.values()) == sum(one.status == "failed" for one in frames)


@settings(max_examples=30)
@given(outcomes=st.lists(st.sampled_from(["ok", "scf"]), min_size=1, max_size=6), data=st.data())
def test_what_is_settled_of_the_held_out_set_never_shrinks_and_stays_the_same_frames(outcomes, data):
    history = with_committee()
    names = history.drawn(len(outcomes))
    before = []
    for place in data.draw(st.permutations(range(len(names)))):
        history.label([names[place]], **({} if outcomes[place] == "ok" else {"reason": "scf"}))
        settled = [one.id for one in history.state.labelled_frames("heldout")[: history.state.heldout_settled()]]
        assert settled[: len(before)] == before
        before = settled
    assert len(before) == outcomes.count("ok")
