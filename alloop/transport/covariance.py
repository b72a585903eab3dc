"""Covariance of the mean squared displacements of a finite run, and lines fitted with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST_TO_BEND = 4


def overlaps(lags: NDArray[np.int_], steps: int) -> tuple[Floats, Floats]:
    """Return the mean overlap, and the mean squared overlap, of two windows of a run.

    Both are averages over every window of one length and every window of the other. Free diffusion has independent
    steps, so two displacements share exactly the steps in which their windows overlap.

    Parameters
    ----------
    lags : ndarray of int, shape (lags,)
        Lengths of windows, at most half of `steps`.
    steps : int
        Length of the run; it has one frame more.

    Returns
    -------
    ndarray, shape (lags, lags)
        Mean overlap.
    ndarray, shape (lags, lags)
        Mean squared overlap.
    """
    lags = np.asarray(lags, dtype=float)
    n, m = np.minimum.outer(lags, lags), np.maximum.outer(lags, lags)
    # With their offset, the overlap of two windows climbs from 0 to n, stays, and falls; an offset occurs as often as
    # both windows fit into the run.
    fewest, flat = steps - n - m + 1, (m - n - 1) * (steps - m + 1)
    ones, squares, cubes = n * (n + 1) / 2, n * (n + 1) * (2 * n + 1) / 6, (n * (n + 1) / 2) ** 2
    pairs = (steps - n + 1) * (steps - m + 1)
    return (
        (2 * (fewest * ones + squares) + flat * n) / pairs,
        (2 * (fewest * squares + cubes) + flat * n**2) / pairs,
    )


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line through correlated points.

    Attributes
    ----------
    intercept, slope : float
        The line.
    covariance : ndarray, shape (2, 2)
        Of intercept and slope.
    weights : ndarray, shape (points,)
        The slope is the sum of the points with these weights.
    chi2 : float
        Squared distance of the points from the nearest line, in units of their covariance.
    bend : float
        Weight of ln x in a curve of a line and ln x through the points, over its standard error.
    """

    intercept: float
    slope: float
    covariance: Floats
    weights: Floats
    chi2: float
    bend: float

    def chance(self, excess: float = 1.0) -> float:
        """Return the chance of points as far from any line as these, were their covariance `excess` times as large."""
        from scipy.stats import chi2

        degrees = len(self.weights) - 2
        return float(chi2.sf(self.chi2 / excess, degrees)) if degrees > 0 else 1.0


def line_through(x: Floats, y: Floats, covariance: Floats) -> Line:
    """Return the line of weighted least squares, with the errors that correlated points give it.

    Generalised least squares would be sharper by a factor of 1.4 for free diffusion, but would take nearly all from the
    two shortest lags, where free diffusion is least certain. Weights by the variances alone spread over a decade of
    lags; the full covariance tells how uncertain their line is, and, by the generalised residual, whether there is one.
    """
    from scipy.linalg import cho_factor, cho_solve

    design = np.column_stack([np.ones_like(x), x])
    weighted = design.T / np.diag(covariance)
    maps = np.linalg.inv(weighted @ design) @ weighted
    intercept, slope = maps @ y
    factor = cho_factor(covariance)
    nearest = np.linalg.solve(design.T @ cho_solve(factor, design), design.T @ cho_solve(factor, y))
    rest = y - design @ nearest
    distance = float(rest @ cho_solve(factor, rest))
    return Line(
        float(intercept), float(slope), maps @ covariance @ maps.T, maps[1], distance, _bend(design, y, covariance)
    )


def _bend(design: Floats, y: Floats, covariance: Floats) -> float:
    """Return by how many standard errors points bend off a line; 0 where they are too few to tell.

    One slow contrast, unlike the distance from the nearest line, hardly knows differences of neighbouring points. These
    are small, and what rattles in a cage adds to them what free diffusion does not have.
    """
    if len(y) < _FEWEST_TO_BEND:
        return 0.0
    curve = np.column_stack([design[:, 0], design[:, 1] / design[-1, 1], np.log(design[:, 1])])
    weighted = curve.T / np.diag(covariance)
    maps = np.linalg.solve(weighted @ curve, weighted)[2]
    variance = float(maps @ covariance @ maps)
    return float(maps @ y / np.sqrt(variance)) if variance > 0 else 0.0
