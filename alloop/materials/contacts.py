"""Short contacts: how close atoms come to each other, relative to their covalent radii."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

THINNEST_A = 0.1
"""Thickness of the thinnest cell that is looked at."""
_FIRST_REACH = 1.2
_PAIR_REACH_A = 6.0

Pair = tuple[int, int]
"""Atomic numbers of two elements, the smaller first."""


def is_finite(atoms: Atoms) -> bool:
    """Return whether every position and cell vector is a finite number and the cell has a volume.

    A cell thinner than 0.1 Å has none: its images near an atom are too many to be counted.
    """
    finite = np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()
    return bool(finite and thickness(atoms) > THINNEST_A)


def thickness(atoms: Atoms) -> float:
    """Return the shortest distance (Å) between opposite faces of a cell; 0 where it has no volume.

    Examples
    --------
    >>> thickness(Atoms(cell=[3.0, 4.0, 5.0]))
    3.0
    """
    a, b, c = atoms.cell.array
    widest_A2 = max(float(np.linalg.norm(np.cross(*pair))) for pair in ((a, b), (b, c), (c, a)))
    return abs(float(atoms.cell.volume)) / widest_A2 if widest_A2 else 0.0


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


def closest_contact(atoms: Atoms) -> tuple[float, str, str, float]:
    """Return the shortest contact in sums of covalent radii, the symbols of its two atoms, and their distance (Å).

    The structure must be finite and hold atoms, see `is_finite`.

    Examples
    --------
    >>> from ase.build import bulk
    >>> contact, one, other, distance_A = closest_contact(bulk("LiCl", "rocksalt", a=5.14))
    >>> one, other, round(contact, 2), round(distance_A, 2)
    ('Li', 'Cl', 1.12, 2.57)
    """
    radii = covalent_radii[atoms.numbers]
    reach = 1.01 * min_contact(atoms)
    i, j, distances_A = neighbour_list(
        "ijd", positions=atoms.positions, cell=atoms.cell.array, pbc=[True] * 3, cutoff=reach * radii
    )
    contacts = distances_A / (radii[i] + radii[j])
    k = int(contacts.argmin())
    one, other = sorted((int(atoms.numbers[i[k]]), int(atoms.numbers[j[k]])))
    return float(contacts[k]), chemical_symbols[one], chemical_symbols[other], float(distances_A[k])


def has_neighbours(atoms: Atoms, cutoff_A: float) -> bool:
    """Return whether two atoms, images included, are closer than a cutoff (Å)."""
    return bool(len(_neighbours(atoms, cutoff_A)[0]))


def widest_gap(atoms: Atoms, reach_A: float) -> float:
    """Return the distance (Å) from the loneliest atom to its nearest neighbour; infinite if that is beyond the reach.

    Examples
    --------
    >>> from ase.build import bulk
    >>> round(widest_gap(bulk("LiCl", "rocksalt", a=5.14), 6.0), 2)
    2.57
    """
    i, _, distances_A = _neighbours(atoms, reach_A)
    nearest = np.full(len(atoms), math.inf)
    np.minimum.at(nearest, i, distances_A)
    return float(nearest.max())


def closest_pairs(frames: Iterable[Atoms]) -> dict[Pair, float]:
    """Return the shortest distance (Å) of every pair of elements in some frames, up to 6 Å.

    Parameters
    ----------
    frames : iterable of ase.Atoms
        Periodic along all three cell vectors.

    Examples
    --------
    >>> from ase.build import bulk
    >>> {pair: round(d, 2) for pair, d in closest_pairs([bulk("LiCl", "rocksalt", a=5.14)]).items()}
    {(3, 3): 3.63, (3, 17): 2.57, (17, 17): 3.63}
    """
    closest: dict[Pair, float] = {}
    for atoms in frames:
        i, j, distances_A = _neighbours(atoms, _PAIR_REACH_A)
        first, second = np.sort([atoms.numbers[i], atoms.numbers[j]], axis=0)
        for pair in {(int(a), int(b)) for a, b in zip(first, second, strict=True)}:
            shortest = float(distances_A[(first == pair[0]) & (second == pair[1])].min())
            closest[pair] = min(shortest, closest.get(pair, math.inf))
    return dict(sorted(closest.items()))


def comes_closer(atoms: Atoms, limits_A: Mapping[Pair, float]) -> bool:
    """Return whether two atoms are closer than the limit (Å) of their elements; pairs without a limit may be."""
    if not limits_A or not is_finite(atoms):
        return False
    i, j, distances_A = _neighbours(atoms, max(limits_A.values()))
    first, second = np.sort([atoms.numbers[i], atoms.numbers[j]], axis=0)
    return any(
        bool((distances_A[(first == one) & (second == other)] < limit).any())
        for (one, other), limit in limits_A.items()
    )


def _neighbours(atoms: Atoms, reach_A: float) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.float64]]:
    """Return both atoms and the distance (Å) of all pairs within reach, images included."""
    found = neighbour_list("ijd", positions=atoms.positions, cell=atoms.cell.array, pbc=[True] * 3, cutoff=reach_A)
    return found[0], found[1], found[2]
