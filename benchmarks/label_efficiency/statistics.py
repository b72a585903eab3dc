"""Learning curves, their error bars, and where one crosses the end of another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]

TAIL = 0.1
"""Part of the test frames, pooled over temperatures, that is the high-energy tail: those of highest energy."""
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A number with a confidence interval; the ends are infinite where too little is known."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def tail_of(energies_eV: Floats) -> NDArray[np.bool_]:
    """Return which frames are the high-energy tail: a tenth, and at least one.

    Parameters
    ----------
    energies_eV : ndarray, shape (frames,)
        Potential energies of frames of one composition, of all temperatures together.
    """
    count = max(1, round(TAIL * len(energies_eV)))
    mask = np.zeros(len(energies_eV), dtype=bool)
    mask[np.argsort(energies_eV, kind="stable")[-count:]] = True
    return mask


def mean_interval(values: Sequence[float] | Floats, level: float = LEVEL) -> Interval:
    """Return the mean with Student's confidence interval.

    Parameters
    ----------
    values : sequence of float
        One per seed; those that are not finite are left out.
    level : float
        Confidence.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return Interval(np.nan, -np.inf, np.inf)
    mean = float(known.mean())
    if len(known) < 2:
        return Interval(mean, -np.inf, np.inf)
    half = float(student.ppf(0.5 + level / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Interval(mean, mean - half, mean + half)


def labels_to_reach(sizes: Sequence[int] | Floats, errors: Sequence[float] | Floats, goal: float) -> float:
    """Return the number of labels at which a learning curve first is as low as a goal; infinite if it never is.

    Between two sizes the logarithm of the error is linear in that of the size, as power laws are. A curve that begins
    below the goal needs its first size, or less.

    Parameters
    ----------
    sizes : sequence
        Numbers of labels, ascending.
    errors : sequence
        Error at each; positive.
    goal : float
        Error to reach.
    """
    x, y, target = np.log(np.asarray(sizes, float)), np.log(np.asarray(errors, float)), float(np.log(goal))
    if y[0] <= target:
        return float(np.exp(x[0]))
    for before, after in zip(range(len(x) - 1), range(1, len(x)), strict=True):
        if y[after] <= target < y[before]:
            share = (y[before] - target) / (y[before] - y[after])
            return float(np.exp(x[before] + share * (x[after] - x[before])))
    return float("inf")


def label_ratio(sizes: Sequence[int], policy: Floats, baseline: Floats, draws: int = 2000, seed: int = 0) -> Interval:
    """Return which part of the baseline's labels a policy needs for the baseline's final error.

    The mean curves decide; the interval is the percentile bootstrap over seeds, those of both policies drawn together.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of labels, ascending; the last is that of the final error.
    policy, baseline : ndarray, shape (seeds, sizes)
        Errors, row by row of the same seed.
    draws, seed : int
        Of the bootstrap.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if policy.shape != baseline.shape or policy.shape[1] != len(sizes):
        raise ValueError(f"curves of shapes {policy.shape} and {baseline.shape} for {len(sizes)} sizes")

    def ratio(rows: NDArray[np.int_]) -> float:
        goal = float(baseline[rows, -1].mean())
        return labels_to_reach(sizes, policy[rows].mean(axis=0), goal) / sizes[-1]

    seeds, rng = len(policy), np.random.default_rng(seed)
    drawn = np.sort([ratio(rng.integers(seeds, size=seeds)) for _ in range(draws)])
    low, high = (drawn[round(q * (draws - 1))] for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(ratio(np.arange(seeds)), float(low), float(high))


def never_worse(policy: Floats, baseline: Floats) -> bool:
    """Return whether at no size the policy's error is larger than the baseline's beyond its error bar.

    Of the differences seed by seed, Student's interval counts, at a confidence that all sizes share (Bonferroni): a
    policy that is as good as the baseline is called worse anywhere once in forty times.

    Parameters
    ----------
    policy, baseline : ndarray, shape (seeds, sizes)
        Errors, row by row of the same seed.
    """
    differences = policy - baseline
    level = 1 - (1 - LEVEL) / differences.shape[1]
    return all(mean_interval(column, level).low <= 0 for column in differences.T)
