"""Supercells wide enough that an ion does not meet its own image."""

from __future__ import annotations

import math

import numpy as np

from alloop.materials.structure import Structure


def face_distances(structure: Structure) -> tuple[float, float, float]:
    """Return the distances between opposite faces of the cell (Å): its volume over the areas of its faces.

    Examples
    --------
    >>> face_distances(Structure(numbers=(3,), positions_A=((0, 0, 0),), cell_A=((4, 0, 0), (2, 3, 0), (0, 0, 5))))
    (3.3282011773513753, 3.0, 5.0)
    """
    cell = np.array(structure.cell_A, dtype=float)
    volume_A3 = abs(float(np.linalg.det(cell)))
    areas_A2 = [float(np.linalg.norm(np.cross(cell[i - 2], cell[i - 1]))) for i in range(3)]
    first, second, third = (volume_A3 / area for area in areas_A2)
    return first, second, third


def repeats_for(structure: Structure, min_width_A: float) -> tuple[int, int, int]:
    """Return how often to repeat a cell along each vector so that no two faces are closer than `min_width_A` (Å)."""
    first, second, third = (max(1, math.ceil(min_width_A / width - 1e-9)) for width in face_distances(structure))
    return first, second, third


def repeated(structure: Structure, repeat: tuple[int, int, int]) -> Structure:
    """Return a supercell."""
    return Structure.from_atoms(structure.to_atoms().repeat(repeat))
