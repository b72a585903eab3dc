"""Canonical Monte Carlo of orderings: Metropolis swaps of two ions of one sublattice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase.units import kB

from alloop.materials.metropolis import accepts
from alloop.materials.orderings.energy import PairEnergy, swap_energies
from alloop.materials.orderings.lattice import Configuration, OrderingLattice

_DRAWS_AT_ONCE = 4096
_COLDEST = 1e-3
Observer = Callable[[Configuration, float], None]


@dataclass(frozen=True)
class Run:
    """What a run of Monte Carlo did.

    Attributes
    ----------
    attempted, accepted : int
        Swaps of two different ions.
    """

    attempted: int
    accepted: int

    @property
    def acceptance(self) -> float:
        """Share of the attempted swaps that were accepted; NaN if there were none."""
        return self.accepted / self.attempted if self.attempted else math.nan


class Sampler:
    """One chain of orderings at constant composition.

    An attempt takes a mixed site at random, then a site of the same sublattice with another ion at random. Both ways
    between two orderings have the same chance, as the numbers of ions stay, and Metropolis decides (see `accepts`).

    Parameters
    ----------
    lattice : OrderingLattice
        The cell.
    energy : PairEnergy
        Its energies.
    rng : numpy.random.Generator
        Where all random numbers come from.
    """

    def __init__(self, lattice: OrderingLattice, energy: PairEnergy, rng: np.random.Generator) -> None:
        self._lattice, self._energy, self._rng = lattice, energy, rng
        self._partners: list[list[int]] = [[] for _ in lattice.mixed]
        for sublattice in lattice.sublattices:
            for site in sublattice.members:
                self._partners[int(site)] = sublattice.members.tolist()
        self._numbers: list[float] = []
        self.set(lattice.random(rng))

    def set(self, configuration: Configuration) -> None:
        """Go on from an ordering."""
        self.configuration = configuration.copy()
        self.energy_eV = self._energy.of(configuration)
        self._potential = self._energy.potential(configuration)

    def sweep(self, sweeps: int, temperature_K: float, observe: Observer | None = None) -> Run:
        """Attempt as many swaps per sweep as there are mixed sites.

        Parameters
        ----------
        sweeps : int
            Number of sweeps.
        temperature_K : float
            Temperature of the ions (K).
        observe : callable or None
            Is called after every attempt with the ordering and its energy (eV).
        """
        self.set(self.configuration)  # what rounding added up is forgotten
        kT_eV, attempts, accepted = kB * temperature_K, sweeps * len(self.configuration), 0
        for _ in range(attempts):
            i = int(self._number() * len(self.configuration))
            j = self._partner(i)
            cost_eV = self._cost(i, j)
            if accepts(cost_eV, kT_eV, self._number):
                self._swap(i, j, cost_eV)
                accepted += 1
            if observe is not None:
                observe(self.configuration, self.energy_eV)
        return Run(attempts, accepted)

    def _number(self) -> float:
        """Return a random number from 0 to 1, drawn many at a time."""
        if not self._numbers:
            self._numbers = self._rng.random(_DRAWS_AT_ONCE).tolist()
        return self._numbers.pop()

    def _partner(self, i: int) -> int:
        """Return a site of the same sublattice with another ion."""
        members, configuration = self._partners[i], self.configuration
        mine = configuration[i]
        while True:
            j = members[int(self._number() * len(members))]
            if configuration[j] != mine:
                return j

    def _cost(self, i: int, j: int) -> float:
        charges_e, matrix = self._energy.charges_e, self._energy.matrix_eV
        moved = charges_e[self.configuration[j]] - charges_e[self.configuration[i]]
        if moved == 0.0:
            return 0.0
        own = matrix[i, i] + matrix[j, j] - 2.0 * matrix[i, j]
        return float(moved * (self._potential[i] - self._potential[j] + 0.5 * moved * own))

    def _swap(self, i: int, j: int, cost_eV: float) -> None:
        charges_e, configuration = self._energy.charges_e, self.configuration
        moved = charges_e[configuration[j]] - charges_e[configuration[i]]
        configuration[i], configuration[j] = configuration[j], configuration[i]
        if moved != 0.0:
            self._potential += moved * (self._energy.matrix_eV[i] - self._energy.matrix_eV[j])
            self.energy_eV += cost_eV


def anneal(sampler: Sampler, lattice: OrderingLattice, energy: PairEnergy, sweeps: int) -> tuple[Configuration, float]:
    """Cool a chain and let it fall into the nearest minimum; return that ordering and its energy (eV).

    The temperature falls geometrically, one step a sweep, from where a typical swap is free to a thousandth of that.
    Then the swap that gains most is made, until none gains anything.
    """
    hot_K = _typical_cost(sampler, lattice, energy) / kB
    if hot_K > 0.0:
        for temperature_K in hot_K * np.geomspace(1.0, _COLDEST, sweeps):
            sampler.sweep(1, float(temperature_K))
    quenched = quench(sampler.configuration, lattice, energy)
    return quenched, energy.of(quenched)


def quench(configuration: Configuration, lattice: OrderingLattice, energy: PairEnergy) -> Configuration:
    """Return the ordering that is reached by the swaps that gain most."""
    configuration = configuration.copy()
    while True:
        potential = energy.potential(configuration)
        best = (-1e-9, 0, 0)
        for sublattice in lattice.sublattices:
            costs_eV = swap_energies(energy, configuration, potential, sublattice.members)
            i, j = np.unravel_index(int(np.argmin(costs_eV)), costs_eV.shape)
            best = min(best, (float(costs_eV[i, j]), int(sublattice.members[i]), int(sublattice.members[j])))
        _, one, other = best
        if one == other:
            return configuration
        configuration[[one, other]] = configuration[[other, one]]


def _typical_cost(sampler: Sampler, lattice: OrderingLattice, energy: PairEnergy) -> float:
    """Return the median of what a swap in the present ordering costs or gains (eV)."""
    potential = energy.potential(sampler.configuration)
    costs = [np.zeros(0)]
    for sublattice in lattice.sublattices:
        costs_eV = np.abs(swap_energies(energy, sampler.configuration, potential, sublattice.members))
        costs.append(costs_eV[costs_eV > 1e-9])
    every = np.concatenate(costs)
    return float(np.median(every)) if len(every) else 0.0
