"""The state from which molecular dynamics continues: positions, momenta and cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHAIN = 3
"""Thermostats in a Nosé-Hoover chain."""


@dataclass(frozen=True, eq=False)
class MDState:
    """One point of phase space of a periodic cell. The arrays are not to be written to.

    Attributes
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    positions_A : ndarray, shape (atoms, 3)
        Cartesian positions (Å), never wrapped into the cell, so that displacements are differences.
    momenta : ndarray, shape (atoms, 3)
        Momenta in ASE units, sqrt(eV·amu).
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.
    """

    numbers: NDArray[np.int_]
    positions_A: Floats
    momenta: Floats
    cell_A: Floats

    @classmethod
    def of(cls, atoms: Atoms) -> MDState:
        """Copy the state of an ASE object."""
        return cls(atoms.numbers.copy(), atoms.positions.copy(), atoms.get_momenta(), atoms.cell.array.copy())

    def to_atoms(self) -> Atoms:
        """Return a periodic ASE object in this state."""
        atoms = Atoms(numbers=self.numbers, positions=self.positions_A, cell=self.cell_A, pbc=True)
        atoms.set_momenta(self.momenta)
        return atoms

    def is_finite(self) -> bool:
        """Say whether every number is finite."""
        return all(bool(np.isfinite(array).all()) for array in (self.positions_A, self.momenta, self.cell_A))

    def temperature(self) -> float:
        """Return the kinetic temperature (K) of the 3N-3 degrees of freedom without the centre of mass."""
        return kinetic_temperature(self.momenta, self.to_atoms().get_masses())

    def volume(self) -> float:
        """Return the volume of the cell (Å³)."""
        return float(abs(np.linalg.det(self.cell_A)))


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


def degrees_of_freedom(atoms: int) -> int:
    """Return 3N-3: the centre of mass is at rest."""
    return max(3 * atoms - 3, 1)


def kinetic_temperature(momenta: Floats, masses_amu: Floats) -> float:
    """Return twice the kinetic energy over (3N-3) kB (K); not finite where the momenta are not."""
    with np.errstate(all="ignore"):
        twice_kinetic_eV = float((momenta**2 / masses_amu[:, None]).sum())
        return twice_kinetic_eV / (degrees_of_freedom(len(momenta)) * float(units.kB))


def fresh_state(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> MDState:
    """Return the atoms at rest as a whole, with Maxwell-Boltzmann momenta.

    The momenta are drawn from the canonical distribution conditional on zero total momentum, so the kinetic
    temperature of the 3N-3 remaining degrees of freedom fluctuates around `temperature_K` as it should.

    Parameters
    ----------
    atoms : ase.Atoms
        Species, positions and cell; its momenta are ignored.
    temperature_K : float
        Temperature of the distribution (K).
    rng : numpy.random.Generator
        Source of randomness.
    """
    masses = atoms.get_masses()[:, None]
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(masses * units.kB * temperature_K)
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    return MDState(atoms.numbers.copy(), atoms.positions.copy(), momenta, atoms.cell.array.copy())
