"""Schedule the next look of the whole committee at a walker. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

NEAR = 0.8
"""Part of a threshold from which on every step is looked at."""
HASTE = 2.0
"""How many times faster than between the last two looks a score may be rising."""


@dataclass(frozen=True)
class Glance:
    """What one look saw: the step, and the largest expected error of the frame (eV/Å)."""

    step: int
    score_eV_per_A: float


def interval(longest: int, before: Glance | None, last: Glance, lower_eV_per_A: float, upper_eV_per_A: float) -> int:
    """Return after how many steps to look again.

    A score within `NEAR` of the threshold above it, or one that would reach the threshold within `longest` steps if it
    rose `HASTE` times as fast as between the last two looks, is looked at more often.

    Parameters
    ----------
    longest : int
        Most steps between two looks.
    before, last : Glance
        The last two looks; `before` is None at the first.
    lower_eV_per_A, upper_eV_per_A : float
        The window.

    Returns
    -------
    int
        From 1 to `longest`.

    Examples
    --------
    >>> interval(5, Glance(0, 0.010), Glance(5, 0.012), 0.05, 1.0)
    5
    >>> interval(5, Glance(0, 0.010), Glance(5, 0.025), 0.05, 1.0)
    4
    >>> interval(5, None, Glance(0, 0.045), 0.05, 1.0)
    1
    """
    score = last.score_eV_per_A
    threshold = lower_eV_per_A if score < lower_eV_per_A else upper_eV_per_A
    if not score < NEAR * threshold:
        return 1
    if before is None or before.step >= last.step:
        return longest
    rise = HASTE * (score - before.score_eV_per_A) / (last.step - before.step)
    if not rise * longest > threshold - score:
        return longest
    return max(1, math.floor((threshold - score) / rise))


def next_look(step: int, every: int) -> int:
    """Return the next step that is a multiple of an interval, so that walkers of one interval are looked at together.

    Examples
    --------
    >>> next_look(7, 5)
    10
    """
    return (step // every + 1) * every
