import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.label_efficiency.campaigns import TEMPLATE, One, template, write_config
from benchmarks.label_efficiency.evaluation import Score
from benchmarks.label_efficiency.statistics import label_ratio, labels_to_reach, mean_interval, never_worse, tail_of
from benchmarks.label_efficiency.table import comparison, paired, table

SIZES = [16, 32, 64, 128]


def law(sizes, level=1.0, power=0.5):
    return level * np.array(sizes, float) ** -power


def curves(level, seeds=5, noise=0.02, seed=0):
    scatter = np.random.default_rng(seed).normal(scale=noise, size=(seeds, len(SIZES)))
    return law(SIZES, level) * np.exp(scatter)


@given(goal=st.floats(0.09, 0.24), power=st.floats(0.3, 1.0))
def test_a_power_law_is_crossed_where_it_is_solved(goal, power):
    wanted = goal ** (-1 / power)
    found = labels_to_reach(SIZES, law(SIZES, power=power), goal)
    if wanted <= SIZES[0]:
        assert found == pytest.approx(SIZES[0])
    elif wanted >= SIZES[-1] * (1 + 1e-9):
        assert found == np.inf
    else:
        assert found == pytest.approx(wanted)


def test_the_first_crossing_counts_where_a_curve_rises_again():
    assert labels_to_reach(SIZES, [1.0, 0.4, 0.8, 0.1], 0.5) < 32


def test_a_policy_that_learns_as_fast_needs_all_labels_and_one_with_less_error_a_part_of_them():
    random = curves(1.0)
    assert label_ratio(SIZES, random, random).value == pytest.approx(1.0)
    half = label_ratio(SIZES, random * 2**-0.5, random)
    assert half.value == pytest.approx(0.5, rel=0.05)
    assert half.low <= half.value <= half.high < 0.6


def test_a_goal_that_is_never_reached_is_not_made_up():
    found = label_ratio(SIZES, curves(2.0), curves(1.0))
    assert found.value == found.high == np.inf


def test_curves_of_different_seeds_cannot_be_compared():
    with pytest.raises(ValueError, match="shapes"):
        label_ratio(SIZES, curves(1.0, seeds=4), curves(1.0, seeds=5))


def test_worse_is_what_is_worse_beyond_its_error_bar():
    random = curves(1.0)
    assert never_worse(random, random)
    assert never_worse(random * 0.9, random)
    called = [never_worse(curves(1.0, seed=seed), curves(1.0, seed=10_000 + seed)) for seed in range(400)]
    assert 0.95 <= np.mean(called) < 1
    assert not never_worse(random * 1.2, random)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    inside = [
        abs(bar.value) <= bar.high - bar.value for bar in (mean_interval(rng.normal(size=5)) for _ in range(2000))
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval_and_no_value_is_no_number():
    assert mean_interval([2.0]).high == np.inf
    assert np.isnan(mean_interval([]).value)
    assert mean_interval([1.0, np.inf, 3.0]).value == 2.0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_the_tail_is_a_tenth_and_nothing_outside_lies_higher(energies):
    energies = np.array(energies)
    tail = tail_of(energies)
    assert tail.sum() == max(1, round(len(energies) / 10))
    assert (~tail).sum() == 0 or energies[~tail].max() <= energies[tail].min()


def scored(policy, level, seeds=(1, 2, 3)):
    return [
        Score(policy, seed, size, *([level * (1 + 0.01 * seed) / size**0.5] * 4), stable_ps=3.0, ln_D_error=-0.5)
        for seed in seeds
        for size in SIZES
    ]


def test_the_table_has_a_row_for_every_policy_and_size_and_the_comparison_one_for_every_error():
    scores = [*scored("active", 0.5), *scored("random", 1.0)]
    lines = list(table(scores))
    assert len(lines) == 2 + 2 * len(SIZES)
    assert len({line.count("|") for line in lines}) == 1
    assert "0.50" in lines[2]
    compared = list(comparison(scores))
    assert len(compared) == 2 + 4
    assert all("| yes |" in line for line in compared[2:])


def test_only_seeds_that_both_policies_finished_are_compared():
    scores = [*scored("active", 0.5, seeds=(1, 2, 3)), *scored("random", 1.0, seeds=(2, 3, 4))]
    _, mine, theirs = paired(scores, "active", "mobile")
    assert mine.shape == theirs.shape == (2, len(SIZES))
    assert np.allclose(theirs / mine, 2.0)


def test_campaigns_of_one_seed_differ_in_their_policy_alone(tmp_path):
    (tmp_path / "teacher.json").write_text('{"sha256": "' + 64 * "0" + '"}')
    texts = [write_config(One(policy, 3, tmp_path)).read_text() for policy in ("disagreement", "random")]
    different = [pair for pair in zip(*(text.splitlines() for text in texts), strict=True) if pair[0] != pair[1]]
    assert different == [("name: disagreement-3", "name: random-3"), ("  policy: disagreement", "  policy: random")]


def test_the_configs_of_the_benchmark_are_ones_that_alloop_takes(tmp_path):
    from alloop.config.loading import load_config

    (tmp_path / "teacher.json").write_text('{"sha256": "' + 64 * "0" + '"}')
    loaded = load_config(write_config(One("random", 1, tmp_path)))
    assert loaded.config.ladder.rungs == tuple(template()["ladder"]["rungs"])
    assert load_config(TEMPLATE.with_name("teach.yaml")).config.select.policy == "random"
