"""Positions, momenta and thermostats of many walkers, as the rows of tensors on the device of the potential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from ase import units
from numpy.typing import NDArray
from torch import Tensor

from alloop.dynamics.state import Floats, Point, degrees_of_freedom

Integers = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Energies, forces and contacts of some walkers, in float64.

    Attributes
    ----------
    energies_eV : torch.Tensor, shape (walkers,)
        Potential energies.
    forces_eV_per_A : torch.Tensor, shape (walkers, atoms, 3)
        Forces.
    contacts : torch.Tensor, shape (walkers,)
        Shortest contact in sums of covalent radii; infinite where it is beyond the reach of the potential.
    virials_eV : torch.Tensor, shape (walkers,), or None
        Derivative of the energy by the logarithm of the linear size of the cell, the trace of the virial; None where no
        cell moves.
    """

    energies_eV: Tensor
    forces_eV_per_A: Tensor
    contacts: Tensor
    virials_eV: Tensor | None = None


class ForceField(Protocol):
    """A potential for many walkers.

    It must be a pure function of the positions. Caches are allowed if they do not change the result. One that computes
    elsewhere than on the CPU says so in an attribute `device`.
    """

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        """Return energies and forces, and virials where cells may move.

        Parameters
        ----------
        positions_A : torch.Tensor of float64, shape (walkers, atoms, 3)
            Unwrapped Cartesian positions.
        walkers : sequence of int
            Which walkers these are: the same number means the same walker in every call.
        stretches : torch.Tensor of float64, shape (walkers,), or None
            Linear size of each walker's cell over that of the potential's own; None where no cell moves.
        """
        ...


@dataclass(eq=False)
class Phase:
    """The states of several walkers of the same atoms, one row each, with their energies and forces.

    Tensors are in float64 on the device of the potential, and nothing is written into them: a step puts new ones into
    their place, so what was kept of an earlier step stays what it was.

    Attributes
    ----------
    walkers, seeds : ndarray of int, shape (rows,)
        Which walkers these are, and what decides the noise of each.
    numbers : torch.Tensor of int, shape (rows,)
        The walkers, on the device.
    masses_amu : torch.Tensor, shape (atoms,)
        Atomic masses.
    kT_eV : torch.Tensor, shape (rows,)
        Boltzmann's constant times the target temperature.
    stretches, virials_eV : torch.Tensor, shape (rows,)
        Linear size of each walker's cell over that of the potential's own, and see `Evaluation`.
    volume_A3 : float or None
        Volume of the potential's own cell; None where no cell moves.
    """

    step: int
    walkers: Integers
    seeds: Integers
    numbers: Tensor
    masses_amu: Tensor
    kT_eV: Tensor
    positions_A: Tensor
    momenta: Tensor
    chain: Tensor
    chain_rate: Tensor
    heat_eV: Tensor
    energies_eV: Tensor
    forces_eV_per_A: Tensor
    contacts: Tensor
    stretches: Tensor
    virials_eV: Tensor
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
        device = torch.device(getattr(field, "device", "cpu"))

        def sent(values: Sequence[float] | Sequence[Floats] | Floats) -> Tensor:
            return torch.as_tensor(np.array(values, dtype=float)).to(device)

        rows = sent([0.0] * len(points))
        phase = cls(
            step=steps.pop(),
            walkers=np.array(walkers, dtype=int),
            seeds=np.array(seeds, dtype=int),
            numbers=torch.as_tensor(np.array(walkers, dtype=int)).to(device),
            masses_amu=sent(masses_amu),
            kT_eV=float(units.kB) * sent(temperatures_K),
            positions_A=sent([point.positions_A for point in points]),
            momenta=sent([point.momenta for point in points]),
            chain=sent([point.chain for point in points]),
            chain_rate=sent([point.chain_rate for point in points]),
            heat_eV=sent([point.heat_eV for point in points]),
            energies_eV=rows,
            forces_eV_per_A=rows,
            contacts=rows,
            stretches=sent([point.stretch for point in points]),
            virials_eV=rows,
            volume_A3=volume_A3,
        )
        phase.evaluate(field)
        return phase

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.positions_A.device

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
        self.energies_eV, self.contacts = found.energies_eV, found.contacts
        self.forces_eV_per_A = self._without_total(found.forces_eV_per_A)

    def kinetic_energies(self) -> Tensor:
        """Return the kinetic energy (eV) of every walker."""
        return kinetic_energies(self.momenta, self.masses_amu)

    def temperatures(self) -> Tensor:
        """Return the kinetic temperature (K) of every walker."""
        return 2.0 * self.kinetic_energies() / (self.degrees_of_freedom * float(units.kB))

    def volumes(self) -> Tensor:
        """Return the volume of the cell (Å³) of every walker; cells must be free to move."""
        assert self.volume_A3 is not None
        return self.volume_A3 * self.stretches**3

    def rest(self) -> None:
        """Take out the momentum of the centre of mass."""
        self.momenta = self._without_total(self.momenta)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drop the walkers whose row is False."""
        self.walkers, self.seeds = self.walkers[rows], self.seeds[rows]
        kept = torch.as_tensor(np.flatnonzero(rows)).to(self.device)
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name).index_select(0, kept))

    def saved(self) -> dict[str, Tensor | int]:
        """Return what a step changes, for `restore`."""
        return {name: getattr(self, name) for name in ("step", *_PER_ROW)}

    def restore(self, saved: dict[str, Tensor | int]) -> None:
        """Go back to where the same walkers were."""
        for name, value in saved.items():
            setattr(self, name, value)

    def point(self, row: int) -> Point:
        """Return a copy of one walker."""
        return Point(
            step=self.step,
            positions_A=on_host(self.positions_A[row]),
            momenta=on_host(self.momenta[row]),
            chain=on_host(self.chain[row]),
            chain_rate=on_host(self.chain_rate[row]),
            heat_eV=float(self.heat_eV[row]),
            stretch=float(self.stretches[row]),
        )

    def _without_total(self, vectors: Tensor) -> Tensor:
        """Return vectors of atoms without their sum, of which every atom bears a share by its mass."""
        share = self.masses_amu / self.masses_amu.sum()
        return vectors - share[:, None] * vectors.sum(dim=1, keepdim=True)


_ON_HOST = ("step", "walkers", "seeds", "volume_A3")
_PER_ROW = tuple(field.name for field in fields(Phase) if field.name not in (*_ON_HOST, "masses_amu"))


def kinetic_energies(momenta: Tensor, masses_amu: Tensor) -> Tensor:
    """Return the kinetic energies (eV), shape (rows,), of momenta of shape (rows, atoms, 3)."""
    return 0.5 * (momenta.square() / masses_amu[:, None]).sum(dim=(1, 2))


def on_host(values: Tensor) -> Floats:
    """Return a copy as an array."""
    array: Floats = values.cpu().numpy().copy()
    return array
