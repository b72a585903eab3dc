"""Cheap potentials for a batch of walkers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from torch import Tensor

from alloop.dynamics.phase import Evaluation, on_host
from alloop.dynamics.state import Floats

SIGMA_A, EPSILON_EV = 3.4, 0.0104


@dataclass
class Answer:
    """An `Evaluation` in arrays."""

    energies_eV: Floats
    forces_eV_per_A: Floats
    contacts: Floats
    virials_eV: Floats | None = None


class OfArrays:
    """A force field that answers in arrays."""

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        sizes = None if stretches is None else on_host(stretches)
        with np.errstate(all="ignore"):
            told = self.answer(on_host(positions_A), walkers, sizes)
        virials = None if told.virials_eV is None else torch.as_tensor(told.virials_eV)
        rest = (told.energies_eV, told.forces_eV_per_A, told.contacts)
        return Evaluation(*(torch.as_tensor(one, dtype=torch.float64) for one in rest), virials)

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        raise NotImplementedError


def argon(cells: int = 2, density: float = 0.7) -> Atoms:
    """Argon on an fcc lattice of a reduced density."""
    return bulk("Ar", "fcc", a=SIGMA_A * (4.0 / density) ** (1.0 / 3.0), cubic=True).repeat(cells)


@dataclass
class LennardJones(OfArrays):
    """Argon in a cubic cell, cut so that energy and force go to zero, at half the cell by default.

    Every pair counts once: no cell may become smaller than twice the cut.
    """

    length_A: float
    cut_A: float | None = None

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        rows, atoms = positions_A.shape[:2]
        i, j = np.triu_indices(atoms, 1)
        vectors = positions_A[:, i] - positions_A[:, j]
        lengths_A = self.length_A * (np.ones(rows) if stretches is None else stretches)[:, None, None]
        vectors -= lengths_A * np.rint(vectors / lengths_A)
        distances = np.sqrt(np.einsum("wpi,wpi->wp", vectors, vectors))
        cut = self.cut_A or 0.5 * self.length_A
        near = distances < cut
        energies, slopes = _lennard_jones(distances)
        energy_cut, slope_cut = _lennard_jones(np.array(cut))
        energies = np.where(near, energies - energy_cut - slope_cut * (distances - cut), 0.0)
        pull = np.where(near, (slopes - slope_cut) / distances, 0.0)[:, :, None] * vectors
        matrix = np.zeros((rows, atoms, atoms, 3))
        matrix[:, i, j], matrix[:, j, i] = -pull, pull
        virials = None if stretches is None else np.einsum("wpi,wpi->w", vectors, pull)
        return Answer(energies.sum(axis=1), matrix.sum(axis=2), distances.min(axis=1) / (2 * 1.06), virials)


def _lennard_jones(distances_A: Floats) -> tuple[Floats, Floats]:
    six = (SIGMA_A / distances_A) ** 6
    return 4 * EPSILON_EV * (six**2 - six), 4 * EPSILON_EV * (6 * six - 12 * six**2) / distances_A


@dataclass
class Einstein(OfArrays):
    """Atoms bound to their sites by springs (eV/Å²)."""

    sites_A: Floats
    spring: float = 2.0

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        away = positions_A - self.sites_A
        energies = 0.5 * self.spring * (away**2).sum(axis=(1, 2))
        return Answer(energies, -self.spring * away, np.full(len(positions_A), np.inf))


@dataclass
class Free(OfArrays):
    """No forces."""

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        rows = len(positions_A)
        return Answer(np.zeros(rows), np.zeros_like(positions_A), np.full(rows, np.inf))


@dataclass
class FromAse(OfArrays):
    """An ASE calculator, walker by walker."""

    atoms: Atoms
    calculator: Calculator

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        atoms = self.atoms.copy()
        atoms.calc = self.calculator
        energies, forces, virials = [], [], []
        for row, one in enumerate(positions_A):
            if stretches is not None:
                atoms.set_cell(stretches[row] * self.atoms.cell)
            atoms.positions[:] = one
            energies.append(atoms.get_potential_energy())
            forces.append(atoms.get_forces())
            if stretches is not None:
                virials.append(atoms.get_volume() * atoms.get_stress()[:3].sum())
        told = None if stretches is None else np.array(virials)
        return Answer(np.array(energies), np.array(forces), np.full(len(energies), np.inf), told)


@dataclass
class ElasticGas(OfArrays):
    """Free atoms in cells whose volume costs energy: their volumes in the NPT ensemble are known exactly."""

    bulk_modulus_eV_per_A3: float
    volume_A3: float

    def answer(self, positions_A: Floats, walkers: Sequence[int], stretches: Floats | None = None) -> Answer:
        assert stretches is not None
        volumes = self.volume_A3 * stretches**3
        stresses = self.bulk_modulus_eV_per_A3 * (volumes / self.volume_A3 - 1.0)
        rows = len(positions_A)
        return Answer(np.zeros(rows), np.zeros_like(positions_A), np.full(rows, np.inf), 3 * volumes * stresses)

    def expected(self, atoms: int, kT_eV: float, pressure_eV_per_A3: float) -> tuple[float, float]:
        """Return mean and standard deviation of the volume (Å³): density V^N exp(-(U + PV) / kT)."""
        volumes = np.linspace(0.2, 3.0, 20_001) * self.volume_A3
        energy = self.bulk_modulus_eV_per_A3 * (volumes - self.volume_A3) ** 2 / (2 * self.volume_A3)
        exponent = atoms * np.log(volumes) - (energy + pressure_eV_per_A3 * volumes) / kT_eV
        weights = np.exp(exponent - exponent.max())
        mean = float(np.average(volumes, weights=weights))
        return mean, float(np.sqrt(np.average((volumes - mean) ** 2, weights=weights)))
