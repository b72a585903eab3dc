"""Random nested subsets: random, nested, and each in the proportions of the whole."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.decisions.random_subsets import SubsetError, draw, stratified_order


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


def frames(count, use):
    return [SimpleNamespace(id=f"{use}{i}", walker=f"w{i % 3}") for i in range(count)]


def drawn(train, heldout, rungs=(10, 20, 40)):
    uses = {"train": frames(train, "train"), "heldout": frames(heldout, "heldout")}
    state = SimpleNamespace(drawn=None, labelled_frames=lambda use: uses[use])
    config = SimpleNamespace(ladder=SimpleNamespace(rungs=rungs), heldout=SimpleNamespace(fraction=0.25, minimum=4))
    charter = SimpleNamespace(config=config, seed=lambda purpose: 5)
    names = [frame.id for use in uses.values() for frame in use]
    return draw(state, charter, dict.fromkeys(names, "A"))


def test_subsets_are_nested_and_judged_on_the_held_out_frames():
    ladder = drawn(45, 8)
    assert [record.size for record in ladder.rungs] == [10, 20, 40]
    for small, large in zip(ladder.rungs, ladder.rungs[1:], strict=False):
        assert set(small.frames) < set(large.frames)
    assert set(ladder.heldout) == {f"heldout{i}" for i in range(8)}
    assert list(ladder.rungs[-1].frames) != [f"train{i}" for i in range(40)]


def test_without_held_out_frames_some_labels_are_set_aside_for_judging():
    ladder = drawn(50, 0)
    assert len(ladder.heldout) == 10
    assert not set(ladder.heldout) & set(ladder.rungs[-1].frames)


def test_too_few_labels_for_two_rungs_are_refused_in_one_line():
    with pytest.raises(SubsetError, match=r"12 training labels do not fill two rungs.*ladder\.rungs"):
        drawn(12, 8)
