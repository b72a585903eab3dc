"""Tell a label that is absurd beside others of its kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

FEWEST_OTHERS = 3
"""Numbers of which the middle one says what is usual."""
SPREADS = 30.0
"""How many times their usual spread a label may be off the others."""
ENERGY_EV_PER_ATOM = 10.0
"""Energies (eV per atom) nearer than this to the usual one are never absurd: no frame that was labelled with forces
within the limit is that far off others of its composition."""
MOST_BINDING_EV_PER_ATOM = 100.0
"""Beyond the energy (eV) by which the atoms of a frame differ from isolated ones, whatever holds or presses them."""
FORCE_EV_PER_A = 100.0
"""Forces (eV/Å) nearer than this to the usual largest one are never absurd."""
_OF_A_NORMAL_DISTRIBUTION = 1.4826


def usual(others: Sequence[float]) -> float | None:
    """Return the median of some numbers; None if they are too few to say what is usual."""
    return float(np.median(others)) if len(others) >= FEWEST_OTHERS else None


def is_absurd(value: float, others: Sequence[float], least: float) -> bool:
    """Return whether a number is far from others, by their median and its median distance from them.

    Parameters
    ----------
    value : float
        The number.
    others : sequence of float
        Numbers of the same kind; some may be absurd themselves. Few of them say nothing.
    least : float
        A distance that is never absurd.

    Examples
    --------
    >>> others = [-3.2, -3.1, -3.3, 1e6, -3.2, -3.1]
    >>> is_absurd(-3.0, others, least=10.0), is_absurd(-80.0, others, least=10.0)
    (False, True)
    """
    middle = usual(others)
    if middle is None:
        return False
    spread = _OF_A_NORMAL_DISTRIBUTION * float(np.median(np.abs(np.asarray(others) - middle)))
    return abs(value - middle) > max(least, SPREADS * spread)


def first_absurd(values: Mapping[str, float], least: float) -> tuple[str, float, float] | None:
    """Return the name and value of the number that is farthest from the others if it is absurd, and the usual one.

    Examples
    --------
    >>> first_absurd({"a": 1.0, "b": 1.1, "c": 0.9, "d": 1.0, "e": 1.0, "f": 500.0}, least=10.0)
    ('f', 500.0, 1.0)
    """
    numbers = list(values.values())
    middle = usual(numbers)
    if middle is None:
        return None
    name = max(values, key=lambda one: abs(values[one] - middle))
    return (name, values[name], middle) if is_absurd(values[name], numbers, least) else None
