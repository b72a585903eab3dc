"""One model for many walkers of the same atoms, in one evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from alloop.dynamics.phase import Evaluation
from alloop.potential.architecture import cutoff_of, numbers_of
from alloop.potential.graphs import one_hot
from alloop.potential.neighbours import SKIN_A, Neighbourhoods
from alloop.potential.runtime import DTYPES
from alloop.potential.surface import ready, surfaces

ATOMS_AT_ONCE = {"cpu": 96, "cuda": 8192}
"""Atoms in one evaluation: on a CPU larger arrays leave its caches, on a GPU its memory is the limit."""


class BatchedModel:
    """A MACE model as the force field of a batch of walkers.

    Edge vectors are differences of float64 positions, rounded once to the model's precision, so a walker that has
    wandered far is evaluated as precisely as one that has not. The graph of a walker depends on its positions alone,
    not on when its list of pairs was made: on one CPU the same positions give the same forces, bit for bit.

    Parameters
    ----------
    model : torch.nn.Module
        A ``ScaleShiftMACE``.
    atoms : ase.Atoms
        Species and cell of every walker.
    device : str
        Where to compute: ``cpu`` or ``cuda``.
    dtype : str
        Precision of the model: ``float32`` or ``float64``.
    skin_A : float
        How far beyond the cutoff pairs are kept (Å); changes the speed only.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """

    def __init__(
        self, model: torch.nn.Module, atoms: Atoms, *, device: str, dtype: str, skin_A: float = SKIN_A
    ) -> None:
        self._model = ready(model, device, dtype)
        species = torch.as_tensor(one_hot(atoms.numbers, numbers_of(model)), dtype=DTYPES[dtype], device=device)
        self._near = Neighbourhoods(atoms.numbers, atoms.cell.array, species, cutoff_of(model), skin_A)
        self._at_once = max(ATOMS_AT_ONCE[device.partition(":")[0]] // len(atoms), 1)

    def __call__(self, positions_A: NDArray[np.float64], walkers: Sequence[int]) -> Evaluation:
        """Return energies, forces and shortest contacts; NaN for a walker whose positions are not finite."""
        rows, atoms = positions_A.shape[:2]
        energies_eV, contacts = np.full(rows, np.nan), np.full(rows, np.nan)
        forces_eV_per_A = np.full((rows, atoms, 3), np.nan)
        finite = [row for row in range(rows) if np.isfinite(positions_A[row]).all()]
        parts = []
        for first in range(0, len(finite), self._at_once):
            some = finite[first : first + self._at_once]
            parts.append(tuple(walkers[row] for row in some))
            energies_eV[some], forces_eV_per_A[some], contacts[some] = self._evaluate(positions_A[some], parts[-1])
        self._near.only(parts)
        return Evaluation(energies_eV, forces_eV_per_A, contacts)

    def _evaluate(
        self, positions_A: NDArray[np.float64], walkers: tuple[int, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        rows, atoms = positions_A.shape[:2]
        edges = self._near.edges(positions_A, walkers)
        (surface,) = surfaces([self._model], edges)
        energies = surface.node_energies_eV.view(rows, atoms).sum(dim=1)
        contacts = torch.full((rows,), torch.inf, dtype=torch.float64, device=energies.device)
        owners = torch.div(edges.receivers, atoms, rounding_mode="floor")
        contacts.scatter_reduce_(0, owners, edges.contacts, "amin")
        forces = surface.forces(edges).view(rows, atoms, 3)
        return energies.cpu().numpy(), forces.cpu().numpy(), contacts.cpu().numpy()
