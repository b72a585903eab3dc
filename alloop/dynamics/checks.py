"""Say of every walker, on its device, why it has to stop."""

from __future__ import annotations

from typing import Literal

import torch
from ase import units
from torch import Tensor

from alloop.dynamics.phase import Phase, kinetic_energies

Stop = Literal["nan", "temperature", "contact", "volume"]
STOPS: tuple[Stop | None, ...] = (None, "temperature", "volume", "contact", "nan")
"""By number; the later ones tell more."""


class Checks:
    """Limits of all walkers of a batch.

    A walker stops where numbers are not finite, at a contact that is too short, where its cell has swollen or shrunk
    too far, and at a kinetic temperature beyond the limit: now, or after the kick that the present forces will give, so
    that no atom is thrown where no neighbour search ends.

    Parameters
    ----------
    phase : Phase
        The walkers where they begin; volumes are relative to theirs.
    temperatures_K : torch.Tensor, shape (all walkers,)
        Highest kinetic temperature of each walker, by its number.
    contact : float
        Shortest contact, in sums of covalent radii.
    volumes : (float, float)
        Smallest and largest volume of a moving cell, over its first one.
    """

    def __init__(self, phase: Phase, temperatures_K: Tensor, contact: float, volumes: tuple[float, float]) -> None:
        self._temperatures_K, self._contact, self._volumes = temperatures_K, contact, volumes
        first = torch.ones_like(temperatures_K)
        self._first_stretches = first.index_copy(0, phase.numbers, phase.stretches)

    def stops(self, phase: Phase, timestep_fs: float) -> Tensor:
        """Return the place in `STOPS` of the reason for which each walker stops, 0 for none; shape (rows,).

        Parameters
        ----------
        phase : Phase
            Where the walkers are.
        timestep_fs : float
            How far ahead it is looked.
        """
        kicked = phase.momenta + 0.5 * timestep_fs * float(units.fs) * phase.forces_eV_per_A
        energies_eV = torch.maximum(phase.kinetic_energies(), kinetic_energies(kicked, phase.masses_amu))
        hottest_K = 2.0 * energies_eV / (phase.degrees_of_freedom * float(units.kB))
        relative = (phase.stretches / self._first_stretches.index_select(0, phase.numbers)) ** 3
        # A number that is not finite times zero is not a number.
        lost = ((hottest_K + phase.energies_eV) * 0.0 + (phase.positions_A * 0.0).sum(dim=(1, 2))).isnan()
        reasons = (
            hottest_K > self._temperatures_K.index_select(0, phase.numbers),
            (relative < self._volumes[0]) | (relative > self._volumes[1]),
            phase.contacts < self._contact,
            lost,
        )
        found = torch.zeros_like(phase.numbers)
        for number, holds in enumerate(reasons, start=1):
            found = torch.where(holds, number, found)
        return found
