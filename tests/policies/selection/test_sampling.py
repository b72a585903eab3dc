from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.contract import Candidates
from policies.selection.sampling import draw_evenly, shares, systematic

parts = st.lists(st.tuples(st.integers(1, 9), st.floats(0.1, 10), st.integers(0, 9)), min_size=1, max_size=20)


def candidates(rows):
    """Candidates from (walker, composition) rows, offered blind."""
    walker, composition = zip(*rows, strict=True) if rows else ((), ())
    n = len(rows)
    ids = tuple(f"f{i:03d}" for i in range(n))
    return Candidates(ids, walker, composition, ("random",) * n, np.full(n, np.nan), np.ones(n))


@given(parts=parts, total=st.floats(0, 60))
def test_shares_fill_their_caps_from_one_common_level(parts, total):
    caps, rates, start = (np.array(column, dtype=float) for column in zip(*parts, strict=True))
    found = shares(total, caps, rates, start)
    assert found.sum() == pytest.approx(min(total, caps.sum()), abs=1e-6)
    assert (found >= 0).all()
    assert (found <= caps).all()
    reached = start + found / rates
    growing = found[(found < caps) & (found > 0)]
    level = reached[(found < caps) & (found > 0)]
    if len(growing):
        np.testing.assert_allclose(level, level[0], rtol=1e-6)
        assert (reached[found == caps] <= level[0] + 1e-6).all()
        assert (start[found == 0] >= level[0] - 1e-6).all()


@given(weights=st.lists(st.integers(1, 50), min_size=1, max_size=30), count=st.integers(0, 30), seed=st.integers(0, 99))
def test_systematic_draws_what_was_asked_and_nothing_twice(weights, count, seed):
    probabilities = shares(count, np.ones(len(weights)), rates=weights)
    drawn = systematic(probabilities, np.random.default_rng(seed))
    assert len(drawn) == len(set(drawn)) == min(count, len(weights))
    assert all(probabilities[place] > 0 for place in drawn)
    assert set(np.flatnonzero(probabilities >= 1)) <= set(drawn)


def test_systematic_draws_with_the_probabilities_it_was_given():
    probabilities = np.array([0.9, 0.05, 0.3, 0.75, 1.0])
    counts = np.zeros(5)
    rng = np.random.default_rng(0)
    for _ in range(4000):
        counts[systematic(probabilities, rng)] += 1
    np.testing.assert_allclose(counts / 4000, probabilities, atol=0.03)


walkers = st.tuples(st.sampled_from("abcdef"), st.sampled_from("AB"))


@given(rows=st.lists(walkers, max_size=30), count=st.integers(0, 12), cap=st.integers(1, 4), seed=st.integers(0, 9))
def test_an_even_draw_keeps_caps_and_takes_all_it_can(rows, count, cap, seed):
    rows = [(f"{walker}{composition}", composition) for walker, composition in rows]
    pool = candidates(rows)
    drawn = draw_evenly(pool, range(len(rows)), count, cap, np.random.default_rng(seed))
    places = [index for index, _ in drawn]
    of_walker = Counter(rows[index][0] for index in places)
    possible = sum(min(cap, n) for n in Counter(walker for walker, _ in rows).values())
    assert len(places) == len(set(places)) == min(count, possible)
    assert max(of_walker.values(), default=0) <= cap
    assert all(0 < probability <= 1 for _, probability in drawn)


def test_the_probabilities_of_an_even_draw_are_those_with_which_frames_are_drawn():
    rows = [("a", "A")] * 6 + [("b", "A")] * 2 + [("c", "A")] + [("d", "B")] * 3
    pool, already = candidates(rows), [8]
    counts, told = np.zeros(len(rows)), np.zeros(len(rows))
    for seed in range(1200):
        for index, probability in draw_evenly(
            pool, [*range(8), *range(9, 12)], 4, 2, np.random.default_rng(seed), already
        ):
            counts[index] += 1
            assert told[index] in (0.0, probability), "the same whatever is drawn"
            told[index] = probability
    np.testing.assert_allclose(counts / 1200, told, atol=0.06)
    assert told[9:12].sum() == pytest.approx(2.0), "a walker gives two frames at most"
    assert told[:8].sum() == pytest.approx(2.0)


def test_a_draw_takes_the_compositions_in_turn():
    rows = [(f"w{i}", "A" if i < 10 else "B") for i in range(20)]
    pool = candidates(rows)
    for seed in range(5):
        order = [rows[index][1] for index, _ in draw_evenly(pool, range(20), 6, 1, np.random.default_rng(seed))]
        assert [set(order[pair : pair + 2]) for pair in (0, 2, 4)] == [{"A", "B"}] * 3
