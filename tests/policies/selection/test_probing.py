from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.contract import Candidates
from policies.selection.probing import draw_probes, left_after, probes_due


def candidates(rows, **more):
    """Candidates from (walker, why, quiet) rows."""
    walker, why, quiet = zip(*rows, strict=True) if rows else ((), (), ())
    n = len(rows)
    ids = tuple(f"f{i:03d}" for i in range(n))
    usual = {"disagreement_eV_per_A": np.full(n, 0.2), "min_contact": np.ones(n), "quiet": np.array(quiet, dtype=int)}
    return Candidates(ids, walker, ("A",) * n, why, **{**usual, **more})


rows = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["initial", "random", "disagreement", "last_good"]), st.integers(0, 20)
)


@given(rows=st.lists(rows, max_size=30), count=st.integers(0, 12), seed=st.integers(0, 99))
def test_probes_are_frames_offered_blind_with_their_probability(rows, count, seed):
    pool = candidates(rows)
    probes = draw_probes(pool, count, seed)
    blind = [index for index, row in enumerate(rows) if row[1] in ("initial", "random")]
    assert len({probe.index for probe in probes}) == len(probes) == min(count, len(blind))
    assert {probe.index for probe in probes} <= set(blind)
    assert [probe.rank for probe in probes] == list(range(1, len(probes) + 1))
    for probe in probes:
        assert probe.why == "probe"
        share = count * (1 + rows[probe.index][2]) / sum(1 + rows[index][2] for index in blind)
        assert min(share, 1) - 1e-9 <= probe.probability <= 1
        if count * max(1 + rows[index][2] for index in blind) <= sum(1 + rows[index][2] for index in blind):
            assert probe.probability == pytest.approx(share)


@given(rows=st.lists(rows, max_size=20), seed=st.integers(0, 99), order=st.randoms())
def test_the_order_of_the_pool_does_not_matter(rows, seed, order):
    pool = candidates(rows)
    places = list(range(len(rows)))
    order.shuffle(places)
    mixed = pool.take(places)
    first = [(pool.ids[probe.index], probe.probability) for probe in draw_probes(pool, 3, seed)]
    assert first == [(mixed.ids[probe.index], probe.probability) for probe in draw_probes(mixed, 3, seed)]


def test_probes_are_drawn_with_the_probability_they_are_given():
    rows = [("a", "random", 0)] * 6 + [("b", "random", 5)] * 2 + [("c", "random", 40)]
    pool, counts, told = candidates(rows), np.zeros(9), np.zeros(9)
    for seed in range(1200):
        for probe in draw_probes(pool, 3, seed):
            counts[probe.index] += 1
            told[probe.index] = probe.probability
    np.testing.assert_allclose(counts / 1200, told, atol=0.06)
    assert told[8] == 1.0
    np.testing.assert_allclose(told[:8], [1 / 9] * 6 + [2 / 3] * 2)


def test_a_walker_that_is_quiet_for_long_has_its_turn():
    turns = Counter()
    quiet = dict.fromkeys("abcdefgh", 0)
    for seed in range(40):
        names = sorted(quiet)
        probes = draw_probes(candidates([(name, "random", quiet[name]) for name in names]), 1, seed)
        (probed,) = (names[probe.index] for probe in probes)
        quiet = {name: 0 if name in (probed, "a") else segments + 1 for name, segments in quiet.items()}
        turns[probed] += 1
        assert max(quiet.values()) < 24
    assert min(turns[name] for name in "bcdefgh") >= 3
    assert turns["a"] < 3, "others are looked at all the time"


def test_what_the_committee_says_plays_no_part_and_a_frame_without_a_contact_is_no_probe():
    rows = [("a", "random", 0)] * 6
    broken = np.array([1, np.nan, 1, np.inf, 1, 1])
    told = candidates(rows, disagreement_eV_per_A=np.array([9, 0, np.nan, np.inf, 1, 1]), min_contact=broken)
    assert draw_probes(told, 3, 0) == draw_probes(candidates(rows, min_contact=broken), 3, 0)
    assert {probe.index for seed in range(50) for probe in draw_probes(told, 3, seed)} == {0, 2, 3, 4, 5}
    assert draw_probes(candidates(rows, quiet=None), 6, 0)[0].probability == 1.0
    with pytest.raises(ValueError, match="count >= 0"):
        draw_probes(told, -1, 0)


@given(batches=st.lists(st.integers(0, 20), max_size=20), fraction=st.floats(0, 1))
def test_the_share_of_probes_never_falls_below_the_fraction_and_is_no_larger_than_need_be(batches, fraction):
    chosen = probes = 0
    for count in batches:
        due = probes_due(chosen, probes, count, fraction)
        assert 0 <= due <= count
        chosen, probes = chosen + count, probes + due
        assert probes >= fraction * chosen - 1e-6
        assert probes < fraction * chosen + 1


@given(chosen=st.integers(0, 50), share=st.floats(0, 1), count=st.integers(0, 50), fraction=st.floats(0, 1))
def test_a_campaign_that_lacks_probes_makes_up_for_it(chosen, share, count, fraction):
    probes = int(share * chosen)
    due = probes_due(chosen, probes, count, fraction)
    assert due == count or probes + due >= fraction * (chosen + count) - 1e-6
    assert due == 0 or probes + due - 1 < fraction * (chosen + count)


@pytest.mark.parametrize("wrong", [(1, 2, 1, 0.1), (1, -1, 1, 0.1), (1, 0, -1, 0.1), (1, 0, 1, 1.1), (1, 0, 1, np.nan)])
def test_a_share_of_probes_that_cannot_be_is_an_error(wrong):
    with pytest.raises(ValueError, match="probes: need"):
        probes_due(*wrong)


def test_what_was_chosen_counts_as_known_for_what_is_left():
    rows = [("a", "random", 1), ("b", "disagreement", 2), ("c", "random", 3), ("d", "random", 4)]
    separation = np.array([[0, 1, 2, 3], [4, 0, 5, 6], [7, 8, 0, 9], [1, 1, 1, 0]], dtype=float)
    pool = candidates(rows, novelty=np.array([9.0, 4.5, 7.5, np.inf]), separation=separation)
    left, places = left_after(pool, [2, 0])
    assert (left.ids, places) == (("f001", "f003"), (1, 3))
    assert left.novelty.tolist() == [4.0, 1.0]
    assert left.separation.tolist() == [[0, 6], [1, 0]]
    assert left.quiet.tolist() == [2, 4]
    assert left_after(pool, [])[0].novelty.tolist() == pool.novelty.tolist()
    assert left_after(candidates(rows), [0])[0].novelty is None
