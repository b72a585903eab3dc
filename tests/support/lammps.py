"""What LAMMPS hands to a model of ``pair_style mliap unified``, and what it does with the answer, without LAMMPS.

Written after ``src/ML-IAP/mliap_unified.cpp`` and ``src/KOKKOS/mliap_unified_kokkos.cpp`` of LAMMPS (22 July 2025):
local atoms come first, then ghosts, which are the periodic images within the cutoff; pairs are those of local atoms.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from ase import Atoms


class LammpsData:
    """One step of a periodic frame on one rank.

    Parameters
    ----------
    atoms : ase.Atoms
        The frame.
    elements : sequence of str
        Elements of the model in its order.
    cutoff_A : float
        Its cutoff (Å).
    """

    def __init__(self, atoms: Atoms, elements: list[str], cutoff_A: float) -> None:
        positions, self.owner = _with_ghosts(atoms, cutoff_A)
        self.nlocal, self.ntotal = len(atoms), len(positions)
        self.elems = np.array([elements.index(symbol) for symbol in atoms.symbols])[self.owner]
        apart = positions[None, :, :] - positions[: self.nlocal, None, :]
        lengths = np.linalg.norm(apart, axis=2)
        self.pair_i, self.pair_j = np.nonzero((lengths < cutoff_A) & (lengths > 0))
        self.rij = apart[self.pair_i, self.pair_j]
        self.npairs = len(self.rij)
        self.eatoms = np.zeros(self.nlocal)
        self.energy = 0.0
        self.forces = np.zeros((self.ntotal, 3))

    def forward_exchange(self, features: torch.Tensor, out: torch.Tensor, length: int) -> None:
        """Give every ghost the features of the atom that it is an image of."""
        out.copy_(features[torch.as_tensor(self.owner)])

    def reverse_exchange(self, gradients: torch.Tensor, out: torch.Tensor, length: int) -> None:
        """Add the gradients of ghosts to those of the atoms that they are images of."""
        out.zero_().index_add_(0, torch.as_tensor(self.owner), gradients)

    def update_pair_forces_gpu(self, pair_forces: torch.Tensor) -> None:
        """Add the force of every pair to its first atom, and its opposite to the second; then ghosts to their atoms."""
        np.add.at(self.forces, self.pair_i, pair_forces.numpy())
        np.add.at(self.forces, self.pair_j, -pair_forces.numpy())
        folded = np.zeros((self.nlocal, 3))
        np.add.at(folded, self.owner, self.forces)
        self.forces = folded


def _with_ghosts(atoms: Atoms, cutoff_A: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of atoms and their images near the cell, and the atom that each is."""
    reach = [int(np.ceil(cutoff_A / height)) + 1 for height in 1 / np.linalg.norm(atoms.cell.reciprocal(), axis=1)]
    shifts = [shift for shift in itertools.product(*(range(-n, n + 1) for n in reach)) if any(shift)]
    images = [atoms.positions, *(atoms.positions + np.array(shift) @ atoms.cell.array for shift in shifts)]
    return np.concatenate(images), np.tile(np.arange(len(atoms)), len(images))
