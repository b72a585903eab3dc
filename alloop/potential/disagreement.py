"""The disagreement of a committee about the force on each atom."""

from __future__ import annotations

import numpy as np


def disagreement(forces_eV_per_A: np.ndarray) -> np.ndarray:
    """Return the disagreement per atom (eV/Å) from forces of shape (members, atoms, 3)."""
    spread: np.ndarray = np.linalg.norm(forces_eV_per_A.std(axis=0, ddof=1), axis=-1)
    return spread
