"""Quantiles of weighted values, and of few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def next_below(share: float, count: float) -> float:
    """Return the level of so many values that the next value is below with the probability `share`.

    The next of n + 1 values that are alike has any rank with the same probability (Lei et al., *J. Am. Stat. Assoc.*
    113, 1094 (2018)).

    Examples
    --------
    >>> next_below(0.9, 19), next_below(0.9, 5)
    (0.9473684210526315, 1.0)
    """
    return min(1.0, share * (1.0 + 1.0 / count))


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """Return the smallest value at which the weights of the values up to it reach a share of their sum."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, level * reached[-1]))
    return float(values[order][min(place, len(values) - 1)])
