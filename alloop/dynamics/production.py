"""Run production molecular dynamics of a batch of walkers, and record trajectories for transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from alloop.dynamics.batch import Stop, WalkerBatch
from alloop.dynamics.integrators import EnsembleName, Langevin, NoseHoover, VelocityVerlet, integrator
from alloop.dynamics.limits import Limits, temperature_limit
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import CHAIN, Floats, ForceField, Phase, Point
from alloop.dynamics.state import fresh_state
from alloop.dynamics.trajectory import Trajectory

Ended = Literal["length"] | Stop


@dataclass(frozen=True)
class ProductionSettings:
    """How a batch of production runs is made.

    Attributes
    ----------
    ensemble : str
        ``nve``, ``bussi`` or ``nose_hoover``.
    timestep_fs, thermostat_fs : float
        Timestep; time constant of the thermostat, and of equilibration.
    equilibration_steps : int
        Steps of Langevin dynamics before a walker's first sample.
    steps : int
        Steps of this segment.
    sample_every_steps, snapshot_every : int
        Steps from one sample to the next, and samples from one snapshot to the next.
    stop_temperature_factor : float
        Multiple of the target that stops a walker; see `temperature_limit`.
    stop_contact : float
        Contact in sums of covalent radii that stops a walker.
    """

    ensemble: EnsembleName
    timestep_fs: float
    thermostat_fs: float
    equilibration_steps: int
    steps: int
    sample_every_steps: int
    snapshot_every: int
    stop_temperature_factor: float
    stop_contact: float


@dataclass(frozen=True, eq=False)
class Run:
    """The outcome of one walker.

    Attributes
    ----------
    ended : str
        ``length``, or why it was stopped.
    trajectory : Trajectory
        All samples before its end; none if it was stopped before the first.
    shortest_contact : float
        Shortest contact of all steps of production, that of its end included, in sums of covalent radii.
    last : Point or None
        From where it continues; None if it was stopped.
    """

    ended: Ended
    trajectory: Trajectory
    shortest_contact: float
    last: Point | None


def begin(
    atoms: Atoms,
    temperatures_K: Sequence[float],
    seeds: Sequence[int],
    field: ForceField,
    settings: ProductionSettings,
) -> tuple[dict[int, Point], dict[int, Stop]]:
    """Equilibrate walkers and return where each begins production, and why others never will.

    Parameters
    ----------
    atoms : ase.Atoms
        The periodic cell they all begin in.
    temperatures_K, seeds : sequence
        Target temperature and seed of each walker.
    field : ForceField
        The potential.
    settings : ProductionSettings
        How.
    """
    zeros = np.zeros(CHAIN)
    points = []
    for temperature_K, seed in zip(temperatures_K, seeds, strict=True):
        state = fresh_state(atoms, temperature_K, generator(seed, "momenta"))
        points.append(Point(0, state.positions_A, state.momenta, zeros, zeros, 0.0))
    walkers = range(len(points))
    phase = Phase.of(points, walkers, atoms.get_masses(), temperatures_K, seeds, field)
    batch = WalkerBatch(phase, field, limits_of(atoms, temperatures_K, settings))
    langevin = Langevin(settings.timestep_fs, settings.thermostat_fs)
    batch.run(langevin, settings.timestep_fs, settings.equilibration_steps)
    phase.step = 0
    method = integrator(settings.ensemble, settings.timestep_fs, settings.thermostat_fs)
    if isinstance(method, NoseHoover) and len(phase.walkers):
        method.start(phase)
    return {int(walker): phase.point(row) for row, walker in enumerate(phase.walkers)}, batch.stopped


def produce(
    atoms: Atoms,
    mobile: np.ndarray,
    temperatures_K: Sequence[float],
    seeds: Sequence[int],
    points: dict[int, Point],
    field: ForceField,
    settings: ProductionSettings,
) -> dict[int, Run]:
    """Run one segment of the walkers that have a point to continue from.

    Parameters
    ----------
    atoms : ase.Atoms
        Species and cell.
    mobile : ndarray of int
        Indices of the mobile ions.
    temperatures_K, seeds : sequence
        Target temperature and seed of every walker, those that are not run included.
    points : dict
        Where walkers continue, by number.
    field : ForceField
        The potential.
    settings : ProductionSettings
        How.

    Returns
    -------
    dict
        What came of each of these walkers.
    """
    if not points:
        return {}
    walkers = sorted(points)
    phase = Phase.of(
        [points[walker] for walker in walkers],
        walkers,
        atoms.get_masses(),
        [temperatures_K[walker] for walker in walkers],
        [seeds[walker] for walker in walkers],
        field,
    )
    method = integrator(settings.ensemble, settings.timestep_fs, settings.thermostat_fs)
    samples = settings.steps // settings.sample_every_steps + 1
    recorders = {w: Recorder(atoms, mobile, points[w], temperatures_K[w], settings, samples) for w in walkers}
    batch = WalkerBatch(phase, field, limits_of(atoms, temperatures_K, settings))
    _sample(phase, method, recorders)
    for _ in range(samples - 1):
        batch.run(method, settings.timestep_fs, settings.sample_every_steps)
        _sample(phase, method, recorders)
    last = {int(walker): phase.point(row) for row, walker in enumerate(phase.walkers)}
    return {
        walker: Run(
            ended=batch.stopped.get(walker, "length"),
            trajectory=recorders[walker].trajectory(),
            shortest_contact=batch.shortest[walker],
            last=last.get(walker),
        )
        for walker in walkers
    }


def limits_of(atoms: Atoms, temperatures_K: Sequence[float], settings: ProductionSettings) -> Limits:
    """Return when walkers are stopped."""
    factor = settings.stop_temperature_factor
    highest_K = [temperature_limit(temperature_K, factor, len(atoms)) for temperature_K in temperatures_K]
    return Limits(np.array(highest_K), settings.stop_contact)


class Recorder:
    """Collects the samples of one walker.

    Parameters
    ----------
    atoms : ase.Atoms
        Species, masses and cell.
    mobile : ndarray of int
        Indices of the mobile ions.
    start : Point
        Where the segment begins: the drift of the framework is counted from here.
    temperature_K : float
        Target temperature.
    settings : ProductionSettings
        How often a sample is taken.
    samples : int
        Most samples there will be.
    """

    def __init__(
        self,
        atoms: Atoms,
        mobile: np.ndarray,
        start: Point,
        temperature_K: float,
        settings: ProductionSettings,
        samples: int,
    ) -> None:
        masses = atoms.get_masses()
        masses[mobile] = 0.0
        total = masses.sum()
        self._framework = masses / total if total > 0.0 else masses
        self._atoms, self._mobile, self._start = atoms, np.asarray(mobile, dtype=int), start.positions_A.copy()
        self._temperature_K, self._settings = temperature_K, settings
        self._taken = 0
        self._mobile_A = np.empty((samples, len(mobile), 3), dtype=np.float32)
        snapshots = (samples - 1) // settings.snapshot_every + 1
        self._snapshots_A = np.empty((snapshots, len(atoms), 3), dtype=np.float32)
        self._drift_A = np.empty((samples, 3))
        self._kinetic_K = np.empty(samples)
        self._conserved_eV = np.empty(samples)

    def take(self, positions_A: Floats, kinetic_K: float, conserved_eV: float) -> None:
        """Take a sample."""
        sample, every = self._taken, self._settings.snapshot_every
        self._mobile_A[sample] = positions_A[self._mobile]
        self._drift_A[sample] = self._framework @ (positions_A - self._start)
        self._kinetic_K[sample], self._conserved_eV[sample] = kinetic_K, conserved_eV
        if sample % every == 0:
            self._snapshots_A[sample // every] = positions_A
        self._taken += 1

    def trajectory(self) -> Trajectory:
        """Return what was taken."""
        taken, every = self._taken, self._settings.snapshot_every
        return Trajectory(
            numbers=self._atoms.numbers.copy(),
            mobile=self._mobile,
            cell_A=self._atoms.cell.array.copy(),
            temperature_K=self._temperature_K,
            interval_fs=self._settings.sample_every_steps * self._settings.timestep_fs,
            snapshot_every=every,
            mobile_A=self._mobile_A[:taken],
            drift_A=self._drift_A[:taken],
            snapshots_A=self._snapshots_A[: -(-taken // every)],
            kinetic_K=self._kinetic_K[:taken],
            conserved_eV=self._conserved_eV[:taken],
        )


def energy_drift(trajectory: Trajectory) -> float | None:
    """Return the slope of the conserved energy (meV per atom and ps); None of fewer than three samples."""
    if trajectory.samples < 3:
        return None
    times_ps = np.arange(trajectory.samples) * trajectory.interval_fs / 1000.0
    slope = np.polyfit(times_ps, trajectory.conserved_eV - trajectory.conserved_eV[0], 1)[0]
    return 1000.0 * float(slope) / len(trajectory.numbers)


def empty_trajectory(
    atoms: Atoms, mobile: np.ndarray, temperature_K: float, settings: ProductionSettings
) -> Trajectory:
    """Return the trajectory of a walker that was stopped before this segment: no samples."""
    nowhere = Point(0, atoms.positions, np.zeros_like(atoms.positions), np.zeros(CHAIN), np.zeros(CHAIN), 0.0)
    return Recorder(atoms, mobile, nowhere, temperature_K, settings, 1).trajectory()


def _sample(phase: Phase, method: VelocityVerlet, recorders: dict[int, Recorder]) -> None:
    kinetic_K, conserved_eV = phase.temperatures(), method.conserved(phase)
    for row, walker in enumerate(phase.walkers):
        recorders[int(walker)].take(phase.positions_A[row], float(kinetic_K[row]), float(conserved_eV[row]))
