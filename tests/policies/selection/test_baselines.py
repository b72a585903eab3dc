import math
import random
from collections import Counter

import numpy as np
import pytest

from policies.selection.baselines import RandomSelection, UniformSelection
from policies.selection.contract import Window
from tests.support.candidates import WINDOW, candidates, told


def chosen_rows(rows, selection):
    return [rows[choice.index] for choice in selection.chosen]


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
        for seed in range(500)
        for choice in RandomSelection().select(candidates(rows), WINDOW, 2, 1, seed).chosen
    )
    assert all(65 < picks[i] < 140 for i in range(10)), picks


def test_random_selection_tells_its_probabilities():
    rows = [("w1", "A", "random", 0.1)] * 8 + [("w2", "A", "initial", 0.1)] + [("w3", "B", "random", 0.1)] * 4
    counts, probability = np.zeros(len(rows)), np.zeros(len(rows))
    for seed in range(800):
        for choice in RandomSelection().select(candidates(rows), WINDOW, 4, 2, seed).chosen:
            counts[choice.index] += 1
            probability[choice.index] = choice.probability
    np.testing.assert_allclose(counts / 800, probability, atol=0.06)
    assert probability[9:].sum() == pytest.approx(2.0)


def test_uniform_takes_equally_from_equally_wide_bins():
    errors = np.concatenate([np.linspace(0.06, 0.2, 50), np.linspace(0.26, 0.4, 10), [0.5, 0.7, 0.72, 0.9]])
    rows = [(f"w{i}", "A", "disagreement", error) for i, error in enumerate(errors)]
    pool = told(candidates(rows), {"Li": errors, "S": errors / 10})
    selection = UniformSelection(bins=4).select(pool, Window(0.0, 1.0), 8, 1, seed=1)
    assert {choice.why for choice in selection.chosen} == {"uniform"}
    bins = Counter(int(4 * errors[choice.index]) for choice in selection.chosen)
    assert bins[3] == 1, "there is no more"
    assert sorted(bins.values()) == [1, 2, 2, 3]
    chances = {int(4 * errors[choice.index]): choice.probability for choice in selection.chosen}
    assert chances[0] == pytest.approx(bins[0] / 50)
    assert chances[3] == 1.0


def test_uniform_draws_by_chance_inside_a_bin_and_balances_compositions():
    rows = [(f"w{i}", "AB"[i % 2], "disagreement", 0.1 + i / 1000) for i in range(20)]
    drawn = Counter()
    for seed in range(300):
        selection = UniformSelection().select(candidates(rows), Window(0.0, 10.0), 4, 1, seed)
        assert Counter(row[1] for row in chosen_rows(rows, selection)) == {"A": 2, "B": 2}
        drawn.update(choice.index for choice in selection.chosen)
    assert set(drawn) == set(range(20))


def test_uniform_counts_a_wall_among_the_worst_and_fills_up_by_chance():
    rows = [("w1", "A", "last_good", 50.0), ("w2", "A", "disagreement", 0.5), ("w3", "A", "disagreement", 5.0)]
    rows += [("w4", "A", "random", 0.01), ("w5", "A", "random", math.nan), ("w6", "A", "random", 0.02)]
    selection = UniformSelection().select(candidates(rows), WINDOW, 4, 1, seed=0)
    assert Counter(choice.why for choice in selection.chosen) == {"uniform": 2, "fill": 2}
    assert selection.rejected[2] == "beyond"
    assert all(choice.probability == pytest.approx(2 / 3) for choice in selection.chosen if choice.why == "fill")


def test_there_must_be_a_bin():
    with pytest.raises(ValueError, match="bins must be at least 1"):
        UniformSelection(bins=0)
