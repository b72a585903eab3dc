"""Random nested subsets: random, nested, and each in the proportions of the whole."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.decisions.random_subsets import SubsetError, draw, stratified_order
from tests.support.histories import History


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.data())
def test_every_beginning_holds_the_strata_in_their_proportions(counts, seed, data):
    strata = [f"s{k}" for k, count in enumerate(counts) for _ in range(count)]
    names = [f"n{i}" for i in range(len(strata))]
    order = stratified_order(names, strata, np.random.default_rng(seed))
    assert sorted(order) == sorted(names)
    size = data.draw(st.integers(0, len(names)))
    of = dict(zip(names, strata, strict=True))
    held = Counter(of[name] for name in order[:size])
    for k, count in enumerate(counts):
        assert abs(held[f"s{k}"] - size * count / len(names)) < len(counts) + 1


def test_orders_differ_by_seed_and_are_the_same_for_one():
    names, strata = [str(i) for i in range(30)], ["a"] * 30
    orders = [stratified_order(names, strata, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def labelled(train, heldout, **settings):
    """A campaign with some labels and a ladder of 10, 20 and 40."""
    ladder = {"rungs": [10, 20, 40]}
    history = History(ladder=ladder, heldout={"fraction": 0.25, "minimum": 4}, **settings).atoms()
    return history.labelled(train).fitted().heldout(heldout)


def drawn(history, compositions="A"):
    frames = history.state.frames
    return draw(history.state, history.charter, dict(zip(frames, itertools.cycle(compositions), strict=False)))


def test_subsets_are_nested_and_judged_on_the_held_out_frames():
    history = labelled(45, 8)
    ladder = drawn(history)
    assert [record.size for record in ladder.rungs] == [10, 20, 40]
    for small, large in itertools.pairwise(ladder.rungs):
        assert small.frames == large.frames[: small.size]
    assert list(ladder.heldout) == history.state.heldout_order
    assert list(ladder.rungs[-1].frames) != history.state.train_order[:40]


def test_subsets_hold_labelled_training_frames_only():
    history = labelled(25, 4).failing(3).pending(2)
    frames = {frame.id for frame in history.state.labelled_frames("train")}
    assert set(drawn(history).rungs[-1].frames) <= frames


def test_every_subset_has_the_compositions_in_the_proportions_of_the_whole_set():
    history = labelled(40, 4)
    names = history.state.train_order
    of = dict.fromkeys(history.state.frames, "A") | dict.fromkeys(names[:10], "B")
    for record in draw(history.state, history.charter, of).rungs:
        assert abs(sum(of[name] == "B" for name in record.frames) - record.size / 4) <= 1


@pytest.mark.parametrize(("heldout", "train"), [(0, 50), (1, 50)])
def test_without_held_out_frames_some_labels_are_set_aside_for_judging(heldout, train):
    ladder = drawn(labelled(train, heldout))
    assert len(ladder.heldout) == 10
    assert not set(ladder.heldout) & set(ladder.rungs[-1].frames)
    assert {name.partition("/")[0] for name in ladder.heldout} == {"A.initial"}


def test_at_least_the_minimum_and_at_most_half_of_the_labels_are_set_aside():
    small = History(ladder={"rungs": [2, 4]}, heldout={"fraction": 0.05, "minimum": 6}).labelled(20)
    assert len(drawn(small).heldout) == 6
    tiny = History(ladder={"rungs": [2, 4]}, heldout={"fraction": 0.05, "minimum": 6}).labelled(9)
    assert len(drawn(tiny).heldout) == 4


def test_every_ladder_of_a_campaign_is_drawn_anew_and_the_same_when_it_is_asked_again():
    history = labelled(45, 8)
    first = drawn(history)
    assert drawn(history) == first
    second = drawn(history.say(first))
    assert (first.number, second.number) == (0, 1)
    assert second.rungs[0].frames != first.rungs[0].frames
    assert second.seed == history.charter.seed("subsets/1")


@pytest.mark.parametrize(("train", "sizes"), [(20, [10, 20]), (39, [10, 20]), (40, [10, 20, 40])])
def test_rungs_beyond_the_set_are_left_out(train, sizes):
    assert [record.size for record in drawn(labelled(train, 8)).rungs] == sizes


def test_too_few_labels_for_two_rungs_are_refused_in_one_line():
    with pytest.raises(SubsetError, match=r"19 training labels do not fill two rungs.*\(10, 20, 40\).*ladder\.rungs"):
        drawn(labelled(19, 8))
