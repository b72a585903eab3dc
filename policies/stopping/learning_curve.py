"""What a larger rung would be at, from the errors of the rungs that are judged.

Errors of potentials fall as a power of the number of labels, ln e = a - b ln n (Cortes et al., NIPS 6 (1993); Faber et
al., J. Chem. Phys. 148, 241717 (2018)). The line is fitted by Bayesian regression: with two or three rungs the exponent
is hardly known, so a prior says what is usual, and a rung scatters about the line by more than its error bar tells,
because the bar is mostly of the held-out frames, which are the same for all rungs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXPONENT, SD_EXPONENT = 0.3, 0.2
"""Mean and standard deviation of the exponent b beforehand: after a teacher 0.15, from random weights up to 0.6."""
SCATTER = 0.06
"""Standard deviation of ln e of one rung about the line."""
_VAGUE = 10.0
_REACH = 1.645


@dataclass(frozen=True)
class Forecast:
    """The error of a rung that is not there yet, and an interval that holds it with a probability of 90 %."""

    value: float
    low: float
    high: float


def forecast(sizes: Sequence[int], errors: Sequence[float], at: int) -> Forecast | None:
    """Return what the error is expected to be on more labels.

    Parameters
    ----------
    sizes : sequence of int
        Training labels of the judged rungs.
    errors : sequence of float
        Their errors, in any unit.
    at : int
        Training labels of the rung that is asked about.

    Returns
    -------
    Forecast or None
        None with fewer than two rungs, or errors that are not positive.

    Examples
    --------
    >>> found = forecast([25, 50], [52.1, 39.5], 100)
    >>> found.low < 35.8 < found.high
    True
    """
    pairs = [(n, e) for n, e in zip(sizes, errors, strict=True) if n > 0 and np.isfinite(e) and e > 0]
    if len(pairs) < 2:
        return None
    x = np.log([n for n, _ in pairs])
    y = np.log([e for _, e in pairs])
    middle = float(x[-1])
    design = np.column_stack([np.ones_like(x), -(x - middle)])
    prior = np.diag([1.0 / _VAGUE**2, 1.0 / SD_EXPONENT**2])
    precision = prior + design.T @ design / SCATTER**2
    covariance = np.linalg.inv(precision)
    start = prior @ np.array([float(y[-1]), EXPONENT])
    best = covariance @ (start + design.T @ y / SCATTER**2)
    row = np.array([1.0, -(np.log(at) - middle)])
    mean = float(row @ best)
    reach = _REACH * float(np.sqrt(row @ covariance @ row + SCATTER**2))
    return Forecast(*(float(np.exp(value)) for value in (mean, mean - reach, mean + reach)))
