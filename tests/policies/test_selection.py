import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.baselines import RandomSelection, UniformSelection
from policies.disagreement import DisagreementSelection
from policies.selection import Candidates, Selection, SelectionPolicy, Window

WINDOW = Window(0.05, 1.0)
POLICIES = [DisagreementSelection(), RandomSelection(), UniformSelection()]

disagreements = st.one_of(
    st.floats(0.0, 3.0), st.sampled_from([0.05, 1.0, math.nan, math.inf, -math.inf])
)  # the window's ends and everything a broken model gives
rows = st.tuples(
    st.sampled_from(["w1", "w2", "w3", "w4"]),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["initial", "random", "disagreement", "last_good"]),
    disagreements,
)


def candidates(rows, ids=None):
    """Candidates from (walker, composition, why, disagreement) rows."""
    walker, composition, why, disagreement = zip(*rows, strict=True) if rows else ((), (), (), ())
    ids = tuple(f"f{i:03d}" for i in range(len(rows))) if ids is None else tuple(ids)
    return Candidates(ids, walker, composition, why, np.array(disagreement), np.ones(len(rows)))


def named(pool, selection):
    """The decision by id, without reference to the order of the arrays."""
    chosen = [(pool.ids[c.index], c.rank, c.why) for c in selection.chosen]
    return chosen, {pool.ids[i]: reason for i, reason in selection.rejected.items()}


def chosen_rows(rows, selection):
    return [rows[choice.index] for choice in selection.chosen]


@pytest.mark.parametrize("policy", POLICIES)
@given(rows=st.lists(rows, max_size=40), count=st.integers(0, 12), per_walker=st.integers(1, 5), seed=st.integers(0, 9))
def test_what_must_hold_for_every_pool(policy, rows, count, per_walker, seed):
    pool = candidates(rows)
    selection = policy.select(pool, WINDOW, count, per_walker, seed)
    indices = [choice.index for choice in selection.chosen]
    assert len(indices) <= count
    assert len(set(indices)) == len(indices)
    assert [choice.rank for choice in selection.chosen] == list(range(1, len(indices) + 1))
    assert max(Counter(pool.walker[i] for i in indices).values(), default=0) <= per_walker
    assert not set(indices) & set(selection.rejected)
    assert all(selection.rejected.values()), "every rejection has a countable reason"
    assert sorted([*indices, *selection.rejected, *selection.waiting(len(pool))]) == list(range(len(pool)))


@pytest.mark.parametrize("policy", POLICIES)
@given(rows=st.lists(rows, max_size=30), count=st.integers(0, 8), seed=st.integers(0, 9), order=st.randoms())
def test_the_order_of_the_pool_does_not_matter(policy, rows, count, seed, order):
    pool = candidates(rows)
    shuffled = list(zip(pool.ids, rows, strict=True))
    order.shuffle(shuffled)
    other = candidates([row for _, row in shuffled], [name for name, _ in shuffled])
    first = named(pool, policy.select(pool, WINDOW, count, 2, seed))
    assert first == named(pool, policy.select(pool, WINDOW, count, 2, seed)), "the same question, the same answer"
    assert first == named(other, policy.select(other, WINDOW, count, 2, seed))


@given(rows=st.lists(rows, max_size=40), count=st.integers(1, 12), seed=st.integers(0, 9))
def test_only_numbers_inside_the_window_count_as_disagreement(rows, count, seed):
    selection = DisagreementSelection().select(candidates(rows), WINDOW, count, 3, seed)
    for choice in selection.chosen:
        _, _, why, value = rows[choice.index]
        if choice.why == "disagreement":
            assert 0.05 <= value <= 1.0
        elif choice.why == "last_good":
            assert why == "last_good"
            assert 0.05 <= value < math.inf
        else:
            assert choice.why == "fill"
            assert math.isnan(value) or (why in ("initial", "random") and 0 <= value < 0.05)
            assert why != "disagreement", "a frame wanted for its disagreement needs one"


@given(rows=st.lists(rows, max_size=40), count=st.integers(1, 12), seed=st.integers(0, 9))
def test_chance_only_fills_what_the_window_leaves_open(rows, count, seed):
    selection = DisagreementSelection().select(candidates(rows), WINDOW, count, 40, seed)
    inside = [r for r in rows if math.isfinite(r[3]) and r[3] >= 0.05 and (r[3] <= 1.0 or r[2] == "last_good")]
    drawn = sum(choice.why == "fill" for choice in selection.chosen)
    assert len(selection.chosen) - drawn == min(count, len(inside))


def test_highest_disagreement_first_ties_by_id():
    rows = [("w1", "A", "disagreement", d) for d in (0.3, 0.9, 0.9, 0.1)]
    pool = candidates(rows, ids=["a", "d", "b", "c"])
    selection = DisagreementSelection().select(pool, WINDOW, 3, 9, seed=0)
    assert [pool.ids[c.index] for c in selection.chosen] == ["b", "d", "a"]
    assert selection.waiting(len(pool)) == (3,), "inside the window but not reached: stays a candidate"


def test_a_noisy_composition_does_not_take_everything():
    rows = [("w1", "noisy", "disagreement", 0.9)] * 20 + [("w2", "calm", "disagreement", 0.06)] * 3
    selection = DisagreementSelection().select(candidates(rows), WINDOW, 6, 20, seed=0)
    assert Counter(row[1] for row in chosen_rows(rows, selection)) == {"noisy": 3, "calm": 3}
    scarce = DisagreementSelection().select(candidates(rows[:-2]), WINDOW, 6, 20, seed=0)
    assert Counter(row[1] for row in chosen_rows(rows, scarce)) == {"noisy": 5, "calm": 1}


def test_the_fill_makes_up_for_an_unbalanced_window():
    rows = [("w1", "noisy", "disagreement", 0.9)] * 2
    rows += [("w1", "noisy", "random", math.nan)] * 8 + [("w2", "calm", "random", math.nan)] * 8
    selection = DisagreementSelection().select(candidates(rows), WINDOW, 4, 20, seed=0)
    assert Counter(row[1] for row in chosen_rows(rows, selection)) == {"noisy": 2, "calm": 2}


def test_each_reason_of_rejection():
    rows = [
        ("w1", "A", "disagreement", 0.01),
        ("w1", "A", "random", 0.01),
        ("w1", "A", "disagreement", 1.5),
        ("w1", "A", "random", 1.5),
        ("w1", "A", "disagreement", math.nan),
        ("w1", "A", "random", math.inf),
        ("w1", "A", "random", math.nan),
        ("w2", "A", "disagreement", 0.5),
        ("w2", "A", "disagreement", 0.4),
    ]
    selection = DisagreementSelection().select(candidates(rows), WINDOW, 1, 1, seed=0)
    assert [choice.index for choice in selection.chosen] == [7]
    reasons = ["known", "known", "beyond", "beyond", "nonfinite", "nonfinite", "not_needed"]
    assert selection.rejected == {**dict(enumerate(reasons)), 8: "walker_quota"}


def test_a_wall_is_wanted_above_the_window_and_does_not_outbid_another_wall_by_being_wilder():
    rows = [("w1", "A", "last_good", 5.0), ("w2", "A", "last_good", 50.0), ("w3", "A", "disagreement", 0.99)]
    selection = DisagreementSelection().select(candidates(rows), WINDOW, 3, 1, seed=0)
    assert [(c.index, c.why) for c in selection.chosen] == [(0, "last_good"), (1, "last_good"), (2, "disagreement")]


def test_without_a_committee_the_choice_is_random():
    rows = [(f"w{i % 4}", "A", "random", math.nan) for i in range(20)]
    picks = Counter()
    for seed in range(300):
        selection = DisagreementSelection().select(candidates(rows), WINDOW, 4, 1, seed)
        assert [choice.why for choice in selection.chosen] == ["fill"] * 4
        picks.update(choice.index for choice in selection.chosen)
    assert set(picks) == set(range(20)), "every frame has its chance"
    assert max(picks.values()) < 100, "of 60 expected"


def test_known_frames_offered_blind_are_better_than_no_labels():
    rows = [("w1", "A", "random", 0.01), ("w2", "A", "initial", 0.02), ("w3", "A", "disagreement", 0.03)]
    selection = DisagreementSelection().select(candidates(rows), WINDOW, 3, 1, seed=0)
    assert {(c.index, c.why) for c in selection.chosen} == {(0, "fill"), (1, "fill")}
    assert selection.rejected == {2: "known"}


def test_random_selection_is_blind_to_the_disagreement():
    random.seed(0)
    rows = [(f"w{i % 5}", "AB"[i % 2], "random" if i % 3 else "disagreement", math.nan) for i in range(30)]
    seen = [(w, c, why, random.choice([0.01, 0.5, 9.0, math.inf])) for w, c, why, _ in rows]
    blind, told = (RandomSelection().select(candidates(r), WINDOW, 6, 2, seed=3) for r in (rows, seen))
    assert blind == told
    assert all(rows[choice.index][2] == "random" and choice.why == "random" for choice in blind.chosen)
    assert Counter(row[1] for row in chosen_rows(rows, blind)) == {"A": 3, "B": 3}
    assert {blind.rejected[i] for i in range(0, 30, 3)} == {"not_random"}


def test_random_selection_draws_evenly():
    rows = [(f"w{i}", "A", "random", i / 10) for i in range(10)]
    picks = Counter(
        choice.index
        for seed in range(1000)
        for choice in RandomSelection().select(candidates(rows), WINDOW, 2, 1, seed).chosen
    )
    assert all(150 < picks[i] < 250 for i in range(10)), picks


def test_a_large_pool_is_decided_quickly():
    rows = [(f"w{i % 50}", f"c{i % 9}", "disagreement", (i * 7919 % 1000) / 1000) for i in range(50_000)]
    assert len(DisagreementSelection().select(candidates(rows), WINDOW, 500, 20, seed=0).chosen) == 500


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
