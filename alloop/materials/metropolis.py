"""The rule by which Monte Carlo accepts a change."""

from __future__ import annotations

import math
from collections.abc import Callable


def accepts(cost_eV: float, kT_eV: float, draw: Callable[[], float]) -> bool:
    """Return whether a change is accepted, with the chance min(1, exp(-cost / kT)).

    Where a change and its reverse are proposed with equal chances, this samples the Boltzmann distribution (Metropolis
    et al., J. Chem. Phys. 21, 1087, 1953, https://doi.org/10.1063/1.1699114). A cost that is not a number is refused.

    Parameters
    ----------
    cost_eV : float
        Energy after the change less that before it.
    kT_eV : float
        Boltzmann's constant times the temperature.
    draw : callable
        Returns a random number from 0 to 1; it is not called for a change that costs nothing.
    """
    return cost_eV <= 0.0 or draw() < math.exp(-cost_eV / kT_eV)
