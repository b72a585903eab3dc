"""Planes of a crystal, and conductivity from diffusivity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BOLTZMANN_EV_PER_K = 8.617333262e-5
_BOLTZMANN_J_PER_K = 1.380649e-23
_ELEMENTARY_C = 1.602176634e-19
_CM3_PER_A3 = 1e-24


def projector(miller: tuple[int, int, int], cell_A: ArrayLike) -> Floats:
    """Return the projector on a lattice plane.

    Its normal is the reciprocal vector of the Miller indices, so that (0, 0, 1) is the plane of a and b in any cell,
    however that lies in space.

    Parameters
    ----------
    miller : (int, int, int)
        Miller indices.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.

    Examples
    --------
    >>> projector((0, 0, 1), [[3, 0, 0], [0, 4, 0], [1, 0, 5]]).round(9).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    normal = np.linalg.inv(np.asarray(cell_A, dtype=float)) @ np.asarray(miller, dtype=float)
    normal /= np.linalg.norm(normal)
    within: Floats = np.eye(3) - np.outer(normal, normal)
    return within


def conductivity(D_cm2_s: float, ions: float, charge_e: float, volume_A3: float, temperature_K: float) -> float:
    """Return the conductivity N q² D / (V kB T) of ions with a diffusivity (S/cm).

    With the tracer diffusivity it is Nernst and Einstein's, with that of charge the collective one.

    Examples
    --------
    >>> round(conductivity(1e-5, 24, 1.0, 1000.0, 600.0), 4)
    0.7437
    """
    density = ions / (volume_A3 * _CM3_PER_A3)
    return density * (charge_e * _ELEMENTARY_C) ** 2 * D_cm2_s / (_BOLTZMANN_J_PER_K * temperature_K)


def ln_conductivity(ln_D: float, ions: int, charge_e: float, volume_A3: float, temperature_K: float) -> float:
    """Return the natural logarithm of `conductivity` in S/cm from that of a diffusivity in cm²/s."""
    return ln_D + math.log(conductivity(1.0, ions, charge_e, volume_A3, temperature_K))
