import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.baselines import RandomSelection, UniformSelection
from policies.selection.contract import Candidates, Selection, SelectionPolicy, Window
from policies.selection.disagreement import DisagreementSelection
from tests.support.candidates import WINDOW, candidates, described, rows, told

POLICIES = [DisagreementSelection(), DisagreementSelection(1.0, 1.0, 0.5), RandomSelection(), UniformSelection()]
pools = st.one_of(
    st.lists(rows, max_size=40).map(candidates), st.builds(described, st.lists(rows, max_size=40), st.integers(0, 999))
)


def named(pool, selection):
    """The decision by id, without reference to the order of the arrays."""
    chosen = [(pool.ids[c.index], c.rank, c.why, round(c.probability, 9)) for c in selection.chosen]
    return chosen, {pool.ids[i]: reason for i, reason in selection.rejected.items()}


@pytest.mark.parametrize("policy", POLICIES)
@given(pool=pools, count=st.integers(0, 12), per_walker=st.integers(1, 5), seed=st.integers(0, 9))
def test_what_must_hold_for_every_pool(policy, pool, count, per_walker, seed):
    selection = policy.select(pool, WINDOW, count, per_walker, seed)
    indices = [choice.index for choice in selection.chosen]
    assert len(indices) <= count
    assert len(set(indices)) == len(indices)
    assert [choice.rank for choice in selection.chosen] == list(range(1, len(indices) + 1))
    assert all(0 < choice.probability <= 1 for choice in selection.chosen)
    assert max(Counter(pool.walker[i] for i in indices).values(), default=0) <= per_walker
    assert not set(indices) & set(selection.rejected)
    assert all(selection.rejected.values()), "every rejection has a countable reason"
    assert sorted([*indices, *selection.rejected, *selection.waiting(len(pool))]) == list(range(len(pool)))


@pytest.mark.parametrize("policy", POLICIES)
@given(pool=pools, count=st.integers(0, 8), seed=st.integers(0, 9), order=st.randoms())
def test_the_order_of_the_pool_does_not_matter(policy, pool, count, seed, order):
    places = list(range(len(pool)))
    order.shuffle(places)
    other = pool.take(places)
    first = named(pool, policy.select(pool, WINDOW, count, 2, seed))
    assert first == named(pool, policy.select(pool, WINDOW, count, 2, seed)), "the same question, the same answer"
    assert first == named(other, policy.select(other, WINDOW, count, 2, seed))


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_asked_nothing_decided(policy):
    assert isinstance(policy, SelectionPolicy)
    rows = [("w1", "A", "random", 0.5)]
    assert policy.select(candidates(rows), WINDOW, 0, 1, seed=0) == Selection()
    assert policy.select(candidates([]), WINDOW, 3, 1, seed=0) == Selection()
    with pytest.raises(ValueError, match="per_walker >= 1"):
        policy.select(candidates(rows), WINDOW, 1, 0, seed=0)


@pytest.mark.parametrize(("lower", "upper"), [(1.0, 0.5), (0.5, 0.5), (-0.1, 1.0), (math.nan, 1.0), (0.0, math.nan)])
def test_a_window_must_be_one(lower, upper):
    with pytest.raises(ValueError, match="lower < upper"):
        Window(lower, upper)


def test_candidates_must_fit_together():
    with pytest.raises(ValueError, match="2 entries"):
        Candidates(("a", "b"), ("w",), ("A", "A"), ("random",) * 2, np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="twice"):
        candidates([("w", "A", "random", 0.1)] * 2, ids=["a", "a"])


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"expected_error_eV_per_A": {"Li": [0.1, 0.2], "S": [0.1]}}, "2 entries"),
        ({"novelty": [0.1]}, "2 entries"),
        ({"quiet": [1, 2, 3]}, "2 entries"),
        ({"quiet": [1, -1]}, "quiet must not be negative"),
        ({"separation": [[0.0, 1.0]]}, r"shape \(2, 2\), got \(1, 2\)"),
        ({"separation": [[0.0, 1.0], [1.0, 0.5]]}, "from itself must be 0"),
    ],
)
def test_what_is_told_of_candidates_must_fit_them(more, complaint):
    with pytest.raises(ValueError, match=complaint):
        told(candidates([("w", "A", "random", 0.1)] * 2), **more)


def test_what_is_told_of_candidates_stays_as_it_is():
    mine = np.array([0.1, 0.2])
    pool = told(
        candidates([("w", "A", "random", 0.1)] * 2),
        {"Li": mine},
        novelty=mine,
        separation=np.zeros((2, 2)),
        quiet=[0, 1],
    )
    mine[0] = 9
    assert pool.expected_error_eV_per_A["Li"][0] == pool.novelty[0] == 0.1
    for values in (pool.expected_error_eV_per_A["Li"], pool.novelty, pool.separation, pool.quiet):
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0
