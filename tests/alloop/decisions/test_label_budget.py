"""How many labels the budget and the ladder allow: rungs of 6, 12 and 24, four held-out frames, six for the last."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.decisions.label_budget import (
    heldout_complete,
    heldout_need,
    hours_spent,
    judged_size,
    label_allowance,
    label_order,
    labels_left,
    rung_to_judge,
    training_limit,
    training_need,
)
from tests.support.histories import History


def answer(question, history):
    return question(history.state, history.charter)


# -- the ladder --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judged", "size"),
    [
        ([], 0),
        ([(6, True)], 6),
        ([(6, True), (12, False)], 6),
        ([(12, False), (12, True)], 12),
        ([(12, True), (12, False)], 0),
        ([(24, True), (6, True)], 24),
    ],
)
def test_the_judged_size_is_of_the_largest_rung_whose_last_judgement_is_final(judged, size):
    history = History()
    for one, final in judged:
        history.judged(one, final=final)
    assert judged_size(history.state) == size


@pytest.mark.parametrize(("judged", "rung"), [([], 6), ([6], 12), ([6, 12], 24), ([6, 12, 24], 24)])
def test_the_next_rung_is_the_smallest_that_is_not_judged_and_at_the_end_the_last(judged, rung):
    history = History()
    for one in judged:
        history.judged(one)
    assert answer(rung_to_judge, history) == rung


@pytest.mark.parametrize(
    ("judged", "lookahead", "limit"),
    [(0, 0, 6), (0, 1, 12), (0, 2, 24), (0, 9, 24), (6, 0, 12), (6, 1, 24), (12, 1, 24), (24, 0, 24), (24, 1, 24)],
)
def test_labelling_runs_ahead_of_the_judged_rung_by_as_many_rungs_as_allowed(judged, lookahead, limit):
    history = History(ladder={"lookahead_rungs": lookahead})
    if judged:
        history.judged(judged)
    assert answer(training_limit, history) == limit


# -- training frames ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "pending", "failed", "need"),
    [(0, 0, 0, 12), (5, 0, 0, 7), (5, 3, 0, 4), (5, 3, 2, 4), (12, 0, 0, 0), (10, 4, 0, 0)],
)
def test_labels_and_frames_that_wait_count_towards_the_limit_and_failed_ones_do_not(labelled, pending, failed, need):
    history = History().labelled(labelled).failing(failed).pending(pending)
    assert answer(training_need, history) == need


@pytest.mark.parametrize(("budget", "need"), [(10, 2), (8, 0), (7, 0), (4, 0), (40, 8)])
def test_what_held_out_frames_still_need_of_the_budget_is_not_selected_for_training(budget, need):
    history = History(budget={"labels": budget}).labelled(4)
    assert answer(heldout_need, history) == min(4, budget - 4)
    assert answer(training_need, history) == need


def test_what_a_selection_under_way_may_choose_is_still_needed():
    history = History(budget={"labels": 30}).atoms().labelled(4).fitted()
    before = answer(training_need, history)
    history.asked(6)
    assert answer(training_need, history) == before == 8


# -- the budget --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "pending", "failed", "left"), [(0, 0, 0, 10), (4, 0, 0, 6), (4, 2, 0, 4), (4, 2, 3, 1), (8, 2, 1, 0)]
)
def test_every_label_that_was_ordered_is_off_the_budget_whatever_came_of_it(labelled, pending, failed, left):
    history = History(budget={"labels": 10}).labelled(labelled).failing(failed).pending(pending)
    assert answer(labels_left, history) == left


def test_without_a_limit_there_is_no_number_of_labels_left():
    history = History().labelled(4)
    assert answer(labels_left, history) is None
    assert answer(label_allowance, history) is None


@pytest.mark.parametrize(("hours", "spent"), [(1.9, False), (2.0, True), (2.1, True)])
def test_the_core_hours_are_spent_when_labels_took_as_many_as_the_budget_has(hours, spent):
    history = History(budget={"dft_core_hours": 2.0, "labels": 50}).pending(1)
    history.label(history.state.train_order, cpu_s=3600 * hours)
    assert answer(hours_spent, history) is spent
    assert answer(labels_left, history) == (0 if spent else 49)


def test_without_core_hours_in_the_budget_they_are_never_spent():
    history = History().pending(1)
    history.label(history.state.train_order, cpu_s=1e9)
    assert not answer(hours_spent, history)


def test_spent_core_hours_leave_no_label_even_without_a_number_of_labels():
    history = History(budget={"dft_core_hours": 1.0}).pending(1)
    history.label(history.state.train_order, cpu_s=3600)
    assert answer(labels_left, history) == answer(label_allowance, history) == 0


@pytest.mark.parametrize(("asked", "allowance"), [(0, 6), (4, 2), (6, 0), (8, 0)])
def test_a_selection_under_way_keeps_the_labels_it_was_asked_for(asked, allowance):
    history = History(budget={"labels": 10}).labelled(4).atoms().fitted()
    if asked:
        history.asked(asked)
    assert answer(label_allowance, history) == allowance


# -- held-out frames ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "pending", "judged", "need"),
    [
        (0, 0, [], 4),
        (12, 0, [], 4),
        (12, 12, [], 4),  # no further than labelling may run ahead: the limit is 12
        (12, 0, [6], 4),
        (12, 5, [6], 5),  # a fourth of 17, rounded up
        (12, 12, [6], 6),
        (0, 0, [6, 12], 6),  # the next rung is 24
    ],
)
def test_the_held_out_set_grows_with_the_training_set_and_has_the_share_of_the_next_rung(
    labelled, pending, judged, need
):
    history = History().labelled(labelled).pending(pending)
    for size in judged:
        history.judged(size)
    assert answer(heldout_need, history) == need


@pytest.mark.parametrize(("labelled", "waiting", "need"), [(4, 0, 0), (3, 1, 0), (3, 0, 1), (1, 2, 1), (6, 0, 0)])
def test_drawn_frames_that_wait_for_their_label_are_not_drawn_again(labelled, waiting, need):
    history = History().labelled(6).atoms().fitted().heldout(labelled)
    history.drawn(waiting)
    assert answer(heldout_need, history) == need


def test_a_held_out_frame_whose_label_failed_is_replaced():
    history = History().labelled(6).atoms().fitted().heldout(3)
    history.label(history.drawn(1), reason="scf")
    assert answer(heldout_need, history) == 1


@pytest.mark.parametrize(("budget", "asked", "need"), [(8, 0, 2), (8, 1, 1), (6, 0, 0), (30, 0, 4), (30, 22, 2)])
def test_no_more_is_drawn_than_the_budget_allows_beside_a_selection_under_way(budget, asked, need):
    history = History(budget={"labels": budget}).labelled(6).atoms().fitted()
    if asked:
        history.asked(asked)
    assert answer(heldout_need, history) == need


@pytest.mark.parametrize(
    ("labelled", "heldout", "order"),
    [
        (5, 0, ("train", "heldout")),
        (6, 0, ("heldout", "train")),
        (6, 3, ("heldout", "train")),
        (6, 4, ("train", "heldout")),
    ],
)
def test_held_out_frames_are_labelled_first_only_while_a_full_rung_waits_for_them(labelled, heldout, order):
    history = History().labelled(labelled).atoms().fitted().heldout(heldout)
    assert answer(label_order, history) == order


# -- whether the held-out set is complete ------------------------------------------------------------------------


@pytest.mark.parametrize(("heldout", "complete"), [(0, None), (3, None), (4, 4), (5, 4), (6, 4)])
def test_a_rung_is_judged_on_the_first_held_out_frames_and_not_on_more_than_its_share(heldout, complete):
    history = History().labelled(6).atoms().fitted().heldout(heldout)
    assert answer(heldout_complete, history) == complete


def test_a_held_out_frame_whose_label_is_late_keeps_those_after_it_from_counting():
    history = History().labelled(6).atoms().fitted().heldout(2)
    late, *rest = history.drawn(3)
    history.label(rest)
    assert answer(heldout_complete, history) is None
    history.label([late])
    assert answer(heldout_complete, history) == 4


@pytest.mark.parametrize(("heldout", "complete"), [(0, None), (1, None), (2, 2), (3, 3)])
def test_a_set_that_cannot_grow_for_want_of_budget_is_complete_with_two_frames_or_more(heldout, complete):
    history = History(budget={"labels": 6 + heldout}).labelled(6).atoms().fitted().heldout(heldout)
    assert answer(heldout_complete, history) == complete


def test_a_set_short_of_budget_waits_for_the_frames_that_were_drawn():
    history = History(budget={"labels": 9}).labelled(6).atoms().fitted().heldout(2)
    (last,) = history.drawn(1)
    assert answer(heldout_complete, history) is None
    history.label([last], reason="scf")
    assert answer(heldout_complete, history) == 2


def test_a_set_short_of_budget_waits_for_a_selection_that_may_leave_labels_until_it_fails():
    history = History(budget={"labels": 14}).labelled(6).atoms().fitted().heldout(2)
    purpose = history.asked(6)
    assert answer(heldout_need, history) == 0
    assert answer(heldout_complete, history) is None
    history.end(purpose, reason="error")
    assert answer(heldout_complete, history) == 2


def test_without_core_hours_the_set_waits_for_labels_that_were_begun_and_for_no_others():
    history = History(budget={"dft_core_hours": 1.0}).labelled(6).atoms().fitted()
    first, second, begun, never = history.drawn(4)
    history.label([first, second], cpu_s=1800)
    history.begin(f"label/{begun}", {"frame": begun})
    assert answer(heldout_complete, history) is None
    history.label([begun])
    assert answer(heldout_complete, history) == 3
    assert never in history.state.to_label["heldout"]


# -- whatever happens --------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    budget=st.none() | st.integers(1, 30),
    lookahead=st.integers(0, 3),
    events=st.lists(
        st.tuples(st.sampled_from(["labelled", "pending", "failing", "heldout", "drawn"]), st.integers(0, 5))
    ),
    judged=st.sampled_from([0, 6, 12, 24]),
)
def test_needs_fit_into_the_limit_and_the_budget(budget, lookahead, events, judged):
    history = History(budget={"labels": budget} if budget else {}, ladder={"lookahead_rungs": lookahead})
    for what, count in events:
        getattr(history, what)(count)
    if judged:
        history.judged(judged)
    need, heldout, left = answer(training_need, history), answer(heldout_need, history), answer(labels_left, history)
    assert need >= 0
    assert heldout >= 0
    existing = history.state.labelled("train") + history.state.pending("train")
    assert need == 0 or existing + need <= answer(training_limit, history)
    if left is not None:
        assert need + heldout <= left
