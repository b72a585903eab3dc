"""Evaluate a model or a committee for many walkers of the same atoms at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from alloop.dynamics.phase import Evaluation, Floats
from alloop.potential.disagreement import disagreement
from alloop.potential.evaluation.batch_limits import walkers_at_once
from alloop.potential.evaluation.batch_splitting import BatchSplitter
from alloop.potential.evaluation.evaluate import ready, surfaces
from alloop.potential.evaluation.neighbours import SKIN_A, Edges, Neighbourhoods
from alloop.potential.graphs import one_hot
from alloop.potential.models.architecture import cutoff_of, numbers_of
from alloop.potential.models.runtime import DTYPES


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
        self._splitter = BatchSplitter(walkers_at_once(device, len(atoms)) * len(atoms))

    def __call__(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Evaluation:
        """Return energies, forces and shortest contacts, and virials where stretches are given.

        All are NaN for a walker whose positions or stretch is not finite.
        """
        rows, atoms = positions_A.shape[:2]
        energies_eV, contacts, virials_eV = np.full((3, rows), np.nan)
        forces_eV_per_A = np.full((rows, atoms, 3), np.nan)

        def evaluate(some: Sequence[int]) -> tuple[int, ...]:
            part = tuple(walkers[row] for row in some)
            told = self._evaluate(positions_A[list(some)], part, None if stretches is None else stretches[list(some)])
            energies_eV[some], forces_eV_per_A[some] = told.energies_eV, told.forces_eV_per_A
            contacts[some] = told.contacts
            if told.virials_eV is not None:
                virials_eV[some] = told.virials_eV
            return part

        finite = _finite(positions_A, stretches)
        self._near.only(self._splitter.in_parts(finite, atoms, evaluate))
        return Evaluation(energies_eV, forces_eV_per_A, contacts, None if stretches is None else virials_eV)

    def _evaluate(self, positions_A: Floats, walkers: tuple[int, ...], stretches: Floats | None) -> Evaluation:
        rows, atoms = positions_A.shape[:2]
        edges = self._near.edges(positions_A, walkers, stretches)
        (surface,) = surfaces([self._model], edges)
        energies = surface.node_energies_eV.view(rows, atoms).sum(dim=1)
        contacts = torch.full((rows,), torch.inf, dtype=torch.float64, device=energies.device)
        owners = torch.div(edges.receivers, atoms, rounding_mode="floor")
        contacts.scatter_reduce_(0, owners, edges.contacts, "amin")
        forces = surface.forces(edges).view(rows, atoms, 3).cpu().numpy()
        self._evaluated(_Part(positions_A, stretches, walkers, edges, forces))
        virials: Floats | None = None
        if stretches is not None:
            works = (edges.vectors_A * surface.slopes_eV_per_A).sum(dim=1)
            virials = torch.zeros_like(contacts).index_add_(0, owners, works).cpu().numpy()
        return Evaluation(energies.cpu().numpy(), forces, contacts.cpu().numpy(), virials)

    def _evaluated(self, part: _Part) -> None:
        """Take note of what the model said of some walkers."""


@dataclass(frozen=True, eq=False)
class _Part:
    """The leader's answer about some walkers at once."""

    positions_A: Floats
    stretches: Floats | None
    walkers: tuple[int, ...]
    edges: Edges
    forces_eV_per_A: Floats


class BatchedCommittee(BatchedModel):
    """A committee as the force field of a batch of walkers: its leader drives, all members look where asked.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        Models of the same elements and cutoff, the leader first.
    atoms, device, dtype, skin_A
        As for `BatchedModel`.

    Raises
    ------
    UnknownElementError
        If the models lack an element.
    """

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        atoms: Atoms,
        *,
        device: str,
        dtype: str,
        skin_A: float = SKIN_A,
    ) -> None:
        super().__init__(models[0], atoms, device=device, dtype=dtype, skin_A=skin_A)
        self._others = [ready(model, device, dtype) for model in models[1:]]
        self._parts: list[_Part] = []

    def __call__(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Evaluation:
        """Return what the leader says of walkers, as `BatchedModel` does."""
        self._parts = []
        return super().__call__(positions_A, walkers, stretches)

    def disagreement(
        self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None
    ) -> Floats | None:
        """Return the disagreement per atom (eV/Å), shape (walkers, atoms); None for a committee of one.

        Walkers at the positions that were evaluated last cost the other members only, on the edges that are there.

        Parameters
        ----------
        positions_A : ndarray, shape (walkers, atoms, 3)
            Unwrapped Cartesian positions.
        walkers : sequence of int
            Which walkers these are.
        stretches : ndarray, shape (walkers,), or None
            Linear sizes of their cells over that of the common one.
        """
        if not self._others:
            return None
        atoms = positions_A.shape[1]
        found = np.full(positions_A.shape[:2], np.nan)
        left = _finite(positions_A, stretches)
        sizes = np.ones(len(walkers)) if stretches is None else stretches
        for part in self._parts:
            rows = [row for row in left if _is_in(part, int(walkers[row]), positions_A[row], float(sizes[row]))]
            left = [row for row in left if row not in rows]

            def look(some: Sequence[int], part: _Part = part) -> None:
                places = [part.walkers.index(int(walkers[row])) for row in some]
                found[some] = self._spread(part.edges.of(places, atoms), part.forces_eV_per_A[places])

            self._splitter.in_parts(rows, atoms, look)
        for row in left:
            alone = None if stretches is None else stretches[[row]]
            edges = self._near.edges(positions_A[row][None], (_NOBODY,), alone)
            (surface,) = surfaces([self._model], edges)
            found[row] = self._spread(edges, surface.forces(edges).cpu().numpy()[None])[0]
        return found

    def _evaluated(self, part: _Part) -> None:
        self._parts.append(part)

    def _spread(self, edges: Edges, leader_eV_per_A: Floats) -> Floats:
        rows, atoms = leader_eV_per_A.shape[:2]
        forces = [surface.forces(edges).cpu().numpy() for surface in surfaces(self._others, edges)]
        return disagreement(np.stack([leader_eV_per_A.reshape(-1, 3), *forces])).reshape(rows, atoms)


_NOBODY = -1
"""Keeps lists of pairs of states that are no walker's present one apart from the walkers' own."""


def _is_in(part: _Part, walker: int, positions_A: Floats, stretch: float) -> bool:
    if walker not in part.walkers:
        return False
    row = part.walkers.index(walker)
    same_cell = (1.0 if part.stretches is None else part.stretches[row]) == stretch
    return bool(same_cell) and np.array_equal(part.positions_A[row], positions_A)


def _finite(positions_A: Floats, stretches: Floats | None) -> list[int]:
    """Return the rows of walkers whose positions and cells are finite."""
    finite = np.isfinite(positions_A).all(axis=(1, 2))
    if stretches is not None:
        finite &= np.isfinite(stretches)
    return [int(row) for row in np.flatnonzero(finite)]
