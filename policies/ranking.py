"""Which of several compositions is the best, and with what probability.

The largest of several numbers with error bars is likely, but not sure, to be the largest of the true values. With
independent normal errors the true value i is the largest with the probability::

    P(i) = ∫ φ((t - m_i)/s_i)/s_i  ∏ Φ((t - m_j)/s_j)  dt        (j ≠ i)

where m are the numbers, s their standard errors, φ and Φ the density and the distribution function of the standard
normal distribution. The integral is computed piece by piece, between points at which one of the factors changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

_AT = np.array([-9.0, -6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 9.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def probability_of_largest(values: ArrayLike, errors: ArrayLike) -> NDArray[np.float64]:
    """Return the probability of each number that its true value is the largest.

    Parameters
    ----------
    values : array_like, shape (n,)
        The numbers.
    errors : array_like, shape (n,)
        Their standard errors, positive and independent of each other.

    Returns
    -------
    ndarray, shape (n,)
        Probabilities, which add up to one.

    Raises
    ------
    ValueError
        If there are no numbers, as many errors are not there, or one is not positive and finite.

    Examples
    --------
    >>> probability_of_largest([0.0, 0.0], [0.3, 0.3]).round(6).tolist()
    [0.5, 0.5]
    >>> probability_of_largest([1.0, 0.0, -5.0], [0.6, 0.8, 0.1]).round(4).tolist()
    [0.8413, 0.1587, 0.0]
    """
    m, s = np.atleast_1d(np.asarray(values, dtype=float)), np.atleast_1d(np.asarray(errors, dtype=float))
    if m.ndim != 1 or m.shape != s.shape or not len(m):
        raise ValueError("as many errors as numbers are needed, and at least one")
    if not (np.isfinite(m).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("numbers must be finite, and errors positive and finite")
    points, weights = _nodes(m, s)
    below = norm.logcdf((points - m[:, None]) / s[:, None])
    density = norm.logpdf((points - m[:, None]) / s[:, None]) - np.log(s)[:, None]
    found = np.exp(density + below.sum(axis=0) - below) @ weights
    return np.asarray(found / found.sum(), dtype=np.float64)


def _nodes(m: NDArray[np.float64], s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and weights of Gauss and Legendre's rule between the points where a factor changes."""
    edges = np.unique(m[:, None] + s[:, None] * _AT)
    centre, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    points = centre[:, None] + half[:, None] * _NODES
    return points.ravel(), (half[:, None] * _WEIGHTS).ravel()
