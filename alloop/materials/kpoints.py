"""Grids of k-points that are equally dense in cells of different sizes."""

from __future__ import annotations

import math

from alloop.materials.structure import Structure
from alloop.materials.supercell import face_distances

_ROUNDING = 1e-6


def grid_for(structure: Structure, spacing_per_A: float) -> tuple[int, int, int]:
    """Return the smallest grid whose points are no further apart than a spacing (1/Å).

    Along reciprocal vector i, of length 2π/dᵢ for opposite faces dᵢ apart, it has ⌈2π / (dᵢ · spacing)⌉ points. The
    spacing holds the 2π: it is KSPACING of VASP, and 1 over the ``density`` of GPAW's ``kpts``.

    Parameters
    ----------
    structure : Structure
        The cell.
    spacing_per_A : float
        Largest distance between neighbouring points along a reciprocal vector (1/Å).

    Examples
    --------
    >>> grid_for(Structure(numbers=(3,), positions_A=((0, 0, 0),), cell_A=((4, 0, 0), (0, 4, 0), (0, 0, 12))), 0.5)
    (4, 4, 2)
    """
    first, second, third = (
        max(1, math.ceil(2 * math.pi / (distance * spacing_per_A) - _ROUNDING))
        for distance in face_distances(structure)
    )
    return first, second, third
