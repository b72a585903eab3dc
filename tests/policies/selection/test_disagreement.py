import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.contract import Window
from policies.selection.disagreement import DisagreementSelection, scores
from tests.support.candidates import WINDOW, candidates, described, rows, told


def chosen_rows(rows, selection):
    return [rows[choice.index] for choice in selection.chosen]


def offered(count, why="disagreement", error=0.5):
    """Frames that differ in their walkers alone."""
    return [(f"w{i}", "A", why, error) for i in range(count)]


def ids(pool, selection):
    return [pool.ids[choice.index] for choice in selection.chosen]


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


def test_a_large_pool_is_decided_quickly():
    rows = [(f"w{i % 50}", f"c{i % 9}", "disagreement", (i * 7919 % 1000) / 1000) for i in range(50_000)]
    assert len(DisagreementSelection().select(candidates(rows), WINDOW, 500, 20, seed=0).chosen) == 500


def test_a_hopping_ion_is_neither_hidden_by_a_quiet_framework_nor_outvoted_by_a_loud_one():
    usual = {"Li": [0.10, 0.11, 0.10, 0.12, 0.30], "S": [0.60, 0.66, 0.60, 0.63, 0.60]}
    pool = told(candidates(offered(5)), usual)
    assert DisagreementSelection().select(pool, WINDOW, 1, 1, seed=0).chosen[0].index == 4
    quiet = told(candidates(offered(5)), {"Li": usual["Li"], "S": [0.01, 0.01, 0.01, 0.01, 0.01]})
    assert DisagreementSelection().select(quiet, WINDOW, 1, 1, seed=0).chosen[0].index == 4
    np.testing.assert_allclose(scores(pool, np.ones(5, dtype=bool), WINDOW)[[0, 4]], [1.0, 30 / 11])


@given(factors=st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), seed=st.integers(0, 99))
def test_how_loud_an_element_is_does_not_matter(factors, seed):
    rng, wide = np.random.default_rng(seed), Window(0.0, 100.0)
    errors = {"Li": rng.uniform(0.1, 1, 12), "S": rng.uniform(0.1, 1, 12)}
    louder = {name: factor * errors[name] for name, factor in zip(errors, factors, strict=True)}
    first, second = (told(candidates(offered(12)), e) for e in (errors, louder))
    everything = np.ones(12, dtype=bool)
    np.testing.assert_allclose(scores(first, everything, wide), scores(second, everything, wide))


def test_expected_errors_decide_what_is_known_and_what_is_beyond():
    rows = [("w1", "A", "disagreement", 0.5), ("w2", "A", "disagreement", 0.5), ("w3", "A", "disagreement", 9.0)]
    rows += [("w4", "A", "last_good", 0.5), ("w5", "A", "disagreement", 0.5), ("w6", "A", "random", 0.5)]
    errors = {"Li": [0.01, 0.2, 0.2, 0.2, np.nan, np.nan], "S": [0.02, 1.2, np.nan, 1.2, np.nan, np.nan]}
    selection = DisagreementSelection().select(told(candidates(rows), errors), WINDOW, 2, 1, seed=0)
    assert {choice.index: choice.why for choice in selection.chosen} == {2: "disagreement", 3: "last_good"}
    assert selection.rejected == {0: "known", 1: "beyond", 4: "nonfinite", 5: "not_needed"}


def test_what_is_nearly_labelled_is_a_duplicate():
    rows = [*offered(3), ("w3", "A", "last_good", 5.0), ("w4", "A", "random", math.nan), ("w5", "A", "random", 0.01)]
    pool = told(candidates(rows), novelty=[0.05, 0.2, np.inf, 0.0, 0.0, 0.0])
    selection = DisagreementSelection().select(pool, WINDOW, 6, 1, seed=0)
    assert {choice.index for choice in selection.chosen} == {1, 2}
    assert selection.rejected == {0: "duplicate", 3: "duplicate", 4: "duplicate", 5: "known"}
    assert len(DisagreementSelection(duplicate=0.0).select(pool, WINDOW, 6, 1, seed=0).chosen) == 6


@given(rows=st.lists(rows, max_size=30), seed=st.integers(0, 999), duplicate=st.floats(0, 1))
def test_no_two_frames_of_a_batch_are_nearly_the_same_and_none_is_labelled(rows, seed, duplicate):
    pool = described(rows, seed)
    selection = DisagreementSelection(duplicate=duplicate).select(pool, WINDOW, 8, 3, seed)
    picked = [choice.index for choice in selection.chosen]
    assert all(pool.novelty[i] >= duplicate for i in picked)
    assert all(pool.separation[j, i] >= duplicate for place, i in enumerate(picked) for j in picked[place + 1 :])
    for index, reason in selection.rejected.items():
        if reason == "duplicate":
            assert min([pool.novelty[index], *pool.separation[index, picked]]) < duplicate


def test_the_farthest_of_the_shortlist_or_the_best_score():
    points = np.array([0.0, 0.1, 0.2, 9.0, 5.0])
    errors = np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    rows = [(f"w{i}", "A", "disagreement", error) for i, error in enumerate(errors)]
    pool = told(candidates(rows), novelty=points + 1, separation=abs(points[:, None] - points))

    def order(**options):
        return [c.index for c in DisagreementSelection(duplicate=0.0, **options).select(pool, WINDOW, 2, 1, 0).chosen]

    assert order(diversity=0.0) == [0, 1]
    assert order(diversity=1.0) == [3, 4]
    assert order(diversity=1.0, shortlist=2.0) == [3, 2], "the fifth score was not on the list of four"
    assert order(diversity=1.0, shortlist=1.0) == [1, 0], "two frames of a list of two"
    assert order(diversity=0.5) == [3, 0], "far and wrong beats farther and right"


def test_walkers_that_gave_their_share_do_not_block_the_shortlist():
    rows = [("w1", "A", "disagreement", 0.9 - i / 100) for i in range(20)] + [("w2", "A", "disagreement", 0.1)]
    selection = DisagreementSelection(shortlist=1.0).select(candidates(rows), WINDOW, 2, 1, seed=0)
    assert [choice.index for choice in selection.chosen] == [0, 20]
    assert Counter(selection.rejected.values()) == {"walker_quota": 19}


def test_the_fill_has_the_probability_with_which_it_is_drawn():
    pool, counts, told_so = candidates(offered(2) + offered(10, "random", 0.01)), np.zeros(12), {}
    for seed in range(400):
        selection = DisagreementSelection().select(pool, WINDOW, 5, 2, seed)
        assert [choice.why for choice in selection.chosen] == ["disagreement"] * 2 + ["fill"] * 3
        assert all(choice.probability == 1.0 for choice in selection.chosen[:2])
        for choice in selection.chosen[2:]:
            counts[choice.index] += 1
            told_so.setdefault(choice.index, choice.probability)
    expected = [told_so[index] for index in range(2, 12)]
    np.testing.assert_allclose(counts[2:] / 400, expected, atol=0.1)
    assert sum(expected) == pytest.approx(3.0)


def test_an_option_out_of_range_is_an_error():
    for options in (
        {"shortlist": 0.5},
        {"diversity": 1.5},
        {"diversity": -0.1},
        {"duplicate": -1},
        {"duplicate": math.nan},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            DisagreementSelection(**options)
