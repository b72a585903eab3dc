"""Evaluate a model or a committee for many walkers of the same atoms at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from alloop.dynamics.phase import Evaluation
from alloop.dynamics.state import Floats
from alloop.potential.disagreement import disagreement
from alloop.potential.evaluation.batch_limits import walkers_at_once
from alloop.potential.evaluation.batch_splitting import BatchSplitter
from alloop.potential.evaluation.device_memory import memory_of
from alloop.potential.evaluation.device_neighbours import DeviceNeighbourhoods
from alloop.potential.evaluation.evaluate import ready, surfaces
from alloop.potential.evaluation.leaps import Ahead, Pace
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
    leaps : bool or None
        Whether pairs are listed on the device, so that several steps need nothing of the host; None for all devices but
        the CPU, where the host's lists are the faster ones.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        atoms: Atoms,
        *,
        device: str,
        dtype: str,
        skin_A: float = SKIN_A,
        leaps: bool | None = None,
    ) -> None:
        self._model = ready(model, device, dtype)
        self.device = torch.device(device)
        rows = torch.as_tensor(one_hot(atoms.numbers, numbers_of(model)), dtype=DTYPES[dtype], device=device)
        place = (atoms.numbers, atoms.cell.array, rows, cutoff_of(model), skin_A)
        self._listed = DeviceNeighbourhoods(*place) if leaps or (leaps is None and device != "cpu") else None
        self._near: Neighbourhoods | DeviceNeighbourhoods = self._listed or Neighbourhoods(*place)
        self._pace = Pace()
        self._splitter = BatchSplitter(walkers_at_once(device, len(atoms)) * len(atoms), memory_of(self.device))

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        """Return energies, forces and shortest contacts, and virials where stretches are given.

        All are NaN for a walker whose positions or stretch is not finite.
        """
        rows, atoms = positions_A.shape[:2]
        nothing = torch.full_like(positions_A[:, 0, 0], torch.nan)
        energies_eV, contacts, virials_eV = nothing, nothing.clone(), nothing.clone()
        forces_eV_per_A = torch.full_like(positions_A, torch.nan)
        finite = _finite(positions_A, stretches)
        everyone = len(finite) == rows

        def evaluate(some: Sequence[int]) -> tuple[int, ...]:
            which = slice(some[0], some[-1] + 1) if everyone else torch.tensor(some).to(self.device)
            part = tuple(walkers[row] for row in some)
            told = self._evaluate(positions_A[which], part, None if stretches is None else stretches[which])
            energies_eV[which], forces_eV_per_A[which] = told.energies_eV, told.forces_eV_per_A
            contacts[which] = told.contacts
            if told.virials_eV is not None:
                virials_eV[which] = told.virials_eV
            return part

        self._near.only(self._splitter.in_parts(finite, atoms, evaluate))
        return Evaluation(energies_eV, forces_eV_per_A, contacts, None if stretches is None else virials_eV)

    def leap(self, steps: int) -> Ahead | None:
        """Return this potential for the next steps, or None where every step needs the host."""
        if self._listed is None:
            return None
        some = self._pace.steps(steps)
        if some < steps:
            self._listed.only([])
            some = self._pace.begin(steps)
        return Ahead(some, self._listed, self._pace, self._splitter, self._told, self._begin)

    def _evaluate(self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None) -> Evaluation:
        return self._told(positions_A, walkers, stretches, self._near.edges(positions_A, walkers, stretches))

    def _told(
        self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None, edges: Edges
    ) -> Evaluation:
        """Return what the model says on edges that are there."""
        rows, atoms = positions_A.shape[:2]
        (surface,) = surfaces([self._model], edges)
        energies = surface.node_energies_eV.view(rows, atoms).sum(dim=1)
        contacts = torch.full_like(energies, torch.inf)
        owners = torch.div(edges.receivers, atoms, rounding_mode="floor")
        contacts.scatter_reduce_(0, owners, edges.contacts, "amin")
        forces = surface.forces(edges).view(rows, atoms, 3)
        self._evaluated(_Part(positions_A, stretches, walkers, edges, forces))
        virials: Tensor | None = None
        if stretches is not None:
            works = (edges.vectors_A * surface.slopes_eV_per_A).sum(dim=1)
            virials = torch.zeros_like(contacts).index_add_(0, owners, works)
        return Evaluation(energies, forces, contacts, virials)

    def _begin(self) -> None:
        """Forget what was said of the positions before."""

    def _evaluated(self, part: _Part) -> None:
        """Take note of what the model said of some walkers."""


@dataclass(frozen=True, eq=False)
class _Part:
    """The leader's answer about some walkers at once."""

    positions_A: Tensor
    stretches: Tensor | None
    walkers: tuple[int, ...]
    edges: Edges
    forces_eV_per_A: Tensor


class BatchedCommittee(BatchedModel):
    """A committee as the force field of a batch of walkers: its leader drives, all members look where asked.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        Models of the same elements and cutoff, the leader first.
    atoms, device, dtype, skin_A, leaps
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
        leaps: bool | None = None,
    ) -> None:
        super().__init__(models[0], atoms, device=device, dtype=dtype, skin_A=skin_A, leaps=leaps)
        self._others = [ready(model, device, dtype) for model in models[1:]]
        self._parts: list[_Part] = []

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        """Return what the leader says of walkers, as `BatchedModel` does."""
        self._begin()
        return super().__call__(positions_A, walkers, stretches)

    def disagreement(
        self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None
    ) -> Floats | None:
        """Return the disagreement per atom (eV/Å), shape (walkers, atoms); None for a committee of one.

        Walkers at the positions that were evaluated last cost the other members only, on the edges that are there.

        Parameters
        ----------
        positions_A : torch.Tensor of float64, shape (walkers, atoms, 3)
            Unwrapped Cartesian positions.
        walkers : sequence of int
            Which walkers these are.
        stretches : torch.Tensor of float64, shape (walkers,), or None
            Linear sizes of their cells over that of the common one.
        """
        if not self._others:
            return None
        atoms = positions_A.shape[1]
        found = np.full(tuple(positions_A.shape[:2]), np.nan)
        left = _finite(positions_A, stretches)
        for part in self._parts:
            rows = [row for row in self._in(part, positions_A, walkers, stretches) if row in left]
            left = [row for row in left if row not in rows]

            def look(some: Sequence[int], part: _Part = part) -> None:
                places = [part.walkers.index(walkers[row]) for row in some]
                which = torch.tensor(places).to(self.device)
                leader = part.forces_eV_per_A.index_select(0, which)
                found[some] = self._spread(part.edges.of(places, atoms), leader)

            self._splitter.in_parts(rows, atoms, look)
        for row in left:
            own = slice(row, row + 1)
            edges = self._near.edges(positions_A[own], (_NOBODY,), None if stretches is None else stretches[own])
            (surface,) = surfaces([self._model], edges)
            found[row] = self._spread(edges, surface.forces(edges)[None])[0]
        return found

    def _begin(self) -> None:
        self._parts = []

    def _evaluated(self, part: _Part) -> None:
        self._parts.append(part)

    def _in(self, part: _Part, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None) -> list[int]:
        """Return the rows of walkers that are where they were when the leader answered."""
        rows = [row for row, walker in enumerate(walkers) if walker in part.walkers]
        if not rows:
            return []
        own, places = (
            torch.tensor(which).to(self.device) for which in (rows, [part.walkers.index(walkers[row]) for row in rows])
        )
        same = (part.positions_A.index_select(0, places) == positions_A.index_select(0, own)).all(dim=(1, 2))
        if stretches is not None and part.stretches is not None:
            same = same & (part.stretches.index_select(0, places) == stretches.index_select(0, own))
        return [row for row, is_same in zip(rows, same.tolist(), strict=True) if is_same]

    def _spread(self, edges: Edges, leader_eV_per_A: Tensor) -> Floats:
        rows, atoms = leader_eV_per_A.shape[:2]
        others = [surface.forces(edges) for surface in surfaces(self._others, edges)]
        forces = torch.stack([leader_eV_per_A.reshape(-1, 3), *others])
        return disagreement(forces.cpu().numpy()).reshape(rows, atoms)


_NOBODY = -1
"""Keeps lists of pairs of states that are no walker's present one apart from the walkers' own."""


def _finite(positions_A: Tensor, stretches: Tensor | None) -> list[int]:
    """Return the rows of walkers whose positions and cells are finite."""
    finite = torch.isfinite(positions_A).all(dim=2).all(dim=1)
    if stretches is not None:
        finite = finite & torch.isfinite(stretches)
    return [row for row, is_finite in enumerate(finite.tolist()) if is_finite]
