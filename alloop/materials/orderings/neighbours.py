"""Short-range order: which ions of a sublattice are neighbours, compared with chance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from alloop.materials.orderings.crystal import VACANCY
from alloop.materials.orderings.lattice import Configuration, OrderingLattice, Sublattice

_SHELL = 1.2
Ions = NDArray[np.integer]
Pairs = tuple[NDArray[np.int_], NDArray[np.int_]]


@dataclass(frozen=True)
class Correlation:
    """How often two ions are neighbours.

    Attributes
    ----------
    pair : str
        The ions, for instance ``P–Si``.
    site : str
        Label of the first site of their sublattice.
    share : float
        Share of the pairs of neighbouring sites that hold them.
    expected : float
        Its exact mean over all orderings.
    """

    pair: str
    site: str
    share: float
    expected: float

    @property
    def order(self) -> float:
        """Warren-Cowley parameter: 0 for chance, negative where unlike ions seek each other, at most 1."""
        return 1.0 - self.share / self.expected if self.expected else 0.0


def correlations(lattice: OrderingLattice, configuration: Configuration) -> tuple[Correlation, ...]:
    """Return the correlations of the first neighbours on each sublattice.

    Neighbours are sites of one sublattice up to 1.2 times as far apart as its nearest two. The mean is exact for the
    numbers of ions that the cell holds: n_A n_B / n (n - 1) for two different sites, and 0 for a site and its image.
    """
    found = []
    for sublattice in lattice.sublattices:
        pairs = neighbours(lattice, sublattice)
        ions = configuration[sublattice.members]
        for one, other in combinations(sublattice.counts, 2):
            found.append(
                Correlation(
                    pair="–".join(
                        sorted((lattice.species[one], lattice.species[other]), key=lambda s: (s == VACANCY, s))
                    ),
                    site=sublattice.label,
                    share=unlike_share(ions, pairs, one, other),
                    expected=expected_share(pairs, len(ions), sublattice.counts[one], sublattice.counts[other]),
                )
            )
    return tuple(found)


def unlike_share(ions: Ions, pairs: Pairs, one: int, other: int) -> float:
    """Return the share of pairs of neighbouring sites that hold one ion of each of two kinds.

    Parameters
    ----------
    ions : ndarray of int, shape (sites,)
        What every site holds.
    pairs : (ndarray of int, ndarray of int)
        Both sites of all pairs of neighbours; each pair twice.
    one, other : int
        The two kinds.
    """
    at, beside = ions[pairs[0]], ions[pairs[1]]
    return float((((at == one) & (beside == other)) | ((at == other) & (beside == one))).mean())


def expected_share(pairs: Pairs, sites: int, ones: int, others: int) -> float:
    """Return the exact mean of `unlike_share` over all orderings of some numbers of two kinds of ions on the sites."""
    return 2.0 * ones * others / (sites * (sites - 1)) * float((pairs[0] != pairs[1]).mean())


def neighbours(lattice: OrderingLattice, sublattice: Sublattice) -> Pairs:
    """Return both sites of all pairs of neighbours on a sublattice, as places among its members; each pair twice."""
    return near_pairs(lattice.scaled[lattice.mixed[sublattice.members]] @ lattice.cell_A, lattice.cell_A)


def near_pairs(positions_A: NDArray[np.float64], cell_A: NDArray[np.float64]) -> Pairs:
    """Return both sites of all pairs of sites up to 1.2 times as far apart as the nearest two; each pair twice.

    Parameters
    ----------
    positions_A : ndarray, shape (sites, 3)
        The sites (Å).
    cell_A : ndarray, shape (3, 3)
        The periodic cell, one vector per row (Å).
    """
    reach_A = 2.0 * (abs(float(np.linalg.det(cell_A))) / len(positions_A)) ** (1.0 / 3.0)
    while True:
        i, j, distances_A = neighbour_list("ijd", positions=positions_A, cell=cell_A, pbc=[True] * 3, cutoff=reach_A)
        if len(distances_A) and distances_A.min() * _SHELL <= reach_A:
            near = distances_A <= distances_A.min() * _SHELL
            return i[near], j[near]
        reach_A *= 1.5
