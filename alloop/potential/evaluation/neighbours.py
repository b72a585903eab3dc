"""Neighbour lists of moving atoms, with a skin: made again only when an atom has moved through half of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

SKIN_A = 0.6
TOUCHING = 1.001
"""In sums of covalent radii: nothing beyond feels screened nuclear repulsion."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Edges as places of their receivers, of which every atom has the same number.

    Attributes
    ----------
    width : int
        Places of every atom.
    slots : torch.Tensor of int, shape (edges,)
        The place of each edge.
    touching : torch.Tensor of int
        Edges that may be short enough to feel screened nuclear repulsion.
    """

    width: int
    slots: torch.Tensor
    touching: torch.Tensor

    @classmethod
    def of(cls, receivers: torch.Tensor, atoms: int, touching: torch.Tensor) -> Layout:
        """Number the places; receivers ascend."""
        degrees = torch.bincount(receivers, minlength=atoms)
        width = int(degrees.max())
        first = degrees.cumsum(0) - degrees
        count = torch.arange(len(receivers), device=receivers.device)
        return cls(width, receivers * width + count - first.index_select(0, receivers), touching)


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of atoms within the cutoff, or somewhat beyond, those of one receiver next to each other.

    Attributes
    ----------
    senders, receivers : torch.Tensor of int, shape (edges,)
        Atoms; receivers ascend.
    vectors_A : torch.Tensor of float64, shape (edges, 3)
        From sender to receiver.
    lengths_A, contacts : torch.Tensor of float64, shape (edges,)
        Distances, in Å and in sums of covalent radii; the latter are infinite beyond the cutoff.
    species : torch.Tensor, shape (atoms, elements)
        One-hot rows, in the models' precision.
    listed : Layout or None
        Found when the pairs were listed; None where it has to be found.
    in_tables : bool or None
        Whether all distances are in the tables of radial weights; None where it has to be found.
    """

    senders: torch.Tensor
    receivers: torch.Tensor
    vectors_A: torch.Tensor
    lengths_A: torch.Tensor
    contacts: torch.Tensor
    species: torch.Tensor
    listed: Layout | None = None
    in_tables: bool | None = None

    def layout(self) -> Layout:
        """Return the edges as places of their receivers."""
        if self.listed is not None:
            return self.listed
        return Layout.of(self.receivers, len(self.species), (self.contacts < TOUCHING).nonzero().squeeze(1))

    def of(self, rows: Sequence[int], atoms: int) -> Edges:
        """Return the edges of some of the walkers whose graphs are joined here, in this order.

        Parameters
        ----------
        rows : sequence of int
            Their places.
        atoms : int
            Atoms of every walker.
        """
        if list(rows) == list(range(len(self.species) // atoms)):
            return self
        device = self.receivers.device
        bounds = torch.searchsorted(
            self.receivers, torch.tensor([[row * atoms, (row + 1) * atoms] for row in rows]).to(device)
        )
        kept = torch.cat([torch.arange(int(first), int(last), device=device) for first, last in bounds])
        counts = bounds[:, 1] - bounds[:, 0]
        shifts = torch.tensor([(place - row) * atoms for place, row in enumerate(rows)], device=device)
        shift = torch.repeat_interleave(shifts, counts)
        return Edges(
            senders=self.senders.index_select(0, kept) + shift,
            receivers=self.receivers.index_select(0, kept) + shift,
            vectors_A=self.vectors_A.index_select(0, kept),
            lengths_A=self.lengths_A.index_select(0, kept),
            contacts=self.contacts.index_select(0, kept),
            species=self.species[: len(rows) * atoms],
        )


class Pairs:
    """All pairs of one walker within cutoff and skin, in an order that depends on nothing but the pairs themselves.

    Parameters
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å); periodic along all three. What a stretch of 1 means.
    cutoff_A, skin_A : float
        Cutoff, and how far beyond it pairs are kept.
    device : str
        Where the pairs are wanted.
    """

    def __init__(
        self, numbers: NDArray[np.int_], cell_A: NDArray[np.float64], cutoff_A: float, skin_A: float, device: str
    ) -> None:
        self._cell_A, self._cutoff_A, self._reach_A, self._device = cell_A, cutoff_A, cutoff_A + skin_A, device
        self._radii_A = covalent_radii[numbers]
        self._positions_A: NDArray[np.float64] | None = None
        self._stretch = 1.0

    def update(self, positions_A: NDArray[np.float64], stretch: float = 1.0) -> bool:
        """Make the list anew if these positions in a cell of this size need it, and return whether it was.

        A pair that is not in the list was farther apart than the reach. Since then it was stretched with the cell, and
        brought nearer by no more than its atoms moved beside that.
        """
        if self._positions_A is not None:
            strain = stretch / self._stretch
            moved_A = np.sqrt(((positions_A - strain * self._positions_A) ** 2).sum(axis=1).max())
            if 2.0 * moved_A < strain * self._reach_A - self._cutoff_A:
                return False
        i, j, shifts = neighbour_list(
            "ijS", positions=positions_A, cell=stretch * self._cell_A, pbc=[True] * 3, cutoff=self._reach_A
        )
        order = np.lexsort((shifts[:, 2], shifts[:, 1], shifts[:, 0], i, j))
        i, j, shifts = i[order], j[order], shifts[order]
        self.edges = torch.as_tensor(np.stack([i, j]), dtype=torch.long, device=self._device)
        self.shifts_A = torch.as_tensor(shifts @ self._cell_A, dtype=torch.float64, device=self._device)
        self.radii_A = torch.as_tensor(self._radii_A[i] + self._radii_A[j], dtype=torch.float64, device=self._device)
        self._positions_A, self._stretch = positions_A.copy(), stretch
        return True


@dataclass(frozen=True, eq=False)
class _Joined:
    """The pairs of some walkers as one graph, with the row of each pair's walker."""

    edges: torch.Tensor
    rows: torch.Tensor
    shifts_A: torch.Tensor
    radii_A: torch.Tensor
    species: torch.Tensor


class Neighbourhoods:
    """The graph of several walkers of the same atoms.

    Edge vectors are differences of float64 positions. The graph of a walker depends on its positions and its cell
    alone, not on when its list of pairs was made.

    Parameters
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å) of every walker, or what those of each are a stretched copy of; periodic along all three.
    species : torch.Tensor, shape (atoms, elements)
        The atomic numbers as one-hot rows, on the device and in the precision of the models.
    cutoff_A, skin_A : float
        Cutoff, and how far beyond it pairs are kept; the skin changes the speed only.
    """

    def __init__(
        self,
        numbers: NDArray[np.int_],
        cell_A: NDArray[np.float64],
        species: torch.Tensor,
        cutoff_A: float,
        skin_A: float = SKIN_A,
    ) -> None:
        self._numbers, self._cell_A, self._species = numbers.copy(), cell_A.copy(), species
        self._cutoff_A, self._skin_A, self._device = cutoff_A, skin_A, str(species.device)
        self._pairs: dict[int, Pairs] = {}
        self._joined: dict[tuple[int, ...], _Joined] = {}

    def edges(
        self,
        positions_A: torch.Tensor,
        walkers: Sequence[int],
        stretches: torch.Tensor | None = None,
    ) -> Edges:
        """Return the edges of walkers at finite positions (walkers, atoms, 3); the same number is the same walker.

        Stretches are linear sizes of their cells over that of the common one, 1 if not given.
        """
        joined = self._join(positions_A, tuple(walkers), stretches)
        shifts_A = joined.shifts_A
        if stretches is not None:
            shifts_A = shifts_A * stretches.index_select(0, joined.rows).unsqueeze(1)
        positions = positions_A.reshape(-1, 3)
        senders, receivers = joined.edges
        vectors = positions.index_select(0, receivers) - positions.index_select(0, senders) + shifts_A
        lengths = torch.linalg.vector_norm(vectors, dim=1)
        near = (lengths < self._cutoff_A).nonzero().squeeze(1)
        lengths = lengths.index_select(0, near)
        return Edges(
            senders=senders.index_select(0, near),
            receivers=receivers.index_select(0, near),
            vectors_A=vectors.index_select(0, near),
            lengths_A=lengths,
            contacts=lengths / joined.radii_A.index_select(0, near),
            species=joined.species,
        )

    def only(self, parts: Sequence[tuple[int, ...]]) -> None:
        """Forget the graphs of all but these sets of walkers."""
        self._joined = {walkers: self._joined[walkers] for walkers in parts if walkers in self._joined}

    def _join(self, positions_A: torch.Tensor, walkers: tuple[int, ...], stretches: torch.Tensor | None) -> _Joined:
        """Return the pairs of these walkers, joined anew if any of their lists had to be made anew."""
        changed = walkers not in self._joined
        places_A = positions_A.cpu().numpy()
        sizes = [1.0] * len(walkers) if stretches is None else stretches.tolist()
        for row, walker in enumerate(walkers):
            if walker not in self._pairs:
                self._pairs[walker] = Pairs(self._numbers, self._cell_A, self._cutoff_A, self._skin_A, self._device)
            changed |= self._pairs[walker].update(places_A[row], sizes[row])
        if changed:
            pairs = [self._pairs[walker] for walker in walkers]
            known = self._joined.get(walkers)
            self._joined[walkers] = _Joined(
                edges=torch.cat([one.edges + row * len(self._numbers) for row, one in enumerate(pairs)], dim=1),
                rows=torch.repeat_interleave(
                    torch.arange(len(pairs)), torch.tensor([one.edges.shape[1] for one in pairs])
                ).to(self._device),
                shifts_A=torch.cat([one.shifts_A for one in pairs]),
                radii_A=torch.cat([one.radii_A for one in pairs]),
                species=self._species.repeat(len(walkers), 1) if known is None else known.species,
            )
        return self._joined[walkers]
