import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.selection.distances import farthest_points, novelty_and_separation, typical_distances

UNITS = {"Li": 1.0, "S": 1.0}
seeds = st.integers(0, 10_000)


def frame(rng, lithium=3, sulphur=5, scale=1.0):
    """Environments around one centre per element, as thermal motion makes them."""
    features = {"Li": 5 + scale * rng.normal(size=(lithium, 6)), "S": -5 + scale * rng.normal(size=(sulphur, 6))}
    return {element: rows for element, rows in features.items() if len(rows)}


def frames(rng, count):
    return [frame(rng, *rng.integers(1, 6, size=2)) for _ in range(count)]


def plain(asked, among):
    """The definition, atom by atom."""
    worst = 0.0
    for element, rows in asked.items():
        there = np.concatenate([np.empty((0, 6)), *(f[element] for f in among if element in f)])
        for row in rows:
            worst = max(worst, np.linalg.norm(there - row, axis=1).min(initial=np.inf))
    return worst


@given(seed=seeds, asked=st.integers(0, 5), known=st.integers(0, 5))
def test_it_is_what_it_is_defined_to_be(seed, asked, known):
    rng = np.random.default_rng(seed)
    candidates, labelled = frames(rng, asked), frames(rng, known)
    novelty, separation = novelty_and_separation(candidates, labelled, UNITS)
    np.testing.assert_allclose(novelty, [plain(f, labelled) for f in candidates], rtol=1e-6)
    expected = [[plain(f, [g]) for g in candidates] for f in candidates]
    np.testing.assert_allclose(separation, np.reshape(expected, (asked, asked)), atol=1e-6)


@given(seed=seeds)
def test_what_is_known_is_not_new(seed):
    rng = np.random.default_rng(seed)
    labelled = frames(rng, 6)
    both = {element: np.concatenate([labelled[0][element], labelled[3][element]]) for element in labelled[0]}
    novelty, separation = novelty_and_separation([labelled[2], both, labelled[2]], labelled)
    np.testing.assert_allclose(novelty, 0.0, atol=1e-6)
    assert separation[0, 2] == pytest.approx(0.0, abs=1e-6)
    assert separation[0, 1] > 0.1


@given(seed=seeds)
def test_the_order_of_atoms_and_frames_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    candidates, labelled = frames(rng, 4), frames(rng, 5)
    mixed = [{element: rng.permutation(rows) for element, rows in reversed(f.items())} for f in candidates]
    novelty, separation = novelty_and_separation(candidates, labelled)
    order = rng.permutation(4)
    other, apart = novelty_and_separation([mixed[i] for i in order], labelled)
    np.testing.assert_allclose(other, novelty[order], rtol=1e-6)
    np.testing.assert_allclose(apart, separation[np.ix_(order, order)], atol=1e-6)


@given(seed=seeds)
def test_to_know_more_makes_nothing_newer(seed):
    rng = np.random.default_rng(seed)
    candidates, labelled = frames(rng, 4), frames(rng, 6)
    few, _ = novelty_and_separation(candidates, labelled[:3], UNITS)
    more, _ = novelty_and_separation(candidates, labelled, UNITS)
    assert (more <= few + 1e-6).all()
    _, separation = novelty_and_separation(candidates, labelled, UNITS)
    with_second, _ = novelty_and_separation(candidates, [*labelled, candidates[1]], UNITS)
    assert (with_second <= np.minimum(more, separation[:, 1]) + 1e-6).all()


@given(seed=seeds, factor=st.floats(0.01, 100))
def test_the_units_of_the_features_do_not_matter(seed, factor):
    rng = np.random.default_rng(seed)
    candidates, labelled = frames(rng, 4), frames(rng, 6)
    scaled = [[{e: factor * rows for e, rows in f.items()} for f in some] for some in (candidates, labelled)]
    for one, other in zip(novelty_and_separation(candidates, labelled), novelty_and_separation(*scaled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_one_strange_ion_makes_a_strange_frame_though_the_mean_is_usual():
    rng = np.random.default_rng(0)
    labelled = [frame(rng, 8, 40) for _ in range(60)]
    usual, hopping = frame(rng, 8, 40), frame(rng, 8, 40)
    hopping["Li"][0] += 6
    hopping["Li"][1:] -= 6 / 7
    novelty, _ = novelty_and_separation([usual, hopping], labelled)
    assert hopping["Li"].mean() == pytest.approx(usual["Li"].mean(), abs=0.5)
    assert novelty[1] > 3 * novelty[0]


def test_a_loud_element_does_not_drown_a_quiet_one():
    rng = np.random.default_rng(1)
    labelled = [{"Li": rng.normal(size=(4, 6)), "S": 0.01 * rng.normal(size=(4, 6))} for _ in range(40)]
    strange = {"Li": labelled[0]["Li"], "S": labelled[0]["S"] + 0.1}
    novelty, _ = novelty_and_separation([strange], labelled)
    assert novelty[0] > 3


def test_a_new_element_is_infinitely_new():
    rng = np.random.default_rng(2)
    labelled, oxygen = frames(rng, 4), {"O": rng.normal(size=(3, 6))}
    novelty, separation = novelty_and_separation([oxygen, labelled[0]], labelled)
    assert novelty[0] == np.inf
    assert novelty[1] == pytest.approx(0.0, abs=1e-6)
    assert (separation == [[0, np.inf], [np.inf, 0]]).all()
    assert (novelty_and_separation(labelled, [])[0] == np.inf).all()


def test_frames_of_a_broken_model_are_far_from_all_and_spoil_no_other():
    rng = np.random.default_rng(3)
    candidates, labelled = frames(rng, 3), frames(rng, 4)
    broken = {"Li": np.full((2, 6), np.nan), "S": np.zeros((1, 6))}
    novelty, separation = novelty_and_separation([*candidates, broken], [*labelled, broken])
    alone, apart = novelty_and_separation(candidates, labelled)
    np.testing.assert_allclose(novelty[:3], alone)
    np.testing.assert_allclose(separation[:3, :3], apart)
    assert novelty[3] == np.inf
    assert (separation[3] == [np.inf] * 3 + [0]).all()
    assert (separation[:3, 3] == np.inf).all()


def test_the_typical_distance_is_that_to_another_frame():
    steps = [{"Li": np.array([[10.0 * n], [10.0 * n + 0.1]])} for n in range(5)]
    assert typical_distances(steps) == {"Li": pytest.approx(9.95, abs=0.06)}
    assert typical_distances([*steps, *steps])["Li"] == 1.0, "there are only copies"
    assert typical_distances(steps[:1]) == {}


def test_many_atoms_are_compared_in_single_precision_to_within_a_thousandth():
    rng = np.random.default_rng(4)
    labelled = [{"S": (50 + rng.normal(size=(60, 32))).astype(np.float32)} for _ in range(200)]
    asked = [{"S": (50 + rng.normal(size=(60, 32))).astype(np.float32)} for _ in range(20)]
    novelty, separation = novelty_and_separation(asked, labelled, {"S": 1.0})
    everything = np.concatenate([f["S"] for f in labelled]).astype(float)
    for place in (0, 7, 19):
        rows = asked[place]["S"].astype(float)
        expected = max(np.linalg.norm(everything - row, axis=1).min() for row in rows)
        assert novelty[place] == pytest.approx(expected, rel=1e-3)
        there = asked[3]["S"].astype(float)
        if place != 3:
            expected = max(np.linalg.norm(there - row, axis=1).min() for row in rows)
            assert separation[place, 3] == pytest.approx(expected, rel=1e-3)


def test_farthest_points_are_far_from_each_other_the_most_central_one_first_or_those_given():
    line = np.array([0.0, 1.0, 4.0, 9.0, 10.0])
    separation = np.abs(line[:, None] - line[None, :])
    assert farthest_points(separation, 3) == [2, 4, 0]
    assert farthest_points(separation, 3, first=[1]) == [1, 4, 2]
    assert sorted(farthest_points(separation, 9)) == [0, 1, 2, 3, 4]
