"""How often a comparison may find agreement where there is none, and how wide that makes its error bar.

One comparison errs with at most `LEVEL` where the truth moved by the tolerance or more. A ladder of K rungs makes K − 1
comparisons and stops at the first that agrees, so each is a new chance to stop falsely. The comparisons before the last
share `EARLY_LEVEL` equally (Bonferroni; Dunn, J. Am. Stat. Assoc. 56, 52 (1961)) and the last has `LEVEL` for itself,
which makes 7.5 %, however long the ladder. It is stated as `LADDER_LEVEL`: error bars from a few fits that differ by
much let a little more pass than their level (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.05
"""Probability with which one comparison finds agreement where the truth moved by just the tolerance."""

EARLY_LEVEL = 0.025
"""The same for all comparisons of a ladder before its last, together."""

LADDER_LEVEL = 0.10
"""How often a ladder stops at any of its rungs, at most about, where every rung moves the truth by the tolerance."""


def level_of(comparison: int, comparisons: int) -> float:
    """Return the level of one comparison of a ladder.

    Parameters
    ----------
    comparison : int
        Its place from 1: the comparison of the first two rungs is 1.
    comparisons : int
        Comparisons that the ladder makes if it is climbed to its end, one less than its rungs.

    Returns
    -------
    float
        `LEVEL` for the last, an equal share of `EARLY_LEVEL` for each before it.

    Raises
    ------
    ValueError
        If the ladder has no such comparison.

    Examples
    --------
    >>> [level_of(comparison, 6) for comparison in (1, 2, 3, 4, 5, 6)]
    [0.005, 0.005, 0.005, 0.005, 0.005, 0.05]
    >>> level_of(1, 1)
    0.05
    """
    if not 1 <= comparison <= comparisons:
        raise ValueError(f"a ladder of {comparisons} comparisons has no comparison {comparison}")
    return LEVEL if comparison == comparisons else EARLY_LEVEL / (comparisons - 1)


def student(degrees: Array | float, level: float = LEVEL) -> Array:
    """Return how many standard errors an error bar is wide: the 1 − `level` point of Student's t distribution.

    Parameters
    ----------
    degrees : ndarray or float
        Degrees of freedom of the standard error.
    level : float
        One-sided level.

    Examples
    --------
    >>> student(np.array([1.0, 2.0, 4.0, 1000.0])).round(3).tolist()
    [6.314, 2.92, 2.132, 1.646]
    """
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, 1.0 - level), dtype=np.float64)


def welch(variances: Sequence[Array | float], degrees: Sequence[Array | float]) -> Array:
    """Return the degrees of freedom of a sum of variances that are each known from few numbers.

    ``ν = (Σ v_k)² / Σ v_k²/ν_k`` (Satterthwaite, Biometrics Bull. 2, 110 (1946); Welch, Biometrika 34, 28 (1947)).

    Parameters
    ----------
    variances : sequence of ndarray or float
        The parts, none negative.
    degrees : sequence of ndarray or float
        Degrees of freedom of each part.

    Returns
    -------
    ndarray
        Not less than the smallest of `degrees` and not more than their sum, which it is where all parts are 0.

    Examples
    --------
    >>> float(welch([1.0, 1.0], [2, 2])), float(welch([1.0, 0.0], [1, 4])), float(welch([0.0, 0.0], [1, 4]))
    (4.0, 1.0, 5.0)
    """
    parts, known = [np.asarray(part, dtype=np.float64) for part in variances], [np.asarray(n, float) for n in degrees]
    total = np.asarray(sum(parts))
    scale = np.where(total > 0, total, 1.0)  # the sum of squares of tiny variances is 0
    spread = sum((part / scale) ** 2 / number for part, number in zip(parts, known, strict=True))
    return np.where(total > 0, 1.0 / np.where(total > 0, spread, 1.0), sum(known))


def power(tolerance: float, standard_error: float, critical: float) -> float:
    """Return how likely a comparison finds agreement where the truth did not change.

    With Δ normal about 0, the probability of ``|Δ| + critical SE <= tolerance`` is
    ``max(0, 2 Φ((tolerance − critical SE) / SE) − 1)``.

    Parameters
    ----------
    tolerance : float
        Change that does not matter, in the unit of the standard error.
    standard_error : float
        Standard error of the change.
    critical : float
        How many standard errors the error bar is wide.

    Returns
    -------
    float
        NaN if the standard error is not finite.

    Examples
    --------
    >>> round(power(0.10, 0.03, 1.645), 2), power(0.10, 0.10, 1.645), power(0.10, 0.0, 1.645)
    (0.91, 0.0, 1.0)
    """
    from scipy.special import ndtr

    if not np.isfinite(standard_error):
        return float("nan")
    room = tolerance - critical * standard_error
    if room <= 0 or standard_error == 0:
        return float(room >= 0 and standard_error == 0)
    return float(2 * ndtr(room / standard_error) - 1)
