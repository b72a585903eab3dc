"""Neighbours of moving atoms: a list with a skin, made anew only when an atom has moved through half of it."""

from __future__ import annotations

import numpy as np
import torch
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

SKIN_A = 0.6


class Pairs:
    """All pairs of one walker within cutoff and skin, in an order that depends on nothing but the pairs themselves.

    Parameters
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å); periodic along all three.
    cutoff_A, skin_A : float
        Cutoff, and how far beyond it pairs are kept.
    device : str
        Where the pairs are wanted.
    """

    def __init__(
        self, numbers: NDArray[np.int_], cell_A: NDArray[np.float64], cutoff_A: float, skin_A: float, device: str
    ) -> None:
        self._cell_A, self._reach_A, self._skin_A, self._device = cell_A, cutoff_A + skin_A, skin_A, device
        self._radii_A = covalent_radii[numbers]
        self._positions_A: NDArray[np.float64] | None = None

    def update(self, positions_A: NDArray[np.float64]) -> bool:
        """Make the list anew if these positions need it, and return whether it was."""
        if self._positions_A is not None:
            moved = ((positions_A - self._positions_A) ** 2).sum(axis=1).max()
            if moved < (0.5 * self._skin_A) ** 2:
                return False
        i, j, shifts = neighbour_list(
            "ijS", positions=positions_A, cell=self._cell_A, pbc=[True] * 3, cutoff=self._reach_A
        )
        order = np.lexsort((shifts[:, 2], shifts[:, 1], shifts[:, 0], j, i))
        i, j, shifts = i[order], j[order], shifts[order]
        self.edges = torch.as_tensor(np.stack([i, j]), dtype=torch.long, device=self._device)
        self.shifts_A = torch.as_tensor(shifts @ self._cell_A, dtype=torch.float64, device=self._device)
        self.radii_A = torch.as_tensor(self._radii_A[i] + self._radii_A[j], dtype=torch.float64, device=self._device)
        self._positions_A = positions_A.copy()
        return True
