"""Short contacts: how close atoms come to each other, relative to their covalent radii."""

from __future__ import annotations

import math

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

_FIRST_REACH = 1.2


def is_finite(atoms: Atoms) -> bool:
    """Return whether every position and cell vector is a finite number and the cell has a volume."""
    return bool(
        np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all() and abs(atoms.cell.volume) > 0.0
    )


def min_contact(atoms: Atoms) -> float:
    """Return the shortest interatomic distance in sums of covalent radii.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic along all three cell vectors; every image counts, those of an atom itself too.

    Returns
    -------
    float
        The smallest d / (r_i + r_j) of all pairs; infinite without atoms, NaN where `is_finite` does not hold.

    Examples
    --------
    >>> from ase.build import bulk
    >>> round(min_contact(bulk("LiCl", "rocksalt", a=5.14)), 2)
    1.12
    """
    if not is_finite(atoms):
        return math.nan
    if len(atoms) == 0:
        return math.inf
    radii = covalent_radii[atoms.numbers]
    reach = _FIRST_REACH
    while True:
        i, j, distances_A = neighbour_list(
            "ijd", positions=atoms.positions, cell=atoms.cell.array, pbc=[True] * 3, cutoff=reach * radii
        )
        if len(distances_A):
            return float((distances_A / (radii[i] + radii[j])).min())
        reach *= 2.0
