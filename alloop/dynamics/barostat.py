"""Langevin dynamics with a barostat: walkers whose cells change their volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ase import units

from alloop.dynamics.integrators import Langevin
from alloop.dynamics.noise import Draws
from alloop.dynamics.phase import Phase
from alloop.dynamics.state import Floats

CELL_TIME_FS = 1000.0
BULK_MODULUS_GPA = 30.0
"""Of a typical solid electrolyte. With `CELL_TIME_FS` it sets how fast volumes move, not where to."""
MAX_STRAIN_PER_STEP = 0.02
"""Largest relative change of a cell's length in a step: what wants more leaves the allowed volumes in some steps, and
until then no list of neighbours grows without bounds."""


@dataclass(frozen=True, eq=False)
class Barostat:
    """Settings of the motion of the cells.

    Attributes
    ----------
    pressure_GPa : float
        External pressure.
    cell_A : ndarray, shape (3, 3)
        The potential's own cell; the cells of all walkers are stretched copies of it.
    """

    pressure_GPa: float
    cell_A: Floats

    def volume(self) -> float:
        """Return the volume (Å³) of the potential's own cell."""
        return float(abs(np.linalg.det(self.cell_A)))

    def stretch(self, cell_A: Floats) -> float:
        """Return the linear size of a cell over that of the potential's own.

        Raises
        ------
        ValueError
            If its shape is another.
        """
        stretch = float(np.cbrt(abs(np.linalg.det(cell_A)) / self.volume()))
        if not np.allclose(cell_A, stretch * self.cell_A, rtol=0, atol=1e-6):
            raise ValueError("the cells of walkers of one batch must have the same shape")
        return stretch


class LangevinNPT(Langevin):
    """BAOAB with stochastic rescaling of the cell's volume; its shape stays.

    Bernetti and Bussi, J. Chem. Phys. 153, 114107 (2020), https://doi.org/10.1063/5.0020514: with a bulk modulus B and
    a time t, the square root x of the volume V obeys

        dx = -x / (2 B t) (P - P_int - kT / 2V) dt + sqrt(kT / (2 B t)) dW

    while positions are stretched with the cell. Volumes are those of the NPT ensemble, V^N exp(-(U + PV) / kT),
    whatever B and t are. Positions, momenta and cell are the whole memory: a segment continues from them without a
    piston.

    Momenta stay as they are, and the internal pressure is P_int = NkT / V - W / 3V (W the trace of the virial), with
    the mean of its kinetic part, as in Monte Carlo barostats (Åqvist et al., Chem. Phys. Lett. 384, 288 (2004),
    https://doi.org/10.1016/j.cplett.2003.12.039): momenta that know nothing of the volume leave V^N to the positions.
    So the pressure of a tiny cell is that of a large one although its centre of mass is at rest, and the noise of its
    kinetic energy does not reach the cell.

    Parameters
    ----------
    timestep_fs : float
        Timestep.
    thermostat_fs : float
        Inverse of the friction.
    pressure_GPa : float
        External pressure.
    """

    def __init__(self, timestep_fs: float, thermostat_fs: float, pressure_GPa: float) -> None:
        super().__init__(timestep_fs, thermostat_fs, "exploration")
        self._pressure_eV_per_A3 = pressure_GPa * float(units.GPa)
        self._pace = timestep_fs / CELL_TIME_FS / (BULK_MODULUS_GPA * float(units.GPa))

        self._sizes = Draws("volume", lambda random, phase: random.standard_normal())

    def prepare(self, phase: Phase, steps: int) -> int:
        """Draw for some steps."""
        self._sizes.prepare(phase, steps)
        return super().prepare(phase, steps)

    def _move_cells(self, phase: Phase) -> None:
        volumes_A3 = phase.volumes()
        thermal = phase.kT_eV / volumes_A3
        inner = len(phase.masses_amu) * thermal - phase.virials_eV / (3.0 * volumes_A3)
        drift = -0.5 * self._pace * (self._pressure_eV_per_A3 - inner - 0.5 * thermal)
        moved = (1.0 + drift + torch.sqrt(0.5 * self._pace * thermal) * self._sizes.now(phase)).clamp(min=0.0)
        factor = (moved ** (2.0 / 3.0)).clamp(1.0 - MAX_STRAIN_PER_STEP, 1.0 + MAX_STRAIN_PER_STEP)
        phase.stretches = phase.stretches * factor
        phase.positions_A = phase.positions_A * factor[:, None, None]
