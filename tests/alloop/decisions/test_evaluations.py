"""Which models are evaluated on which held-out frames."""

import pytest

from alloop.decisions.evaluations import (
    evaluations_wanted,
    fitted_rungs,
    fitted_subsets,
    ladder_rungs,
    subsets_heldout,
)
from alloop.journal.events import SubsetRecord, SubsetsDrawn
from tests.support.histories import History


def wanted(history):
    return [(name, heldout) for name, _, heldout in evaluations_wanted(history.state, history.charter)]


def sizes(rungs):
    return [rung.size for rung in rungs]


def two_rungs(heldout=4, **settings):
    return History(**settings).atoms().labelled(12).fitted(rung=6).fitted(rung=12).heldout(heldout)


def drawn(history, number=0, sizes=(6, 12)):
    order = history.state.train_order
    rungs = tuple(SubsetRecord(size=size, frames=tuple(order[:size])) for size in sizes)
    return history.say(SubsetsDrawn(number=number, rungs=rungs, heldout=tuple(history.state.heldout_order), seed=1))


def test_a_rung_is_fitted_when_all_its_fits_are_done():
    history = History().atoms().labelled(12).fitted(rung=6).opened(rung=12)
    history.member(1, 0)
    assert sizes(fitted_rungs(history.state, history.charter)) == [6]
    history.rung_fits(12)
    assert sizes(fitted_rungs(history.state, history.charter)) == [6, 12]


def test_fitted_rungs_are_sorted_by_size_whatever_was_opened_first():
    history = History().atoms().labelled(12).fitted(rung=12).fitted(rung=6)
    assert sizes(fitted_rungs(history.state, history.charter)) == [6, 12]


def test_fitted_subsets_are_sorted_by_size_whatever_was_fitted_first():
    history = drawn(two_rungs(), sizes=(12, 6)).rung_fits(12, subset=True).rung_fits(6, subset=True)
    assert sizes(fitted_subsets(history.state, history.charter)) == [6, 12]


def test_the_foundation_is_in_the_table_before_the_rungs():
    history = History(foundation=True).atoms().labelled(6).fitted(rung=6)
    assert sizes(ladder_rungs(history.state, history.charter)) == [0, 6]
    assert sizes(fitted_rungs(history.state, history.charter)) == [6]
    assert sizes(ladder_rungs(two_rungs().state, two_rungs().charter)) == [6, 12]


@pytest.mark.parametrize(("heldout", "names"), [(3, []), (4, ["r6/f0", "r6/f1", "r12/f0", "r12/f1"])])
def test_every_fit_of_every_rung_is_evaluated_once_the_held_out_set_is_complete(heldout, names):
    assert wanted(two_rungs(heldout)) == [(name, 4) for name in names]


def test_what_is_evaluated_is_not_wanted_again():
    history = two_rungs().evaluated(6, 4)
    assert wanted(history) == [("r12/f0", 4), ("r12/f1", 4)]
    assert wanted(history.evaluated(12, 4)) == []


def test_an_evaluation_that_failed_is_still_wanted():
    history = two_rungs()
    model = history.state.rungs[6].models[0]
    history.do("evaluate/r6/f0/h4", {"model": model, "heldout": 4, "of": "r6/f0"}, reason="error")
    assert ("r6/f0", 4) in wanted(history)


def test_a_larger_held_out_set_evaluates_the_earlier_rungs_again():
    history = two_rungs().evaluated(6, 4).evaluated(12, 4).judged(6).judged(12).labelled(12).fitted(rung=24).heldout(2)
    assert wanted(history) == [(f"r{size}/f{fit}", 6) for size in (6, 12, 24) for fit in (0, 1)]


def test_the_leader_of_a_refit_between_rungs_is_evaluated_too_and_the_leader_of_a_rung_only_once():
    history = History(ladder={"rungs": [6, 24]}).atoms().labelled(6).fitted(rung=6).labelled(6).opened().heldout(4)
    assert wanted(history) == [("r6/f0", 4), ("r6/f1", 4)]
    history.member(1, 1)
    assert ("g1", 4) not in wanted(history)
    history.member(1, 0)
    assert wanted(history) == [("r6/f0", 4), ("r6/f1", 4), ("g1", 4)]


def test_a_foundation_is_evaluated_as_a_rung_and_not_as_a_leader_as_well():
    history = History(foundation=True).atoms().labelled(6).heldout(4)
    assert wanted(history) == [("r0/f0", 4)]


def test_random_subsets_are_evaluated_on_the_frames_drawn_for_them_and_nothing_else_is():
    history = drawn(two_rungs())
    assert wanted(history) == []
    history.rung_fits(6, subset=True)
    assert sizes(fitted_subsets(history.state, history.charter)) == [6]
    assert wanted(history) == [("s6/f0", -1), ("s6/f1", -1)]
    history.evaluated("s6", -1, frames=4)
    assert wanted(history) == []


def test_held_out_frames_of_each_ladder_of_random_subsets_are_told_apart():
    history = drawn(two_rungs())
    assert subsets_heldout(history.state) == -1
    drawn(history, number=1)
    assert subsets_heldout(history.state) == -2
    history.rung_fits(6, subset=True)
    assert wanted(history) == [("s6.1/f0", -2), ("s6.1/f1", -2)]
