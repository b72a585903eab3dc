"""Neighbour lists made and used on a device, for many walkers at once, without asking the host at every step."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from ase.data import covalent_radii
from numpy.typing import NDArray
from torch import Tensor

from alloop.potential.evaluation.neighbours import SKIN_A, TOUCHING, Edges, Layout

PAIRS_AT_ONCE = 1 << 22
"""Pairs of atoms whose distances are worked out at once."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """All pairs of some walkers within cutoff and skin, where they were listed, and their places by receiver."""

    senders: Tensor
    receivers: Tensor
    rows: Tensor
    shifts_A: Tensor
    radii_A: Tensor
    species: Tensor
    layout: Layout
    positions_A: Tensor
    stretches: Tensor


class DeviceNeighbourhoods:
    """The graphs of several walkers of the same atoms, all on one device.

    Every pair within cutoff and skin is an edge, also those beyond the cutoff, to which models give no weight: to drop
    them, the host would have to know how many are left.

    It is made as `Neighbourhoods` is, and its species say on which device.
    """

    def __init__(
        self,
        numbers: NDArray[np.int_],
        cell_A: NDArray[np.float64],
        species: Tensor,
        cutoff_A: float,
        skin_A: float = SKIN_A,
    ) -> None:
        self._cutoff_A, self._reach_A, self._heights_A = cutoff_A, cutoff_A + skin_A, _heights(cell_A)
        device = species.device
        self._cell_A, self._inverse = (torch.as_tensor(one).to(device) for one in (cell_A, np.linalg.inv(cell_A)))
        self._radii_A = torch.as_tensor(covalent_radii[numbers]).to(device)
        self._species, self._repeated = species, {1: species}
        self._lists: dict[tuple[int, ...], _Listed] = {}

    def edges(self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None = None) -> Edges:
        """Return the edges of walkers at finite positions (walkers, atoms, 3), listed anew if the host finds it due.

        Stretches are linear sizes of their cells over that of the common one, 1 if not given.
        """
        if walkers in self._lists and float(self.used(positions_A, walkers, stretches)) >= 1.0:
            del self._lists[walkers]
        return self.edges_as_listed(positions_A, walkers, stretches)

    def edges_as_listed(self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None = None) -> Edges:
        """Return the edges of walkers as they were listed; a list is made where there is none.

        They are all there as long as `used` is below 1.
        """
        if walkers not in self._lists:
            self._lists[walkers] = self._listed(positions_A, stretches)
        listed = self._lists[walkers]
        shifts_A = listed.shifts_A
        if stretches is not None:
            shifts_A = shifts_A * stretches.index_select(0, listed.rows).unsqueeze(1)
        flat = positions_A.reshape(-1, 3)
        vectors = flat.index_select(0, listed.receivers) - flat.index_select(0, listed.senders) + shifts_A
        lengths = torch.linalg.vector_norm(vectors, dim=1)
        contacts = torch.where(lengths < self._cutoff_A, lengths / listed.radii_A, torch.inf)
        return Edges(listed.senders, listed.receivers, vectors, lengths, contacts, listed.species, listed.layout)

    def used(self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None = None) -> Tensor:
        """Return which part of the skin the walker that moved farthest has used up since its pairs were listed.

        A pair that is not in the list was farther apart than the reach. Since then it was stretched with the cell, and
        brought nearer by no more than its atoms moved beside that.
        """
        listed = self._lists[walkers]
        strains = torch.ones_like(listed.stretches) if stretches is None else stretches / listed.stretches
        away = positions_A - strains[:, None, None] * listed.positions_A
        moved_A = away.square().sum(dim=2).amax(dim=1).sqrt()
        # Where a shrunken cell has used up all of the skin, there is no part to tell.
        skins_A = (strains * self._reach_A - self._cutoff_A).clamp(min=1e-9)
        return (2.0 * moved_A / skins_A + (skins_A <= 1e-9)).amax()

    def only(self, parts: list[tuple[int, ...]]) -> None:
        """Forget the lists of all but these sets of walkers."""
        self._lists = {walkers: self._lists[walkers] for walkers in parts if walkers in self._lists}

    def _listed(self, positions_A: Tensor, stretches: Tensor | None) -> _Listed:
        rows, atoms = positions_A.shape[:2]
        sizes = torch.ones_like(positions_A[:, 0, 0]) if stretches is None else stretches
        smallest = 1.0 if stretches is None else float(stretches.min())
        receivers, senders, shifts = self._pairs(positions_A / sizes[:, None, None], sizes, smallest)
        shifts_A = shifts @ self._cell_A
        owners = torch.div(receivers, atoms, rounding_mode="floor")
        radii_A = self._radii_A.repeat(rows)
        sums_A = radii_A.index_select(0, receivers) + radii_A.index_select(0, senders)
        flat = positions_A.reshape(-1, 3)
        moved = shifts_A * sizes.index_select(0, owners).unsqueeze(1)
        lengths = torch.linalg.vector_norm(flat[receivers] - flat[senders] + moved, dim=1)
        near = (lengths < TOUCHING * sums_A + self._reach_A - self._cutoff_A).nonzero().squeeze(1)
        species = self._repeated.setdefault(rows, self._species.repeat(rows, 1))
        layout = Layout.of(receivers, rows * atoms, near)
        return _Listed(senders, receivers, owners, shifts_A, sums_A, species, layout, positions_A, sizes)

    def _pairs(self, unstretched_A: Tensor, sizes: Tensor, smallest: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return receivers, senders and lattice shifts of all pairs within reach, by receiver, sender and shift.

        Of two atoms whose scaled coordinates differ by f along a lattice vector, only images n with
        |f - n| < reach / height can be within reach, where the height is that of the cell along that vector.
        """
        reach_A = self._reach_A / smallest
        ranges = [range(-(most := math.ceil(reach_A / height + 0.5) - 1), most + 1) for height in self._heights_A]
        images = torch.tensor(list(itertools.product(*ranges)), dtype=torch.float64).to(sizes.device)
        rows, atoms = unstretched_A.shape[:2]
        flat, scaled = unstretched_A.reshape(-1, 3), (unstretched_A @ self._inverse).reshape(-1, 3)
        found = []
        some = max(PAIRS_AT_ONCE // (atoms * len(images)), 1)
        for first in range(0, rows * atoms, some):
            receivers = torch.arange(first, min(first + some, rows * atoms), device=sizes.device)
            owners = torch.div(receivers, atoms, rounding_mode="floor")
            senders = owners[:, None] * atoms + torch.arange(atoms, device=sizes.device)
            nearest = (scaled[senders] - scaled[receivers][:, None]).round()
            between_A = flat[receivers][:, None] - flat[senders] + nearest @ self._cell_A
            lengths_A = torch.linalg.vector_norm(between_A[:, :, None] + images @ self._cell_A, dim=3)
            within = lengths_A * sizes.index_select(0, owners)[:, None, None] < self._reach_A
            itself = (senders == receivers[:, None])[:, :, None] & (images == 0.0).all(dim=1)
            one, other, image = (within & ~itself).nonzero().unbind(dim=1)
            shifts = nearest[one, other] + images.index_select(0, image)
            found.append((receivers.index_select(0, one), senders[one, other], shifts))
        receivers, senders, shifts = (torch.cat(parts) for parts in zip(*found, strict=True))
        return receivers, senders, shifts


def _heights(cell_A: NDArray[np.float64]) -> list[float]:
    """Return the heights of a cell along its lattice vectors (Å)."""
    heights: list[float] = (1.0 / np.linalg.norm(np.linalg.inv(cell_A), axis=0)).tolist()
    return heights
