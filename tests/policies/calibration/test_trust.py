from dataclasses import replace

import numpy as np
import pytest

from policies.calibration.scales import Points
from policies.calibration.trust import FEWEST_FRAMES, doubt, evidence

BOUND = 2.5 / 1.596
"""90 % of the lengths of normal vectors are below this many means."""


def tried(rng, frames, ratio=1.0, atoms=6, memory=1.0, probe=True):
    """Points whose errors are, on average, `ratio` times those that were expected, with expected errors and bounds."""
    expected = np.repeat(rng.lognormal(-3.0, 0.5, frames), atoms)
    error = ratio * expected * np.linalg.norm(rng.normal(size=(len(expected), 3)), axis=1) / 1.596
    names = tuple(f"f{number:03d}" for number in range(frames) for _ in range(atoms))
    size = len(expected)
    is_probe = np.full(size, probe) if np.isscalar(probe) else np.repeat(probe, atoms)
    points = Points(expected, error, ("Li",) * size, names, np.ones(size), is_probe, np.full(size, memory))
    return points, expected, BOUND * expected


def test_errors_as_expected_are_evidence_for_it():
    found = evidence(*tried(np.random.default_rng(1), 30))
    assert found.frames == 30
    assert 0.8 < found.low < 1.0
    assert found.high - found.low < 0.3
    assert found.coverage == pytest.approx(0.9, abs=0.06)
    assert doubt(*tried(np.random.default_rng(1), 30)) == ""


@pytest.mark.parametrize("ratio", [0.5, 0.6, 1.6, 2.0])
def test_errors_off_by_more_than_the_factor_are_seldom_trusted(ratio):
    trusted = [doubt(*tried(np.random.default_rng(seed), 12, ratio)) == "" for seed in range(100)]
    assert sum(trusted) <= 5


def test_too_little_to_tell_is_a_doubt_although_nothing_contradicts():
    points, expected, bound = tried(np.random.default_rng(2), 9, atoms=1)
    rng = np.random.default_rng(3)
    wild = expected * rng.lognormal(-0.5, 1.0, 9)
    unsure = Points(expected, wild, points.species, points.frame, points.probability, points.probe)
    found = evidence(unsure, expected, bound)
    assert found.low < 1.0 < found.high
    assert "not surely within a factor of 1.5" in doubt(unsure, expected, bound)


def test_frames_of_older_committees_are_worth_less():
    rng = np.random.default_rng(4)
    assert evidence(*tried(rng, 40, memory=0.125)).frames == pytest.approx(5.0)
    assert f"5.0 frames of the present committee, {FEWEST_FRAMES} are needed" in doubt(*tried(rng, 40, memory=0.125))
    old, new = (evidence(*tried(np.random.default_rng(5), 40, memory=m)) for m in (0.25, 1.0))
    assert old.high - old.low > 1.9 * (new.high - new.low)


def test_one_broken_frame_rules_nothing():
    points, expected, bound = tried(np.random.default_rng(6), 24)
    own = np.array(points.frame) == "f000"
    error = np.where(own, 300.0 * points.error_eV_per_A, points.error_eV_per_A)
    broken = Points(expected, error, points.species, points.frame, points.probability, points.probe)
    assert evidence(broken, expected, bound).ratio < 1.25
    assert doubt(broken, expected, bound) == ""


def test_a_bound_that_holds_too_seldom_or_too_often_is_a_doubt():
    points, expected, bound = tried(np.random.default_rng(7), 60)
    assert "bound held for" in doubt(points, expected, 0.7 * bound)
    assert "bound held for" in doubt(points, expected, 3.0 * bound)


def test_random_and_selected_frames_are_asked_about_apart():
    rng = np.random.default_rng(8)
    points, expected, bound = tried(rng, 60, probe=np.arange(60) < 10)
    error = np.where(points.probe, 1.8, 0.95) * points.error_eV_per_A
    apart = Points(expected, error, points.species, points.frame, points.probability, points.probe)
    assert "among random frames" in doubt(apart, expected, 1.2 * bound)


def test_random_frames_are_needed():
    assert doubt(*tried(np.random.default_rng(9), 40, probe=False)) == "0 random frames, 5 are needed"


def of_walkers(points, count):
    """The same points, their frames shared out among so many walkers in turn."""
    return replace(points, walker=tuple(f"w{int(name[1:]) % count}" for name in points.frame))


def walking(seed, walkers, frames_each, shared, spread=0.5):
    """Frames whose errors are all larger or all smaller by walker, with expected errors and bounds."""
    rng = np.random.default_rng(seed)
    points, expected, bound = tried(rng, walkers * frames_each)
    level = np.sqrt(shared) * rng.normal(size=walkers)
    own = np.sqrt(1 - shared) * rng.normal(size=(frames_each, walkers))
    factor = np.repeat(np.exp(spread * (level + own) - spread**2 / 2).ravel(), 6)
    return replace(of_walkers(points, walkers), error_eV_per_A=factor * points.error_eV_per_A), expected, bound


def test_frames_of_walkers_that_do_not_err_alike_count_each():
    points, expected, bound = tried(np.random.default_rng(1), 48)
    alone, shared = evidence(points, expected, bound), evidence(of_walkers(points, 12), expected, bound)
    assert (alone.walkers, shared.walkers) == (48, 12)
    assert shared.ratio == alone.ratio
    assert alone.high - alone.low <= shared.high - shared.low < 1.3 * (alone.high - alone.low)


def test_frames_that_all_err_like_their_walker_count_as_one():
    """Four walkers of ten frames: a standard error from 4 numbers, with 3 degrees of freedom."""
    points, expected, bound = tried(np.random.default_rng(2), 40)
    levels = np.array([0.7, 0.9, 1.1, 1.3])
    error = expected * levels[[int(name[1:]) % 4 for name in points.frame]]
    found = evidence(replace(of_walkers(points, 4), error_eV_per_A=error), expected, bound)
    assert found.ratio == pytest.approx(1.0)
    # The textbook's interval of the mean of four numbers (Student's t at 95 %, 3 degrees: 2.353); Welch's are 3.5.
    assert found.high - 1.0 == pytest.approx(2.353 * levels.std(ddof=1) / 2, rel=0.08)


@pytest.mark.parametrize(("walkers", "frames_each"), [(4, 5), (12, 5)])
def test_intervals_hold_the_truth_where_frames_of_a_walker_err_alike(walkers, frames_each):
    held, alone = [], []
    for seed in range(150):
        points, *given = walking(seed, walkers, frames_each, shared=0.5)
        for found, out in ((evidence(points, *given), held), (evidence(replace(points, walker=()), *given), alone)):
            out.append(found.low <= 1.0 <= found.high)
    assert np.mean(held) > 0.80
    assert np.mean(alone) < np.mean(held) - 0.08


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_twelve_walkers_have_the_power_to_see_a_factor(shared):
    true = [doubt(*walking(seed, 12, 5, shared, spread=0.3)) for seed in range(60)]
    off = []
    for seed in range(60):
        points, *given = walking(seed, 12, 5, shared, spread=0.3)
        off.append(doubt(replace(points, error_eV_per_A=1.5 * points.error_eV_per_A), *given))
    assert sum("surely" in why for why in true) <= 1
    assert sum(why != "" for why in off) >= 57


def test_frames_of_one_walker_say_nothing():
    points, expected, bound = tried(np.random.default_rng(3), 40)
    assert doubt(of_walkers(points, 1), expected, bound) == "labels are of 1 walker, 2 are needed"
    found = evidence(of_walkers(points, 1), expected, bound)
    assert (found.low, found.high) == (-np.inf, np.inf)


def test_a_species_of_one_frame_has_no_interval():
    found = evidence(*tried(np.random.default_rng(10), 1))
    assert (found.low, found.high) == (-np.inf, np.inf)
