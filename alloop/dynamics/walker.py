"""Thermostatted molecular dynamics of one walker whose cell moves."""

from __future__ import annotations

import math
import warnings
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator
from ase.constraints import FixCom
from ase.md.langevinbaoab import LangevinBAOAB

from alloop.dynamics.state import State, degrees_of_freedom, kinetic_temperature

Fault = Literal["nan", "temperature", "volume"]

CELL_TIME_FS = 1000.0
FALSE_ALARM = 1e-8
VOLUME_RANGE = (0.5, 2.0)
MAX_STRAIN_PER_STEP = 0.02


@dataclass(frozen=True)
class MDSettings:
    """How a walker moves.

    Attributes
    ----------
    temperature_K : float
        Temperature of the thermostat (K).
    timestep_fs : float
        Timestep of the integrator (fs).
    friction_per_fs : float
        Friction of the Langevin thermostat (1/fs).
    pressure_GPa : float
        External pressure (GPa).
    max_temperature_K : float
        Kinetic temperature (K) beyond which the walker is stopped; by default one that nothing survives.
    """

    temperature_K: float
    timestep_fs: float
    friction_per_fs: float
    pressure_GPa: float = 0.0
    max_temperature_K: float = 1e6

    def __post_init__(self) -> None:
        if not self.friction_per_fs > 0:
            raise ValueError("the thermostat needs a positive friction_per_fs")


def temperature_limit(temperature_K: float, factor: float, atoms: int) -> float:
    """Return the kinetic temperature (K) that tells an exploded walker from a healthy one.

    In a small cell the kinetic temperature of a healthy walker swings far above its mean: it is the mean times a
    chi-square variable of 3N-3 degrees of freedom over their number. The limit is `factor` times the target or a
    bound that this variable exceeds less than once in 10⁸ independent looks, whichever is higher (Laurent and
    Massart, Ann. Stat. 28, 1302 (2000), lemma 1: 18 times the target for 2 atoms, 4.0 for 10, 1.5 for 160).

    Parameters
    ----------
    temperature_K : float
        Target (K).
    factor : float
        Multiple of the target that the user calls an explosion.
    atoms : int
        Number of atoms.
    """
    exponent = -math.log(FALSE_ALARM) / degrees_of_freedom(atoms)
    return temperature_K * max(factor, 1 + 2 * math.sqrt(exponent) + 2 * exponent)


class Walker:
    """One trajectory in the NPT ensemble that can be run in pieces and looked at in between.

    The integrator is the BAOAB splitting of Langevin dynamics (Leimkuhler and Matthews, J. Chem. Phys. 138, 174102
    (2013), https://doi.org/10.1063/1.4802990), whose configurations are accurate at long timesteps; the volume is a
    stochastic piston (Quigley and Probert, J. Chem. Phys. 120, 11432 (2004),
    https://doi.org/10.1063/1.1755657). Both are ASE's. Reasons for this choice:

    - Positions, momenta and cell are the whole memory: the noise has none, and the momentum of the piston is
      independent of everything else in equilibrium, so drawing it anew when a segment begins leaves the ensemble
      as it is. Nosé-Hoover chains would have to be carried along, and in ASE they thermostat 3N degrees of freedom
      although their momentum is conserved: 11 % too hot for 10 atoms.
    - Momenta keep the centre of mass at rest by projection, which is exact for Langevin dynamics: the motion of
      the centre of mass separates from the rest.
    - The shape of the cell is fixed because the flexible cell of ASE 3.29 adds the trace of the cell's momentum to
      every element of the drag instead of to its diagonal, which couples compression to shear.

    As the centre of mass is at rest, its share kT/V is missing in the kinetic pressure (0.03 GPa for 10 atoms in
    240 Å³ at 600 K), as in every code that fixes it.

    At the start and after every step cheap checks end the run where it can only get worse: a number that is not
    finite, a kinetic temperature beyond the limit, or a volume that has left half to twice its first
    value. They look ahead to the kick that the present forces will give, so that no atom is ever thrown so far
    that the neighbour search of the next step would take minutes.

    Parameters
    ----------
    start : State
        Where the trajectory begins; momentum of the centre of mass is removed.
    calculator : ase.calculators.calculator.Calculator
        Forces (eV/Å) and stress (eV/Å³).
    settings : MDSettings
        How it moves.
    seed : int or numpy.random.SeedSequence
        Decides the noise: the same start and seed give the same trajectory, bit for bit, on the same machine.
    memory : int
        Number of most recent states to remember.

    Raises
    ------
    ValueError
        If there are fewer than two atoms.
    """

    def __init__(
        self,
        start: State,
        calculator: Calculator,
        settings: MDSettings,
        seed: int | np.random.SeedSequence,
        memory: int = 1,
    ) -> None:
        if len(start.numbers) < 2:
            raise ValueError("a walker needs at least two atoms")
        self.settings = settings
        self.steps = 0
        self.fault: Fault | None = None
        self._first_volume_A3 = start.volume()
        self._atoms = start.to_atoms()
        self._masses = self._atoms.get_masses()
        self._atoms.set_constraint(FixCom())
        self._atoms.set_momenta(start.momenta)
        self._atoms.calc = calculator
        self._dynamics = _integrator(self._atoms, settings, np.random.default_rng(seed))
        self._recent: deque[tuple[int, State]] = deque(maxlen=memory)
        self._temperature_sum_K = 0.0
        self._remember()

    @property
    def state(self) -> State:
        """The present state, which may not be finite after a fault."""
        return State.of(self._atoms)

    @property
    def recent(self) -> list[tuple[int, State]]:
        """The last states before any fault with their steps, newest first."""
        return list(reversed(self._recent))

    @property
    def mean_temperature(self) -> float | None:
        """Mean kinetic temperature (K) of the steps without fault, or None where there were none."""
        counted = self.steps - (self.fault is not None)
        return self._temperature_sum_K / counted if counted > 0 else None

    def run(self, steps: int) -> Fault | None:
        """Make steps until `steps` are made or one of them shows a fault, and return the fault."""
        for _ in range(steps):
            if self.fault is not None:
                break
            with np.errstate(all="ignore"):
                self._dynamics.step()
            self.steps += 1
            self._remember()
        return self.fault

    def _remember(self) -> None:
        self.fault = self._check()
        if self.fault is None:
            state = self.state
            self._recent.append((self.steps, state))
            if self.steps > 0:
                self._temperature_sum_K += kinetic_temperature(state.momenta, self._masses)

    def _check(self) -> Fault | None:
        atoms, accelerations = self._atoms, self._dynamics.accel
        momenta = atoms.arrays["momenta"]
        with np.errstate(all="ignore"):
            kicked = momenta + 0.5 * self._dynamics.dt * accelerations * self._masses[:, None]
        temperatures_K = [kinetic_temperature(values, self._masses) for values in (momenta, kicked)]
        finite = (atoms.positions, atoms.cell.array, accelerations, temperatures_K)
        if not all(np.isfinite(values).all() for values in finite):
            return "nan"
        if max(temperatures_K) > self.settings.max_temperature_K:
            return "temperature"
        return self._check_cell()

    def _check_cell(self) -> Fault | None:
        piston = self._dynamics
        momenta = (piston.p_eps, piston.p_eps + 0.5 * piston.dt * piston.force_eps)
        strain = max(abs(momentum) for momentum in momenta) / piston.barostat_mass * piston.dt
        if not np.isfinite(momenta).all():
            return "nan"
        low, high = VOLUME_RANGE
        relative = self._atoms.get_volume() / self._first_volume_A3
        return None if low < relative < high and strain < MAX_STRAIN_PER_STEP else "volume"


def _integrator(atoms: object, settings: MDSettings, rng: np.random.Generator) -> LangevinBAOAB:
    thermostat = {"temperature_K": settings.temperature_K, "T_tau": units.fs / settings.friction_per_fs}
    stress = -settings.pressure_GPa * units.GPa
    barostat = {"externalstress": stress, "hydrostatic": True, "P_tau": CELL_TIME_FS * units.fs}
    with warnings.catch_warnings():
        # ASE announces its choice of the piston's mass and that constraints are untested; our tests cover both.
        warnings.simplefilter("ignore")
        dynamics = LangevinBAOAB(atoms, settings.timestep_fs * units.fs, rng=rng, **thermostat, **barostat)
    dynamics.p_eps = rng.normal() * np.sqrt(dynamics.barostat_mass * units.kB * settings.temperature_K)
    return dynamics
