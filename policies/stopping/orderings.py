"""The transport of a composition from that of its orderings, and the error bar that their spread adds.

A fit predicts a number x_j for each of n orderings, with an error s_j from the dynamics. For the composition it
predicts their mean; for ln σ that is the logarithm of the geometric mean of the conductivities. The orderings are a
sample of all that the composition has, so their spread is an error of the mean::

    SE² = SE² of the means of the fits  +  max( S²/n - M², 0 )

S² is the variance between the orderings, each averaged over the fits, and M² the part of it that the error of the
dynamics makes (`policies.stopping.combination`), which the first term holds already.

Two rungs are compared on the same orderings. What these differ by on both rungs is no change: S² is then the variance
of the changes of the orderings, and M² that of the dynamics of both rungs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def between_orderings(values: Sequence[float], variance_md: float) -> float:
    """Return what the spread between orderings adds to the variance of their mean.

    Parameters
    ----------
    values : sequence of float
        A number, or its change, of each ordering: the mean over the fits.
    variance_md : float
        The part of the variance of the mean over all orderings that the error of the dynamics makes.

    Examples
    --------
    >>> f"{between_orderings([0.30, 0.34], 1e-4):.2g}", between_orderings([0.3], 0.0)
    ('0.0003', 0.0)
    """
    if len(values) < 2:
        return 0.0
    return max(0.0, float(np.var(values, ddof=1)) / len(values) - variance_md)


def spread(values: Sequence[float]) -> float | None:
    """Return the standard deviation between orderings; None of fewer than two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
