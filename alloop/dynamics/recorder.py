"""Record the samples of a production run. Imports no torch, so that the driver may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from alloop.dynamics.state import CHAIN, Floats, Point
from alloop.dynamics.trajectory import Trajectory

EnsembleName = Literal["nve", "bussi", "nose_hoover"]


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
