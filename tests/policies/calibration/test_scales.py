import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.calibration.scales import (
    PRIOR,
    SMALLEST_MEMORY,
    Calibration,
    Points,
    fit_calibration,
    memory,
    weighted_quantile,
)

QUIET = {"Li": (0.02, 1.5), "Cl": (0.01, 4.0)}
"""a and b of σ = a + b d, by species."""


def labelled(truth, frames, rng, *, atoms=4, dof=8.0, spread=0.8, hidden=None, accept=None):
    """Frames whose errors follow a + b d with tails of a t distribution; `accept` gives their selection probability.

    `hidden` is a factor of the errors of half of the frames, which no disagreement tells of.
    """
    d, e, species, frame, probability = [], [], [], [], []
    name = 0
    while name < frames:
        loud = rng.random() < 0.5
        level = 0.1 * math.exp(rng.normal(0, spread))
        p = 1.0 if accept is None else accept(level, loud)
        if rng.random() > p:
            continue
        for kind, (a, b) in truth.items():
            of_atoms = level * np.exp(rng.normal(0, 0.4, atoms))
            scale = (a + b * of_atoms) * (hidden if hidden and loud else 1.0)
            t = rng.normal(size=(atoms, 3)) / np.sqrt(rng.chisquare(dof, (atoms, 1)) / dof)
            d.extend(of_atoms)
            e.extend(scale * np.linalg.norm(t, axis=1))
            species += [kind] * atoms
            frame += [f"f{name}"] * atoms
            probability += [p] * atoms
        name += 1
    return Points(d, e, tuple(species), tuple(frame), probability, np.zeros(len(d), bool))


def mean_error(scale, dof=8.0):
    """Mean length of a vector of three t-distributed numbers, by simulation."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=(400_000, 3)) / np.sqrt(rng.chisquare(dof, (400_000, 1)) / dof)
    return scale * np.linalg.norm(t, axis=1).mean()


def test_the_truth_is_found_for_every_species():
    found = fit_calibration(labelled(QUIET, 300, np.random.default_rng(1)))
    for name, (a, b) in QUIET.items():
        for d in (0.03, 0.1, 0.3):
            assert found.of(name).expected_error(d) == pytest.approx(mean_error(a + b * d), rel=0.15), (name, d)


def test_nine_of_ten_fresh_errors_stay_below_the_bound():
    found = fit_calibration(labelled(QUIET, 300, np.random.default_rng(1)))
    fresh = labelled(QUIET, 400, np.random.default_rng(2))
    below = fresh.error_eV_per_A <= found.bound(fresh.species, fresh.disagreement_eV_per_A)
    for name in QUIET:
        assert 0.87 < below[np.array(fresh.species) == name].mean() < 0.93


def test_the_bound_of_an_element_with_one_atom_and_few_frames_holds_as_often():
    below = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        found = fit_calibration(labelled({"In": (0.02, 0.5)}, 16, rng, atoms=1))
        fresh = labelled({"In": (0.02, 0.5)}, 100, rng, atoms=1)
        below.append(np.mean(fresh.error_eV_per_A <= found.bound(fresh.species, fresh.disagreement_eV_per_A)))
    assert np.mean(below) == pytest.approx(0.9, abs=0.025)


def test_frames_selected_for_their_errors_do_not_mislead_where_their_weights_are_known():
    """Hot frames err three times as much at the same disagreement and are selected ten times as often."""
    rng, truth = np.random.default_rng(3), {"Li": (0.0, 2.0)}
    points = labelled(truth, 600, rng, hidden=3.0, accept=lambda level, loud: 0.9 if loud else 0.09)
    everything = labelled(truth, 3000, np.random.default_rng(4), hidden=3.0)
    of_all = np.average(everything.error_eV_per_A / everything.disagreement_eV_per_A)
    blind = Points(
        points.disagreement_eV_per_A,
        points.error_eV_per_A,
        points.species,
        points.frame,
        np.ones(len(points)),
        points.probe,
    )
    weighted, unweighted = (fit_calibration(p).of("Li").expected_error(0.1) / 0.1 for p in (points, blind))
    assert weighted == pytest.approx(of_all, rel=0.12)
    assert unweighted > 1.25 * of_all


def test_selection_by_disagreement_does_not_mislead_where_the_truth_is_no_line():
    """Errors level off at high disagreement; selected are the frames up there, and few others."""
    rng = np.random.default_rng(5)
    high = rng.lognormal(math.log(0.5), 0.3, 570), np.ones(570)
    low = rng.lognormal(math.log(0.05), 0.4, 30), np.full(30, 0.05)
    d, p = (np.concatenate(both) for both in zip(high, low, strict=True))
    e = np.linalg.norm(rng.normal(size=(600, 3)), axis=1) * 0.3 * np.tanh(d / 0.15)
    frames = tuple(f"f{i}" for i in range(600))

    def at_low(probability):
        points = Points(d, e, ("Li",) * 600, frames, probability, np.zeros(600, bool))
        return fit_calibration(points).of("Li").expected_error(0.05)

    truth = mean_error(0.3 * math.tanh(0.05 / 0.15), dof=1e6)
    assert abs(math.log(at_low(p) / truth)) < math.log(1.35)
    assert abs(math.log(at_low(p) / truth)) < abs(math.log(at_low(np.ones(600)) / truth))


def test_without_labels_the_error_is_taken_for_the_disagreement_within_a_factor_of_five():
    nothing = fit_calibration(Points([], [], (), (), [], []))
    assert nothing.expected_error(["Li", "Cl"], [0.1, 0.0]) == pytest.approx([0.1, 0.0])
    assert nothing.bound(["Li"], [0.1]) == pytest.approx([0.5])


def test_a_rare_species_leans_on_the_others():
    rng = np.random.default_rng(6)
    many = labelled({"Cl": (0.0, 3.0)}, 200, rng)
    one = labelled({"In": (0.0, 3.0)}, 1, rng, atoms=1)
    both = Points(
        np.append(many.disagreement_eV_per_A, one.disagreement_eV_per_A),
        np.append(many.error_eV_per_A, 0.02 * one.error_eV_per_A),
        many.species + one.species,
        (*many.frame, "single"),
        np.append(many.probability, one.probability),
        np.zeros(len(many) + 1, bool),
    )
    found = fit_calibration(both)
    ratio = found.of("In").expected_error(0.1) / found.of("Cl").expected_error(0.1)
    assert 0.2 < ratio < 0.9, "one small error is no proof of a good species"
    assert found.of("In").frames == 1


def test_where_it_was_fitted_is_known():
    points = labelled({"Li": (0.0, 1.0)}, 50, np.random.default_rng(7))
    found = fit_calibration(points).of("Li")
    d = points.disagreement_eV_per_A
    assert (found.lowest_eV_per_A, found.highest_eV_per_A) == (d.min(), d.max())


atoms = st.lists(
    st.tuples(
        st.floats(0, 10), st.floats(0, 10), st.sampled_from("AB"), st.integers(0, 9), st.sampled_from([0.01, 0.3, 1.0])
    ),
    min_size=1,
    max_size=30,
)


def points_of(rows, factor=1.0):
    d, e, species, frame, probability = zip(*rows, strict=True)
    names = tuple(f"f{i}" for i in frame)
    return Points(np.array(d) * factor, np.array(e) * factor, species, names, probability, np.zeros(len(d), bool))


@settings(max_examples=40, deadline=None)
@given(rows=atoms)
def test_more_disagreement_never_means_less_error(rows):
    found = fit_calibration(points_of(rows))
    d = np.linspace(0, 20, 50)
    for name in ("A", "B", "unheard of"):
        expected, bound = found.of(name).expected_error(d), found.of(name).bound(d)
        assert np.isfinite(expected).all()
        assert np.isfinite(bound).all()
        assert (np.diff(expected) >= 0).all()
        assert (np.diff(bound) >= 0).all()
        assert (expected >= 0).all()


@settings(max_examples=25, deadline=None)
@given(rows=atoms, factor=st.sampled_from([1e-3, 0.25, 1024.0]))
def test_the_unit_does_not_matter(rows, factor):
    rows = [(d + 1e-3, e + 1e-3, *rest) for d, e, *rest in rows]
    here, there = fit_calibration(points_of(rows)), fit_calibration(points_of(rows, factor))
    for name in {row[2] for row in rows}:
        for d in (0.01, 1.0, 10.0):
            expected = here.of(name).expected_error(d) * factor
            assert there.of(name).expected_error(d * factor) == pytest.approx(expected, rel=0.02)


@given(order=st.permutations(range(20)))
@settings(max_examples=5, deadline=None)
def test_the_order_of_the_points_does_not_matter(order):
    points = labelled({"Li": (0.01, 2.0)}, 5, np.random.default_rng(8))
    other = Points(
        points.disagreement_eV_per_A[order],
        points.error_eV_per_A[order],
        tuple(points.species[i] for i in order),
        tuple(points.frame[i] for i in order),
        points.probability[order],
        points.probe[order],
    )
    here, there = (fit_calibration(p).of("Li").expected_error(0.1) for p in (points, other))
    assert there == pytest.approx(here, rel=1e-3)


def test_a_weighted_quantile():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 8.0, 1.0])
    assert [weighted_quantile(values, weights, level) for level in (0.5, 0.8, 0.85, 0.95)] == [1.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("d", "e", "p"), [([-0.1], [0.1], [1]), ([0.1], [math.nan], [1]), ([0.1], [0.1], [0]), ([0.1, 0.2], [0.1], [1])]
)
def test_points_must_be_points(d, e, p):
    with pytest.raises(ValueError, match="points"):
        Points(d, e, ("Li",), ("f",), p, [False])


def test_the_prior_is_what_an_unknown_species_gets():
    assert Calibration({}).of("Xx") is PRIOR
    assert PRIOR.frames == 0


def test_old_labels_count_less_and_the_newest_decide():
    """Sixty labels of a committee that erred by three disagreements, then twenty of one that errs by one."""
    rng = np.random.default_rng(2)
    d = rng.lognormal(-2.0, 0.4, 80 * 6)
    factor = np.repeat([3.0] * 60 + [1.0] * 20, 6)
    e = factor * d * np.linalg.norm(rng.normal(size=(len(d), 3)), axis=1) / np.sqrt(8 / np.pi)
    frame = tuple(f"f{number:02d}" for number in range(80) for _ in range(6))
    given = (d, e, ("Li",) * len(d), frame, np.ones(len(d)), np.zeros(len(d), bool))
    forgetful = fit_calibration(Points(*given, np.repeat(memory([30] * 60 + [80] * 20, 80), 6)))
    faithful = fit_calibration(Points(*given))
    now = np.median(d)
    assert faithful.of("Li").expected_error(now) > 2.3 * now
    assert forgetful.of("Li").expected_error(now) < 1.4 * now


def test_a_frame_of_a_committee_of_a_tenth_fewer_labels_counts_about_half():
    assert memory([48, 24], 48) == pytest.approx([1.0, 1 / 64])
    assert memory([90], 100) == pytest.approx([0.53], abs=0.01)
    assert memory([0, 60], 48) == pytest.approx([SMALLEST_MEMORY, 1.0])
    assert memory([0], 0) == pytest.approx([1.0])


def test_debris_of_a_young_committee_moves_neither_scale_nor_bound():
    """Three frames that broke up, with errors of 20 eV/Å, before sixteen of the present committee."""
    rng = np.random.default_rng(5)
    size, clean, broken = 6, 16, 3
    d = np.concatenate([rng.uniform(1.0, 5.0, broken * size), rng.lognormal(-3.0, 0.4, clean * size)])
    e = np.where(d > 0.9, 6.0, 1.2) * d * np.linalg.norm(rng.normal(size=(len(d), 3)), axis=1) / np.sqrt(8 / np.pi)
    frame = tuple(f"f{number:02d}" for number in range(broken + clean) for _ in range(size))
    counted = np.repeat(memory([8] * broken + [48] * clean, 48), size)
    everything = Points(d, e, ("Li",) * len(d), frame, np.ones(len(d)), np.ones(len(d), bool), counted)
    of_debris = np.repeat([True] * broken + [False] * clean, size)
    without = fit_calibration(everything.take(~of_debris)).of("Li")
    found = fit_calibration(everything).of("Li")
    assert found.expected_error(0.05) == pytest.approx(without.expected_error(0.05), rel=0.1)
    assert found.bound(0.05) == pytest.approx(without.bound(0.05), rel=0.15)
