"""Positions, momenta and thermostats of many walkers, as the rows of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from ase import units
from numpy.typing import NDArray

from alloop.dynamics.state import degrees_of_freedom

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]

CHAIN = 3
"""Thermostats in a Nosé-Hoover chain."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Energies, forces and contacts of some walkers.

    Attributes
    ----------
    energies_eV : ndarray, shape (walkers,)
        Potential energies.
    forces_eV_per_A : ndarray, shape (walkers, atoms, 3)
        Forces.
    contacts : ndarray, shape (walkers,)
        Shortest contact in sums of covalent radii; infinite where it is beyond the reach of the potential.
    virials_eV : ndarray, shape (walkers,), or None
        Derivative of the energy by the logarithm of the linear size of the cell, the trace of the virial; None where no
        cell moves.
    """

    energies_eV: Floats
    forces_eV_per_A: Floats
    contacts: Floats
    virials_eV: Floats | None = None


class ForceField(Protocol):
    """A potential for many walkers.

    It must be a pure function of the positions. Caches are allowed if they do not change the result.
    """

    def __call__(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Evaluation:
        """Return energies and forces, and virials where cells may move.

        Parameters
        ----------
        positions_A : ndarray, shape (walkers, atoms, 3)
            Unwrapped Cartesian positions.
        walkers : sequence of int
            Which walkers these are: the same number means the same walker in every call.
        stretches : ndarray, shape (walkers,), or None
            Linear size of each walker's cell over that of the potential's own; None where no cell moves.
        """
        ...


@dataclass(frozen=True, eq=False)
class Point:
    """The state of one walker: a run that continues from it gives the same numbers to the last bit.

    Attributes
    ----------
    step : int
        Steps of production made.
    positions_A, momenta : ndarray, shape (atoms, 3)
        Unwrapped positions, and momenta in sqrt(eV·amu).
    chain, chain_rate : ndarray, shape (CHAIN,)
        Positions (no unit) and velocities (in ASE's inverse unit of time) of a Nosé-Hoover chain.
    heat_eV : float
        Energy that a stochastic thermostat has put in.
    stretch : float
        Linear size of the cell over that of the potential's own.
    """

    step: int
    positions_A: Floats
    momenta: Floats
    chain: Floats
    chain_rate: Floats
    heat_eV: float
    stretch: float = 1.0


@dataclass(eq=False)
class Phase:
    """The states of several walkers of the same atoms, one row each, with their energies and forces.

    Attributes
    ----------
    walkers : ndarray of int, shape (rows,)
        Which walkers these are.
    masses_amu : ndarray, shape (atoms,)
        Atomic masses.
    kT_eV : ndarray, shape (rows,)
        Boltzmann's constant times the target temperature.
    seeds : ndarray of int, shape (rows,)
        Decide the noise of each walker.
    stretches, virials_eV : ndarray, shape (rows,)
        Linear size of each walker's cell over that of the potential's own, and see `Evaluation`.
    volume_A3 : float or None
        Volume of the potential's own cell; None where no cell moves.
    """

    step: int
    walkers: Integers
    masses_amu: Floats
    kT_eV: Floats
    seeds: Integers
    positions_A: Floats
    momenta: Floats
    chain: Floats
    chain_rate: Floats
    heat_eV: Floats
    energies_eV: Floats
    forces_eV_per_A: Floats
    contacts: Floats
    stretches: Floats
    virials_eV: Floats
    volume_A3: float | None = None

    @classmethod
    def of(
        cls,
        points: Sequence[Point],
        walkers: Sequence[int],
        masses_amu: Floats,
        temperatures_K: Sequence[float],
        seeds: Sequence[int],
        field: ForceField,
        volume_A3: float | None = None,
    ) -> Phase:
        """Gather walkers that have made the same number of steps, and ask the potential about them.

        Raises
        ------
        ValueError
            If they have not made the same number of steps.
        """
        steps = {point.step for point in points}
        if len(steps) != 1:
            raise ValueError("walkers of one batch must have made the same number of steps")
        rows = len(points)
        phase = cls(
            step=steps.pop(),
            walkers=np.array(walkers, dtype=int),
            masses_amu=np.asarray(masses_amu, dtype=float),
            kT_eV=float(units.kB) * np.array(temperatures_K, dtype=float),
            seeds=np.array(seeds, dtype=int),
            positions_A=np.array([point.positions_A for point in points], dtype=float),
            momenta=np.array([point.momenta for point in points], dtype=float),
            chain=np.array([point.chain for point in points], dtype=float),
            chain_rate=np.array([point.chain_rate for point in points], dtype=float),
            heat_eV=np.array([point.heat_eV for point in points], dtype=float),
            energies_eV=np.empty(rows),
            forces_eV_per_A=np.empty(0),
            contacts=np.empty(rows),
            stretches=np.array([point.stretch for point in points], dtype=float),
            virials_eV=np.zeros(rows),
            volume_A3=volume_A3,
        )
        phase.evaluate(field)
        return phase

    @property
    def degrees_of_freedom(self) -> int:
        """3N-3: the centre of mass is at rest."""
        return degrees_of_freedom(len(self.masses_amu))

    def evaluate(self, field: ForceField) -> None:
        """Ask the potential about the present positions.

        The force on the centre of mass, which rounding leaves or an outer field exerts, is taken out so that it
        stays at rest.
        """
        sizes = None if self.volume_A3 is None else self.stretches
        found = field(self.positions_A, self.walkers.tolist(), sizes)
        if found.virials_eV is not None:
            self.virials_eV = found.virials_eV
        share = self.masses_amu / self.masses_amu.sum()
        total = found.forces_eV_per_A.sum(axis=1, keepdims=True)
        self.energies_eV, self.contacts = found.energies_eV, found.contacts
        self.forces_eV_per_A = found.forces_eV_per_A - share[:, None] * total

    def kinetic_energies(self) -> Floats:
        """Return the kinetic energy (eV) of every walker."""
        energies: Floats = 0.5 * np.einsum("wai,wai,a->w", self.momenta, self.momenta, 1.0 / self.masses_amu)
        return energies

    def temperatures(self) -> Floats:
        """Return the kinetic temperature (K) of every walker."""
        return 2.0 * self.kinetic_energies() / (self.degrees_of_freedom * float(units.kB))

    def volumes(self) -> Floats:
        """Return the volume of the cell (Å³) of every walker; cells must be free to move."""
        assert self.volume_A3 is not None
        volumes: Floats = self.volume_A3 * self.stretches**3
        return volumes

    def rest(self) -> None:
        """Take out the momentum of the centre of mass."""
        share = self.masses_amu / self.masses_amu.sum()
        self.momenta -= share[:, None] * self.momenta.sum(axis=1, keepdims=True)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drop the walkers whose row is False."""
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[rows])

    def point(self, row: int) -> Point:
        """Return a copy of one walker."""
        return Point(
            step=self.step,
            positions_A=self.positions_A[row].copy(),
            momenta=self.momenta[row].copy(),
            chain=self.chain[row].copy(),
            chain_rate=self.chain_rate[row].copy(),
            heat_eV=float(self.heat_eV[row]),
            stretch=float(self.stretches[row]),
        )


_SHARED = ("step", "masses_amu", "volume_A3")
_PER_ROW = tuple(field.name for field in fields(Phase) if field.name not in _SHARED)
