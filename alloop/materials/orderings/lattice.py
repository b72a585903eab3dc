"""The sites of a cell, the ions that share them, and the orderings that these allow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from alloop.materials.orderings.cells import whole_counts
from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError
from alloop.materials.structure import Structure, place_in_formula

Configuration = NDArray[np.int8]
"""Number of the species on every mixed site, shape (mixed sites,)."""


@dataclass(frozen=True, eq=False)
class Sublattice:
    """Sites of equal occupancy, which exchange ions with each other.

    Attributes
    ----------
    name : str
        Its species, for instance ``Si/P``.
    label : str
        Label of its first site.
    members : ndarray of int
        Its sites, as places in a `Configuration`.
    counts : mapping
        Ions of every species by its number, most frequent first.
    """

    name: str
    label: str
    members: NDArray[np.int_]
    counts: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class OrderingLattice:
    """A cell with some sites that are settled and others that ions share.

    Attributes
    ----------
    cell_A : ndarray, shape (3, 3)
        Cell vectors as rows (Å).
    scaled : ndarray, shape (sites, 3)
        Fractional coordinates of all sites.
    kinds : ndarray of int, shape (sites,)
        Equal for sites of equal occupancy.
    species : tuple of str
        All species; `Configuration` counts them from 0.
    charges_e : ndarray, shape (species,)
        Their charges (e).
    settled : ndarray of int, shape (sites,)
        Species of the settled sites; -1 where a site is mixed.
    sublattices : tuple of Sublattice
        The mixed sites.
    """

    cell_A: NDArray[np.float64]
    scaled: NDArray[np.float64]
    kinds: NDArray[np.int_]
    species: tuple[str, ...]
    charges_e: NDArray[np.float64]
    settled: NDArray[np.int_]
    sublattices: tuple[Sublattice, ...]

    @property
    def mixed(self) -> NDArray[np.int_]:
        """The mixed sites, in the order of a `Configuration`."""
        return np.flatnonzero(self.settled < 0)

    def orderings(self) -> int:
        """Return how many orderings there are, symmetry-equivalent ones counted each."""
        total = 1
        for sublattice in self.sublattices:
            left = len(sublattice.members)
            for count in sublattice.counts.values():
                total *= math.comb(left, count)
                left -= count
        return total

    def charge_decides(self) -> bool:
        """Return whether ions of different charge share a sublattice, so that energies of orderings differ."""
        return any(len({float(self.charges_e[s]) for s in one.counts}) > 1 for one in self.sublattices)

    def random(self, rng: np.random.Generator) -> Configuration:
        """Return an ordering drawn from all with equal chances."""
        configuration = np.zeros(len(self.mixed), dtype=np.int8)
        for sublattice in self.sublattices:
            ions = np.repeat(list(sublattice.counts), list(sublattice.counts.values())).astype(np.int8)
            configuration[sublattice.members] = rng.permutation(ions)
        return configuration

    def structure(self, configuration: Configuration) -> Structure:
        """Return the atoms of an ordering: by element as in a formula, vacancies left out."""
        codes = self.settled.copy()
        codes[self.mixed] = configuration
        present = [code for code in np.unique(codes) if self.species[code] != VACANCY]
        order = sorted(present, key=lambda code: place_in_formula(self.species[code]))
        sites = [site for code in order for site in np.flatnonzero(codes == code)]
        positions = self.scaled[sites] @ self.cell_A
        return Structure(
            numbers=tuple(atomic_numbers[self.species[codes[site]]] for site in sites),
            positions_A=tuple(tuple(map(float, row)) for row in positions),
            cell_A=tuple(tuple(map(float, row)) for row in self.cell_A),
        )

    def formula(self) -> str:
        """Return the reduced formula, which all orderings have."""
        return self.structure(self.random(np.random.default_rng(0))).formula()


def lattice_of(crystal: Crystal, charges_e: Mapping[str, float]) -> OrderingLattice:
    """Return the ordering problem of a cell.

    Parameters
    ----------
    crystal : Crystal
        The cell, with whole numbers of ions.
    charges_e : mapping
        Charge of every species (e).

    Raises
    ------
    OrderingError
        If a fraction is not a whole number of ions, or the cell is charged.
    """
    counts = whole_counts(crystal)
    kinds = crystal.kinds()
    species = tuple(dict.fromkeys(one for ions in counts.values() for one in ions))
    code = {name: number for number, name in enumerate(species)}
    settled = np.array([code[next(iter(counts[k]))] if len(counts[k]) == 1 else -1 for k in kinds], dtype=int)
    mixed = np.flatnonzero(settled < 0)
    lattice = OrderingLattice(
        cell_A=crystal.cell_A,
        scaled=crystal.scaled,
        kinds=kinds,
        species=species,
        charges_e=np.array([charges_e[name] for name in species], dtype=float),
        settled=settled,
        sublattices=tuple(
            Sublattice(
                name="/".join(sorted(ions, key=lambda name: (name == VACANCY, -ions[name], name))),
                label=crystal.labels[int(np.flatnonzero(kinds == kind)[0])],
                members=np.flatnonzero(kinds[mixed] == kind),
                counts={code[name]: n for name, n in sorted(ions.items(), key=lambda item: (-item[1], item[0]))},
            )
            for kind, ions in counts.items()
            if len(ions) > 1
        ),
    )
    _refuse_charged(lattice, crystal)
    return lattice


def _refuse_charged(lattice: OrderingLattice, crystal: Crystal) -> None:
    whole = lattice.settled[lattice.settled >= 0]
    total = float(lattice.charges_e[whole].sum())
    total += sum(float(lattice.charges_e[s]) * n for one in lattice.sublattices for s, n in one.counts.items())
    if abs(total) > 1e-6:
        what = f"with whole ions, this cell of {len(crystal.scaled)} sites has the charge {total:+.4g} e"
        raise OrderingError(("cell",), f"{what}; write exact fractions such as 2/3 (0.6667), or another cell")
