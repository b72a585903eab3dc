"""One step of many walkers: velocity Verlet, and with it the thermostats."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from ase import units
from torch import Tensor

from alloop.dynamics.noise import Draws, Purpose, generator
from alloop.dynamics.phase import ForceField, Phase
from alloop.dynamics.recorder import EnsembleName
from alloop.dynamics.state import CHAIN

SUZUKI_YOSHIDA = (1.0 / (2.0 - 2.0 ** (1.0 / 3.0)), 1.0 - 2.0 / (2.0 - 2.0 ** (1.0 / 3.0)))


class Integrator(Protocol):
    """What moves walkers and knows what it conserves."""

    def prepare(self, phase: Phase, steps: int) -> int:
        """Draw random numbers for so many steps, and return how many of them need nothing of the host any more."""
        ...

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        ...

    def conserved(self, phase: Phase) -> Tensor:
        """Return what exact integration would keep constant (eV), for every walker."""
        ...


class VelocityVerlet:
    """Constant energy.

    Parameters
    ----------
    timestep_fs : float
        Timestep.
    """

    def __init__(self, timestep_fs: float) -> None:
        self._dt = timestep_fs * float(units.fs)

    def prepare(self, phase: Phase, steps: int) -> int:
        """Return the steps: there is nothing to draw."""
        return steps

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step: half a kick, drift, half a kick."""
        self._half_kick(phase)
        self._drift(phase, self._dt)
        phase.evaluate(field)
        self._half_kick(phase)
        phase.step += 1

    def conserved(self, phase: Phase) -> Tensor:
        """Return the total energy (eV)."""
        return phase.energies_eV + phase.kinetic_energies()

    def _half_kick(self, phase: Phase) -> None:
        phase.momenta = phase.momenta + 0.5 * self._dt * phase.forces_eV_per_A

    def _drift(self, phase: Phase, time: float) -> None:
        phase.positions_A = phase.positions_A + time * phase.momenta / phase.masses_amu[:, None]


class Bussi(VelocityVerlet):
    """Velocity Verlet, then stochastic rescaling of all velocities, which leaves the dynamics nearly as they are.

    The rescaling is the exact solution for the kinetic energy over a step (Bussi, Donadio and Parrinello, J. Chem.
    Phys. 126, 014101 (2007), https://doi.org/10.1063/1.2408420, eq. A7, with the sign of A8).

    Parameters
    ----------
    timestep_fs : float
        Timestep.
    thermostat_fs : float
        Relaxation time of the kinetic energy.
    """

    def __init__(self, timestep_fs: float, thermostat_fs: float) -> None:
        super().__init__(timestep_fs)
        self._memory = math.exp(-timestep_fs / thermostat_fs)
        self._draws = Draws("thermostat", _squares)

    def prepare(self, phase: Phase, steps: int) -> int:
        """Draw for some steps, which count as made when they draw."""
        self._draws.prepare(phase, steps, ahead=1)
        return steps

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        super().step(phase, field)
        kinetic_eV, memory = phase.kinetic_energies(), self._memory
        one, others = self._draws.now(phase).unbind(dim=1)
        share = (1.0 - memory) * 0.5 * phase.kT_eV / kinetic_eV
        squared = memory + share * (one**2 + others) + 2.0 * one * torch.sqrt(memory * share)
        factor = torch.sign(one + torch.sqrt(memory / share)) * torch.sqrt(squared.clamp(min=0.0))
        phase.momenta = phase.momenta * factor[:, None, None]
        phase.heat_eV = phase.heat_eV + (squared - 1.0) * kinetic_eV

    def conserved(self, phase: Phase) -> Tensor:
        """Return the total energy less the heat that the thermostat put in (eV)."""
        return super().conserved(phase) - phase.heat_eV


class NoseHoover(VelocityVerlet):
    """Velocity Verlet between two half steps of a Nosé-Hoover chain on the 3N-3 moving degrees of freedom.

    Martyna, Tuckerman, Tobias and Klein, Mol. Phys. 87, 1117 (1996), https://doi.org/10.1080/00268979600100761, with
    the Suzuki-Yoshida weights of fourth order.

    Parameters
    ----------
    timestep_fs : float
        Timestep.
    thermostat_fs : float
        Time that sets the masses of the chain: (3N-3) kT t² of the first thermostat, kT t² of the others.
    """

    def __init__(self, timestep_fs: float, thermostat_fs: float) -> None:
        super().__init__(timestep_fs)
        self._time = thermostat_fs * float(units.fs)

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        self._half(phase)
        super().step(phase, field)
        self._half(phase)

    def conserved(self, phase: Phase) -> Tensor:
        """Return the energy of the walker with its chain (eV)."""
        masses, moving = self.masses(phase), super().conserved(phase)
        stored = phase.kT_eV * (phase.degrees_of_freedom * phase.chain[:, 0] + phase.chain[:, 1:].sum(dim=1))
        return moving + 0.5 * (masses * phase.chain_rate**2).sum(dim=1) + stored

    def masses(self, phase: Phase) -> Tensor:
        """Return the masses of the chains, shape (walkers, CHAIN), in eV times the square of ASE's unit of time."""
        others = (phase.kT_eV * self._time**2)[:, None]
        return torch.cat([others * phase.degrees_of_freedom, others.expand(-1, CHAIN - 1)], dim=1)

    def start(self, phase: Phase) -> None:
        """Give the chains velocities of the target temperature, so that they begin in equilibrium."""
        drawn = np.array([generator(seed, "chain").standard_normal(CHAIN) for seed in phase.seeds.tolist()])
        draws = torch.as_tensor(drawn).to(phase.device)
        phase.chain = torch.zeros_like(draws)
        phase.chain_rate = draws * torch.sqrt(phase.kT_eV[:, None] / self.masses(phase))

    def _half(self, phase: Phase) -> None:
        outer, inner = SUZUKI_YOSHIDA
        masses, twice_kinetic = self.masses(phase), 2.0 * phase.kinetic_energies()
        scale, rates = torch.ones_like(twice_kinetic), list(phase.chain_rate.unbind(dim=1))
        for weight in (outer, inner, outer):
            step = 0.5 * weight * self._dt
            self._push(rates, phase, masses, twice_kinetic * scale**2, step, reversed(range(CHAIN)))
            scale = scale * torch.exp(-step * rates[0])
            phase.chain = phase.chain + step * torch.stack(rates, dim=1)
            self._push(rates, phase, masses, twice_kinetic * scale**2, step, range(CHAIN))
        phase.chain_rate = torch.stack(rates, dim=1)
        phase.momenta = phase.momenta * scale[:, None, None]

    def _push(
        self,
        rates: list[Tensor],
        phase: Phase,
        masses: Tensor,
        twice_kinetic: Tensor,
        step: float,
        order: Iterable[int],
    ) -> None:
        for j in order:
            drag = torch.exp(-0.25 * step * rates[j + 1]) if j + 1 < CHAIN else 1.0
            above = twice_kinetic if j == 0 else masses[:, j - 1] * rates[j - 1] ** 2
            wanted = phase.kT_eV * (phase.degrees_of_freedom if j == 0 else 1)
            rates[j] = (rates[j] * drag + 0.5 * step * (above - wanted) / masses[:, j]) * drag


class Langevin(VelocityVerlet):
    """BAOAB (Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013), https://doi.org/10.1063/1.4802990).

    Its configurations are accurate at long timesteps, and its noise has no memory. Its friction damps diffusion: it is
    for exploration and equilibration only. It conserves nothing.

    Parameters
    ----------
    timestep_fs : float
        Timestep.
    thermostat_fs : float
        Inverse of the friction.
    purpose : str
        What the noise is for.
    """

    def __init__(self, timestep_fs: float, thermostat_fs: float, purpose: Purpose = "equilibration") -> None:
        super().__init__(timestep_fs)
        self._memory = math.exp(-timestep_fs / thermostat_fs)
        self._draws = Draws(purpose, lambda random, phase: random.standard_normal(tuple(phase.momenta.shape[1:])))

    def prepare(self, phase: Phase, steps: int) -> int:
        """Draw for some steps."""
        self._draws.prepare(phase, steps)
        return steps

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        self._half_kick(phase)
        self._move_cells(phase)
        self._drift(phase, 0.5 * self._dt)
        self._kick(phase)
        self._drift(phase, 0.5 * self._dt)
        phase.evaluate(field)
        self._half_kick(phase)
        phase.step += 1

    def _move_cells(self, phase: Phase) -> None:
        """Change cells where they may; positions, forces and virials belong together here."""

    def _kick(self, phase: Phase) -> None:
        width = torch.sqrt((1.0 - self._memory**2) * phase.kT_eV[:, None] * phase.masses_amu)
        phase.momenta = self._memory * phase.momenta + width[:, :, None] * self._draws.now(phase)
        phase.rest()


def integrator(ensemble: EnsembleName, timestep_fs: float, thermostat_fs: float) -> VelocityVerlet:
    """Return the integrator of an ensemble of production."""
    match ensemble:
        case "bussi":
            return Bussi(timestep_fs, thermostat_fs)
        case "nose_hoover":
            return NoseHoover(timestep_fs, thermostat_fs)
        case _:
            return VelocityVerlet(timestep_fs)


def _squares(random: np.random.Generator, phase: Phase) -> tuple[float, float]:
    """Draw one normal number and the sum of the squares of all others (chi-square, from a gamma draw)."""
    return random.standard_normal(), 2.0 * random.standard_gamma((phase.degrees_of_freedom - 1) / 2.0)
