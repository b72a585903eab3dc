"""The energy of an ordering: point charges in a dielectric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alloop.materials.orderings.ewald import EwaldSum
from alloop.materials.orderings.lattice import Configuration, OrderingLattice

Floats = NDArray[np.float64]
_CLOSE_A = 1.0
_REPULSION_EV = 50.0


class PairEnergy:
    """Energies of orderings (eV): E = E₀ + f·q + q·M·q/2 with the charges q (e) of the mixed sites.

    M is the Ewald matrix over the relative permittivity, f the potential of the settled ions, and E₀ their own energy.
    Two mixed sites closer than 1 Å are one split site: that both hold ions costs 50 eV more per product of charges.

    Parameters
    ----------
    lattice : OrderingLattice
        The cell.
    permittivity : float
        Relative permittivity that screens all charges.
    """

    def __init__(self, lattice: OrderingLattice, permittivity: float) -> None:
        mixed = lattice.mixed
        positions_A = lattice.scaled @ lattice.cell_A
        ewald = EwaldSum(lattice.cell_A, positions_A)
        settled_e = np.where(lattice.settled >= 0, lattice.charges_e[lattice.settled], 0.0)
        potential = ewald.potential(settled_e) / permittivity
        self.charges_e = lattice.charges_e
        self.matrix_eV = ewald.matrix(mixed) / permittivity + _REPULSION_EV * _split(lattice, positions_A[mixed])
        self.field_eV = potential[mixed]
        self.constant_eV = 0.5 * float(settled_e @ potential)

    def of(self, configuration: Configuration) -> float:
        """Return the energy of an ordering (eV)."""
        return float(self.of_all(configuration[None])[0])

    def of_all(self, configurations: NDArray[np.int8]) -> Floats:
        """Return the energies of many orderings (eV), shape (orderings,)."""
        charges_e = self.charges_e[configurations]
        pairs = ((charges_e @ self.matrix_eV) * charges_e).sum(axis=1)
        return np.asarray(self.constant_eV + charges_e @ self.field_eV + 0.5 * pairs)

    def potential(self, configuration: Configuration) -> Floats:
        """Return the potential at every mixed site (eV/e)."""
        return np.asarray(self.field_eV + self.matrix_eV @ self.charges_e[configuration])


def swap_energies(
    energy: PairEnergy, configuration: Configuration, potential: Floats, members: Sequence[int] | NDArray[np.int_]
) -> Floats:
    """Return what it costs (eV) to swap the ions of any two of some sites, shape (members, members)."""
    sites = np.asarray(members)
    charges_e = energy.charges_e[configuration[sites]]
    moved = charges_e[None, :] - charges_e[:, None]
    at, own = potential[sites], energy.matrix_eV[sites, sites]
    between = energy.matrix_eV[np.ix_(sites, sites)]
    return np.asarray(
        moved * (at[:, None] - at[None, :]) + 0.5 * moved**2 * (own[:, None] + own[None, :] - 2.0 * between)
    )


def _split(lattice: OrderingLattice, positions_A: Floats) -> Floats:
    """Return 1 for every pair of mixed sites that are too close to hold ions both, shape (mixed, mixed)."""
    from matscipy.neighbours import neighbour_list

    i, j = neighbour_list("ij", positions=positions_A, cell=lattice.cell_A, pbc=[True] * 3, cutoff=_CLOSE_A)
    result = np.zeros((len(positions_A), len(positions_A)))
    result[i[i != j], j[i != j]] = 1.0
    return result
