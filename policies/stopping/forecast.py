"""What a comparison of two rungs can decide, before anything is labelled.

The variance of the change of an RMSE, in units of the RMSE, is expected from three numbers that were measured on fits
of demo campaigns (Li3InCl6, DFT labels; docs/decisions.md). For two rungs of F fits on n frames of each of W walkers
its parts are::

    fits     2 s² / F                s = `Scatter.fits`
    crossed  2 d² v(n) / (F W n)     d = `Scatter.frames`

    v(n) = 1 + 2 sum_k<n (1 - k/n) ρ^k        ρ = `CORRELATION`: correlated frames count for fewer

and what the comparison makes of it is drawn: the parts of the variance as they are estimated (χ²), and the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.stopping.clustered import Parts
from policies.stopping.significance import LEVEL, student, welch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """How an RMSE scatters, as a fraction of it.

    Attributes
    ----------
    fits : float
        Standard deviation between the fits of one rung.
    frames : float
        Standard deviation, from fit to fit and from rung to rung, of what one held-out frame adds.
    """

    fits: float
    frames: float


FORCES = Scatter(fits=0.012, frames=0.23)
"""Of the force RMSE of fits from random weights."""

TUNED_FORCES = Scatter(fits=0.005, frames=0.095)
"""Of the force RMSE of fits after a teacher or a foundation, which all begin with the leader's weights."""

MEMBERS_FORCES = Scatter(fits=0.05, frames=0.095)
"""The same of fits of which each begins with another member's weights."""

ENERGY = Scatter(fits=0.012, frames=0.43)
"""Of the energy RMSE, which has one number for every frame."""

CORRELATION = 0.5
"""Correlation of that from one held-out frame of a walker to its next."""

DRAWS = 4000
"""Comparisons that are drawn: a chance of 80 % is known to 0.6 %."""


def agreement(
    fits: int, walkers: int, frames: int, *, tolerance: float, level: float = LEVEL, scatter: Scatter = FORCES
) -> float:
    """Return the chance that two rungs between which nothing changes are found to agree on an RMSE.

    Parameters
    ----------
    fits : int
        Fits of each rung.
    walkers : int
        Walkers that held-out frames come from.
    frames : int
        Held-out frames in all, as many of each walker.
    tolerance : float
        Change that does not matter, as a fraction of the RMSE.
    level : float
        Level of the comparison.
    scatter : Scatter
        How the RMSE scatters.

    Returns
    -------
    float
        0 with fewer than two fits, walkers or frames, which have no error bar.

    Examples
    --------
    >>> round(agreement(2, 4, 12, tolerance=0.1), 1), round(agreement(3, 12, 120, tolerance=0.1), 1)
    (0.0, 0.8)
    """
    walkers = min(walkers, frames)
    if fits < 2 or walkers < 2:
        return 0.0
    crossed = scatter.frames**2 * _inflation(max(1, round(frames / walkers))) / (fits * frames)
    between = scatter.fits**2 / fits
    rng = np.random.default_rng(0)
    crossed_each = crossed * _chi_square(rng, (fits - 1) * (walkers - 1), 2)
    fits_each = (between + crossed) * _chi_square(rng, fits - 1, 2)
    parts = Parts(
        crossed=crossed_each.sum(axis=0),
        walkers=2 * crossed * _chi_square(rng, walkers - 1, 1)[0],
        fits=fits_each.sum(axis=0),
        crossed_degrees=welch(list(crossed_each), 2 * [(fits - 1) * (walkers - 1)]),
        walkers_degrees=walkers - 1,
        fits_degrees=welch(list(fits_each), 2 * [fits - 1]),
    )
    change = rng.normal(0.0, np.sqrt(2 * (between + crossed)), DRAWS)
    bound = np.abs(change) + student(parts.degrees, level) * np.sqrt(parts.variance)
    return float(np.mean(bound <= tolerance))


def walkers_for(
    chance: float,
    fits: int,
    per_walker: int,
    *,
    tolerance: float,
    level: float = LEVEL,
    scatter: Scatter = FORCES,
    most: int = 500,
) -> int | None:
    """Return the fewest held-out walkers with which the chance of `agreement` is as large as asked for.

    Parameters
    ----------
    chance : float
        The chance that is asked for.
    fits, tolerance, level, scatter
        As of `agreement`.
    per_walker : int
        Held-out frames of each walker.
    most : int
        Walkers that are tried.

    Returns
    -------
    int or None
        None if `most` walkers do not give it, because the fits differ too much.

    Examples
    --------
    >>> walkers_for(0.8, 2, 10, tolerance=0.01) is None
    True
    """

    def reaches(walkers: int) -> bool:
        frames = walkers * per_walker
        return agreement(fits, walkers, frames, tolerance=tolerance, level=level, scatter=scatter) >= chance

    few, many = 1, most
    if not reaches(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if reaches(middle) else (middle, many)
    return many


def _inflation(frames: int) -> float:
    """Return by how much the variance of a mean over correlated frames of one walker is larger than over others."""
    apart = np.arange(1, frames)
    return float(1 + 2 * np.sum((1 - apart / frames) * CORRELATION**apart))


def _chi_square(rng: np.random.Generator, degrees: int, rungs: int) -> Array:
    """Return draws of a variance that is 1 and known with some degrees of freedom, shape (rungs, `DRAWS`)."""
    return np.asarray(rng.chisquare(degrees, (rungs, DRAWS)) / degrees)
