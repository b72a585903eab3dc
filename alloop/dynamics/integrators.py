"""One step of many walkers: velocity Verlet, and with it the thermostats."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from ase import units

from alloop.dynamics.noise import Purpose, generator
from alloop.dynamics.phase import CHAIN, Floats, ForceField, Phase

EnsembleName = Literal["nve", "bussi", "nose_hoover"]

SUZUKI_YOSHIDA = (1.0 / (2.0 - 2.0 ** (1.0 / 3.0)), 1.0 - 2.0 / (2.0 - 2.0 ** (1.0 / 3.0)))


class Integrator(Protocol):
    """What moves walkers and knows what it conserves."""

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        ...

    def conserved(self, phase: Phase) -> Floats:
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

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step: half a kick, drift, half a kick."""
        phase.momenta += 0.5 * self._dt * phase.forces_eV_per_A
        phase.positions_A += self._dt * phase.momenta / phase.masses_amu[:, None]
        phase.evaluate(field)
        phase.momenta += 0.5 * self._dt * phase.forces_eV_per_A
        phase.step += 1

    def conserved(self, phase: Phase) -> Floats:
        """Return the total energy (eV)."""
        return phase.energies_eV + phase.kinetic_energies()


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
        self._memory = float(np.exp(-timestep_fs / thermostat_fs))

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        super().step(phase, field)
        kinetic_eV, freedom, memory = phase.kinetic_energies(), phase.degrees_of_freedom, self._memory
        one, others = _squares(phase, freedom)
        with np.errstate(all="ignore"):
            share = (1.0 - memory) * 0.5 * phase.kT_eV / kinetic_eV
            squared = memory + share * (one**2 + others) + 2.0 * one * np.sqrt(memory * share)
            sign = np.sign(one + np.sqrt(memory / share))
            factor = sign * np.sqrt(np.maximum(squared, 0.0))
        phase.momenta *= factor[:, None, None]
        phase.heat_eV += (squared - 1.0) * kinetic_eV

    def conserved(self, phase: Phase) -> Floats:
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

    def conserved(self, phase: Phase) -> Floats:
        """Return the energy of the walker with its chain (eV)."""
        masses, moving = self.masses(phase), super().conserved(phase)
        stored = phase.kT_eV * (phase.degrees_of_freedom * phase.chain[:, 0] + phase.chain[:, 1:].sum(axis=1))
        total: Floats = moving + 0.5 * (masses * phase.chain_rate**2).sum(axis=1) + stored
        return total

    def masses(self, phase: Phase) -> Floats:
        """Return the masses of the chains, shape (walkers, CHAIN), in eV times the square of ASE's unit of time."""
        freedom = np.array([phase.degrees_of_freedom] + [1] * (CHAIN - 1))
        masses: Floats = np.outer(phase.kT_eV * self._time**2, freedom)
        return masses

    def start(self, phase: Phase) -> None:
        """Give the chains velocities of the target temperature, so that they begin in equilibrium."""
        draws = np.array([generator(int(seed), "chain").standard_normal(CHAIN) for seed in phase.seeds])
        phase.chain = np.zeros_like(draws)
        phase.chain_rate = draws * np.sqrt(phase.kT_eV[:, None] / self.masses(phase))

    def _half(self, phase: Phase) -> None:
        outer, inner = SUZUKI_YOSHIDA
        masses, twice_kinetic = self.masses(phase), 2.0 * phase.kinetic_energies()
        scale = np.ones(len(twice_kinetic))
        for weight in (outer, inner, outer):
            step = 0.5 * weight * self._dt
            self._push(phase, masses, twice_kinetic * scale**2, step, reversed(range(CHAIN)))
            scale *= np.exp(-step * phase.chain_rate[:, 0])
            phase.chain += step * phase.chain_rate
            self._push(phase, masses, twice_kinetic * scale**2, step, range(CHAIN))
        phase.momenta *= scale[:, None, None]

    def _push(self, phase: Phase, masses: Floats, twice_kinetic: Floats, step: float, order: object) -> None:
        rate = phase.chain_rate
        for j in order:  # type: ignore[attr-defined]
            drag = np.exp(-0.25 * step * rate[:, j + 1]) if j + 1 < CHAIN else 1.0
            above = twice_kinetic if j == 0 else masses[:, j - 1] * rate[:, j - 1] ** 2
            wanted = phase.kT_eV * (phase.degrees_of_freedom if j == 0 else 1)
            rate[:, j] = (rate[:, j] * drag + 0.5 * step * (above - wanted) / masses[:, j]) * drag


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
        self._memory = float(np.exp(-timestep_fs / thermostat_fs))
        self._purpose: Purpose = purpose

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step."""
        phase.momenta += 0.5 * self._dt * phase.forces_eV_per_A
        self._move_cells(phase)
        phase.positions_A += 0.5 * self._dt * phase.momenta / phase.masses_amu[:, None]
        self._kick(phase)
        phase.positions_A += 0.5 * self._dt * phase.momenta / phase.masses_amu[:, None]
        phase.evaluate(field)
        phase.momenta += 0.5 * self._dt * phase.forces_eV_per_A
        phase.step += 1

    def _move_cells(self, phase: Phase) -> None:
        """Change cells where they may; positions, forces and virials belong together here."""

    def _kick(self, phase: Phase) -> None:
        shape = phase.momenta.shape[1:]
        noise = np.array(
            [generator(int(seed), self._purpose, phase.step).standard_normal(shape) for seed in phase.seeds]
        )
        width = np.sqrt((1.0 - self._memory**2) * phase.kT_eV[:, None] * phase.masses_amu)
        phase.momenta *= self._memory
        phase.momenta += width[:, :, None] * noise
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


def _squares(phase: Phase, freedom: int) -> tuple[Floats, Floats]:
    """Return one normal number and the sum of the squares of all others (chi-square, from a gamma draw) per walker."""
    draws = []
    for seed in phase.seeds:
        random = generator(int(seed), "thermostat", phase.step)
        draws.append((random.standard_normal(), 2.0 * random.standard_gamma((freedom - 1) / 2.0)))
    one, others = np.array(draws).T
    return one, others
