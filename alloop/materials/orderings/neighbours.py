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
        i, j = neighbours(lattice, sublattice)
        ions = configuration[sublattice.members]
        for one, other in combinations(sublattice.counts, 2):
            unlike = ((ions[i] == one) & (ions[j] == other)) | ((ions[i] == other) & (ions[j] == one))
            found.append(
                Correlation(
                    pair="–".join(
                        sorted((lattice.species[one], lattice.species[other]), key=lambda s: (s == VACANCY, s))
                    ),
                    site=sublattice.label,
                    share=float(unlike.mean()),
                    expected=_expected(sublattice, one, other) * float((i != j).mean()),
                )
            )
    return tuple(found)


def neighbours(lattice: OrderingLattice, sublattice: Sublattice) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return both sites of all pairs of neighbours on a sublattice, as places among its members; each pair twice."""
    positions_A = lattice.scaled[lattice.mixed[sublattice.members]] @ lattice.cell_A
    reach_A = 2.0 * (abs(float(np.linalg.det(lattice.cell_A))) / len(positions_A)) ** (1.0 / 3.0)
    while True:
        i, j, distances_A = neighbour_list(
            "ijd", positions=positions_A, cell=lattice.cell_A, pbc=[True] * 3, cutoff=reach_A
        )
        if len(distances_A) and distances_A.min() * _SHELL <= reach_A:
            near = distances_A <= distances_A.min() * _SHELL
            return i[near], j[near]
        reach_A *= 1.5


def _expected(sublattice: Sublattice, one: int, other: int) -> float:
    sites = len(sublattice.members)
    return 2.0 * sublattice.counts[one] * sublattice.counts[other] / (sites * (sites - 1))
