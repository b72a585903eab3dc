"""Records of the results that every label engine returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SinglePoint:
    """Energy and its derivatives at fixed positions.

    Attributes
    ----------
    energy_eV : float
        Force-consistent free energy (eV).
    forces_eV_per_A : ndarray, shape (atoms, 3)
        Forces (eV/Å).
    stress_eV_per_A3 : ndarray, shape (6,), or None
        Stress (eV/Å³) in ASE's sign and Voigt order; None if the engine has none.
    scf_iterations : int or None
        Iterations to self-consistency, where the engine has any; those of failed attempts too.
    scf_attempt : int
        Attempt that converged, see `gpaw_scf_ladder`; 0 has the configured settings.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None
    scf_iterations: int | None = None
    scf_attempt: int = 0


@dataclass(frozen=True)
class AtomPoint:
    """Free energy (eV) of an isolated atom, and its magnetic moment (μB) where the engine gives one."""

    energy_eV: float
    magnetic_moment_muB: float | None = None
