"""Say of every species whether labels show that its expected errors are true, not only do not contradict it.

A frame f of held-back predictions has one ratio r_f, the sum of its atoms' errors over the sum of the expected ones, so
that no frame counts for being violent. With memories m_f (`policies.calibration.scales.memory`) as weights, n = Σ m_f
is how many frames of the present committee the labels are worth, and their mean is r = Σ m_f r_f / n. Frames of one
walker may err alike, so its variance has two parts, as that of a held-out error has (`policies.stopping.clustered`):

    frames   V_f = Σ_f m_f (r_f − r)² / (n (n − 1))
    walkers  V_w = W / (W − 1) Σ_w ( Σ_(f of w) m_f (r_f − r) )² / n²,    W = n² / Σ_w ( Σ_(f of w) m_f )²
    se²      = V_f + max(V_w − V_f, 0)

because V_w holds V_f once. W is how many walkers of equal weight would say as much (Kish, *Survey Sampling* (1965)).

Two one-sided tests at 5 % each (Schuirmann, *J. Pharmacokinet. Biopharm.* 15, 657 (1987)) ask whether r is within a
factor of 1.5: r − t·se above 1/1.5 and r + t·se below 1.5, with t of Student's distribution and Welch's degrees of
freedom of the two parts with n − 1 and W − 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.calibration.scales import COVERAGE, Floats, Points
from policies.stopping.significance import welch

FEWEST_FRAMES = 8
"""Frames of the present committee that labels must be worth before anything is said of a species."""
FEWEST_WALKERS = 2
"""Walkers below which nobody knows how much errors differ from one to another."""
FEWEST_PROBES = 5
"""Random frames of a species below which nothing can be said of frames that nobody selected."""
COVERAGE_RANGE = (0.80, 0.97)
LARGEST_RATIO = 1.5
LEVEL = 0.05
"""Probability with which each of the two tests may be wrong."""
_LARGEST_FRAME_RATIO = 4.0
# Frames of one kind, probes or selected ones, from which on they are asked about alone.
_FEWEST_OF_A_KIND = 3.0


@dataclass(frozen=True)
class Evidence:
    """What held-back labels say of the expected errors of a species.

    Attributes
    ----------
    frames : float
        Frames of the present committee that they are worth.
    walkers : int
        Walkers that these frames are of.
    ratio, low, high : float
        True over expected error, and its interval: each end is beyond the truth with a probability of 5 %.
    coverage, se_coverage : float
        Share of the errors below their 90 % bound, and its standard error.
    """

    frames: float
    walkers: int
    ratio: float
    low: float
    high: float
    coverage: float
    se_coverage: float


def evidence(points: Points, expected_eV_per_A: Floats, bound_eV_per_A: Floats) -> Evidence:
    """Return what labels of one species say of predictions that were made without them.

    Parameters
    ----------
    points : Points
        Atoms of the species; the atoms of one frame have one memory.
    expected_eV_per_A, bound_eV_per_A : ndarray, shape (n,)
        Expected error of each force and the bound that 90 % should stay below (eV/Å).
    """
    from scipy.stats import t as student

    first, place = np.unique(points.frame, return_index=True, return_inverse=True)[1:]
    atoms = np.bincount(place)
    ratio = np.bincount(place, points.error_eV_per_A) / np.maximum(np.bincount(place, expected_eV_per_A), 1e-12)
    below = np.bincount(place, points.error_eV_per_A <= bound_eV_per_A) / atoms
    weight = np.bincount(place, points.memory) / atoms
    walker = np.unique([points.walker[atom] for atom in first], return_inverse=True)[1]
    n = float(weight.sum())
    middle, se, degrees = _mean(np.minimum(ratio, _LARGEST_FRAME_RATIO), weight, walker)
    coverage, se_coverage, _ = _mean(below, weight)
    reach = float(student.ppf(1.0 - LEVEL, degrees)) * se if degrees else math.inf
    # With few frames the scatter of the coverage does not show: it is at least what independent frames would have.
    chance = math.sqrt(COVERAGE * (1.0 - COVERAGE) / (n * float(atoms.mean()))) if n else math.inf
    walkers = int(walker.max()) + 1
    return Evidence(n, walkers, middle, middle - reach, middle + reach, coverage, max(se_coverage, chance))


def doubt(points: Points, expected_eV_per_A: Floats, bound_eV_per_A: Floats) -> str:
    """Return why the expected errors of one species cannot be trusted; empty if they can. See `evidence`."""
    random = len({frame for frame, probe in zip(points.frame, points.probe, strict=True) if probe})
    if random < FEWEST_PROBES:
        return f"{random} random frames, {FEWEST_PROBES} are needed"
    found = evidence(points, expected_eV_per_A, bound_eV_per_A)
    if found.frames < FEWEST_FRAMES:
        return f"labels are worth {found.frames:.1f} frames of the present committee, {FEWEST_FRAMES} are needed"
    if found.walkers < FEWEST_WALKERS:
        return f"labels are of {found.walkers} walker, {FEWEST_WALKERS} are needed"
    if found.low < 1.0 / LARGEST_RATIO or found.high > LARGEST_RATIO:
        return (
            f"true / expected error is {found.ratio:.2f} ({found.low:.2f} to {found.high:.2f}), "
            f"which is not surely within a factor of {LARGEST_RATIO:g}"
        )
    low, high = COVERAGE_RANGE
    if not low - found.se_coverage <= found.coverage <= high + found.se_coverage:
        return f"the 90 % bound held for {100 * found.coverage:.0f} ± {100 * found.se_coverage:.0f} %"
    return _of_a_kind(points, expected_eV_per_A, bound_eV_per_A)


def _of_a_kind(points: Points, expected: Floats, bound: Floats) -> str:
    """Return how random or selected frames alone are off."""
    for name, mask in (("random", points.probe), ("selected", ~points.probe)):
        if not mask.any():
            continue
        found = evidence(points.take(mask), expected[mask], bound[mask])
        if found.frames >= _FEWEST_OF_A_KIND and not 1.0 / LARGEST_RATIO <= found.ratio <= LARGEST_RATIO:
            return f"true / expected error is {found.ratio:.2f} among {name} frames"
    return ""


def _mean(values: Floats, weight: Floats, walker: NDArray[np.integer] | None = None) -> tuple[float, float, float]:
    """Return a mean, its standard error and degrees of freedom; a frame of weight 1 is one observation, others less.

    Without walkers every frame is independent.
    """
    n = float(weight.sum())
    mean = float(np.average(values, weights=weight))
    if n <= 1.0:
        return mean, math.inf, 0.0
    frames = float(weight @ (values - mean) ** 2) / (n - 1.0) / n
    if walker is None:
        return mean, math.sqrt(frames), n - 1.0
    units = n**2 / float((np.bincount(walker, weight) ** 2).sum())
    if units <= 1.0:
        return mean, math.inf, 0.0
    walkers = units / (units - 1.0) * float((np.bincount(walker, weight * (values - mean)) ** 2).sum()) / n**2
    parts = (frames, max(walkers - frames, 0.0))
    return mean, math.sqrt(sum(parts)), float(welch(parts, (n - 1.0, units - 1.0)))
