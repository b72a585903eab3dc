"""Limits at which a walker is stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alloop.dynamics.state import Floats, degrees_of_freedom

FALSE_ALARM = 1e-8
VOLUME_RANGE = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits at which a walker is stopped.

    Attributes
    ----------
    temperatures_K : ndarray, shape (all walkers,)
        Highest kinetic temperature of each walker.
    contact : float
        Shortest contact, in sums of covalent radii.
    volumes : (float, float)
        Smallest and largest volume of a moving cell, over its first one.
    """

    temperatures_K: Floats
    contact: float
    volumes: tuple[float, float] = VOLUME_RANGE


def temperature_limit(temperature_K: float, factor: float, atoms: int) -> float:
    """Return the kinetic temperature (K) that tells an exploded walker from a healthy one.

    In a small cell the kinetic temperature of a healthy walker swings far above its mean: it is the mean times a
    chi-square variable of 3N-3 degrees of freedom over their number. The limit is `factor` times the target or a
    bound that this variable exceeds less than once in 10⁸ independent looks, whichever is higher (Laurent and
    Massart, Ann. Stat. 28, 1302 (2000), lemma 1: 18 times the target for 2 atoms, 4.0 for 10, 1.5 for 160).

    Parameters
    ----------
    temperature_K : float
        Target (K).
    factor : float
        Multiple of the target that the user calls an explosion.
    atoms : int
        Number of atoms.
    """
    exponent = -math.log(FALSE_ALARM) / degrees_of_freedom(atoms)
    return temperature_K * max(factor, 1 + 2 * math.sqrt(exponent) + 2 * exponent)
