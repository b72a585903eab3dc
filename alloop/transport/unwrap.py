"""Paths without jumps, from coordinates that were folded back into the cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def unwrap_fractional(fractional: ArrayLike) -> Floats:
    """Return fractional coordinates without jumps at the faces of the cell.

    Between two frames an atom takes the shortest way along each lattice vector, so it must not move by half a cell or
    more from one frame to the next. Whole cells are counted in integers, so nothing accumulates.

    Parameters
    ----------
    fractional : ndarray, shape (frames, atoms, 3)
        Coordinates in units of the lattice vectors, each folded into any one period.

    Returns
    -------
    ndarray, shape (frames, atoms, 3)
        The same coordinates plus whole numbers; the first frame as given.

    Examples
    --------
    >>> unwrap_fractional([[[0.9, 0.5, 0.0]], [[0.1, 0.5, 0.9]]])[1].round(12).tolist()
    [[1.1, 0.5, -0.1]]
    """
    folded = np.asarray(fractional, dtype=float)
    cells = np.zeros(folded.shape)
    cells[1:] = -np.cumsum(np.rint(np.diff(folded, axis=0)), axis=0)
    return folded + cells


def unwrap(positions_A: ArrayLike, cell_A: ArrayLike, images: ArrayLike | None = None) -> Floats:
    """Return Cartesian positions without jumps, as from a dump of LAMMPS in a fixed cell.

    Parameters
    ----------
    positions_A : ndarray, shape (frames, atoms, 3)
        Folded Cartesian positions (Å), such as ``x y z`` of a dump.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.
    images : ndarray of int, shape (frames, atoms, 3), optional
        Cells each atom was folded through, such as ``ix iy iz`` of a dump. Without them the shortest way is assumed, as
        in `unwrap_fractional`.

    Returns
    -------
    ndarray, shape (frames, atoms, 3)
        Positions (Å).
    """
    folded, cell = np.asarray(positions_A, dtype=float), np.asarray(cell_A, dtype=float)
    if images is not None:
        return np.asarray(folded + np.asarray(images, dtype=float) @ cell)
    fractional = folded @ np.linalg.inv(cell)
    cells = np.rint(unwrap_fractional(fractional) - fractional)
    return np.asarray(folded + cells @ cell)
