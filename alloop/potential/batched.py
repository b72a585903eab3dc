"""One model for many walkers of the same atoms, in one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from alloop.dynamics.phase import Evaluation
from alloop.potential.architecture import cutoff_of, head_of, numbers_of
from alloop.potential.committee import ready
from alloop.potential.graphs import one_hot
from alloop.potential.neighbours import SKIN_A, Pairs
from alloop.potential.runtime import DTYPES

ATOMS_AT_ONCE = {"cpu": 96, "cuda": 8192}
"""Atoms in one evaluation: on a CPU larger arrays leave its caches, on a GPU its memory is the limit."""


@dataclass(frozen=True, eq=False)
class _Joined:
    """The pairs of some walkers as one graph, and the parts of the graph that do not change."""

    edges: torch.Tensor
    shifts_A: torch.Tensor
    radii_A: torch.Tensor
    constants: dict[str, torch.Tensor]


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
        self._cutoff_A, self._skin_A, self._device, self._real = cutoff_of(model), skin_A, device, DTYPES[dtype]
        self._numbers, self._cell_A = atoms.numbers.copy(), atoms.cell.array.copy()
        self._species = torch.as_tensor(one_hot(atoms.numbers, numbers_of(model)), dtype=self._real, device=device)
        self._head = head_of(model)
        self._at_once = max(ATOMS_AT_ONCE[device.partition(":")[0]] // len(atoms), 1)
        self._pairs: dict[int, Pairs] = {}
        self._joined: dict[tuple[int, ...], _Joined] = {}
        self._constants: dict[int, dict[str, torch.Tensor]] = {}

    def __call__(self, positions_A: NDArray[np.float64], walkers: Sequence[int]) -> Evaluation:
        """Return energies, forces and shortest contacts; NaN for a walker whose positions are not finite."""
        rows, atoms = positions_A.shape[:2]
        energies_eV, contacts = np.full(rows, np.nan), np.full(rows, np.nan)
        forces_eV_per_A = np.full((rows, atoms, 3), np.nan)
        finite = [row for row in range(rows) if np.isfinite(positions_A[row]).all()]
        joined: dict[tuple[int, ...], _Joined] = {}
        for first in range(0, len(finite), self._at_once):
            some = finite[first : first + self._at_once]
            names = tuple(walkers[row] for row in some)
            joined[names] = self._join(positions_A[some], names)
            energies_eV[some], forces_eV_per_A[some], contacts[some] = self._evaluate(positions_A[some], joined[names])
        self._joined = joined
        return Evaluation(energies_eV, forces_eV_per_A, contacts)

    def _evaluate(
        self, positions_A: NDArray[np.float64], joined: _Joined
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        rows, atoms = positions_A.shape[:2]
        positions = torch.as_tensor(positions_A.reshape(-1, 3), dtype=torch.float64, device=self._device)
        vectors = positions[joined.edges[1]] - positions[joined.edges[0]] + joined.shifts_A
        lengths = torch.linalg.vector_norm(vectors, dim=1)
        near = (lengths < self._cutoff_A).nonzero().squeeze(1)
        edges = joined.edges.index_select(1, near)
        graph = {
            **joined.constants,
            # MACE reads positions only through edge vectors: with all atoms at the origin the shifts are the vectors.
            "positions": torch.zeros(rows * atoms, 3, dtype=self._real, device=self._device),
            "edge_index": edges,
            "shifts": vectors.index_select(0, near).to(self._real),
        }
        output = self._model(graph)
        energies = torch.zeros(rows, dtype=torch.float64, device=self._device)
        energies.index_add_(0, joined.constants["batch"], output["node_energy"].detach().double())
        contacts = torch.full((rows,), torch.inf, dtype=torch.float64, device=self._device)
        owners = torch.div(edges[0], atoms, rounding_mode="floor")
        contacts.scatter_reduce_(0, owners, (lengths / joined.radii_A).index_select(0, near), "amin")
        forces = output["forces"].detach().cpu().numpy().astype(float).reshape(rows, atoms, 3)
        return energies.cpu().numpy(), forces, contacts.cpu().numpy()

    def _join(self, positions_A: NDArray[np.float64], walkers: tuple[int, ...]) -> _Joined:
        """Return the pairs of these walkers, joined anew if any of their lists had to be made anew."""
        changed = walkers not in self._joined
        for row, walker in enumerate(walkers):
            if walker not in self._pairs:
                self._pairs[walker] = Pairs(self._numbers, self._cell_A, self._cutoff_A, self._skin_A, self._device)
            changed |= self._pairs[walker].update(positions_A[row])
        if not changed:
            return self._joined[walkers]
        pairs = [self._pairs[walker] for walker in walkers]
        if len(walkers) not in self._constants:
            self._constants[len(walkers)] = self._constant_part(len(walkers))
        return _Joined(
            edges=torch.cat([one.edges + row * len(self._numbers) for row, one in enumerate(pairs)], dim=1),
            shifts_A=torch.cat([one.shifts_A for one in pairs]),
            radii_A=torch.cat([one.radii_A for one in pairs]),
            constants=self._constants[len(walkers)],
        )

    def _constant_part(self, rows: int) -> dict[str, torch.Tensor]:
        atoms, device = len(self._numbers), self._device
        cell = torch.as_tensor(self._cell_A, dtype=self._real, device=device)
        return {
            "node_attrs": self._species.repeat(rows, 1),
            "cell": cell.repeat(rows, 1),
            "batch": torch.arange(rows, device=device).repeat_interleave(atoms),
            "ptr": torch.arange(rows + 1, device=device) * atoms,
            "head": torch.full((rows,), self._head, dtype=torch.long, device=device),
        }
