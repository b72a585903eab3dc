"""Production MD of a teacher or a student in the cell that the campaigns explore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import read

from alloop.dynamics.production import Ended, begin, produce
from alloop.dynamics.recorder import ProductionSettings, empty_trajectory
from alloop.dynamics.trajectory import Trajectory
from alloop.potential.evaluation.batched import BatchedModel
from alloop.transport.measure import measure
from alloop.transport.settings import MeasureSettings

STRUCTURE = Path(__file__).parents[2] / "configs" / "structures" / "Li3InCl6.extxyz"
MOBILE = "Li"
TIMESTEP_FS, THERMOSTAT_FS, SAMPLE_FS = 2.0, 100.0, 20.0
STOP_CONTACT, STOP_TEMPERATURE_FACTOR = 0.4, 4.0


@dataclass(frozen=True, eq=False)
class Ran:
    """One run: its trajectory, how it ended (``length``, or why it was stopped), and for how long it went (ps)."""

    trajectory: Trajectory
    ended: Ended
    survived_ps: float


@dataclass(frozen=True)
class Diffused:
    """A tracer diffusivity and its standard error (cm²/s); None where the ions did not move enough to tell."""

    D_cm2_s: float | None
    se_cm2_s: float | None
    remark: str | None


def cell() -> Atoms:
    """Return the cell that the campaigns explore."""
    atoms: Atoms = read(STRUCTURE)
    return atoms


def mobile_ions(atoms: Atoms) -> np.ndarray:
    """Return the indices of the mobile ions."""
    return np.flatnonzero(atoms.numbers == atomic_numbers[MOBILE])


def run(
    model: torch.nn.Module,
    temperatures_K: Sequence[float],
    seeds: Sequence[int],
    *,
    length_ps: float,
    equilibration_ps: float,
    snapshot_fs: float,
) -> list[Ran]:
    """Run walkers at constant temperature and return what came of each.

    Parameters
    ----------
    model : torch.nn.Module
        What drives them, in float32.
    temperatures_K, seeds : sequence
        Temperature (K) and seed of each walker.
    length_ps, equilibration_ps : float
        Length of production, and of what is thrown away before it.
    snapshot_fs : float
        Time between two stored positions of all atoms (fs).
    """
    atoms, steps = cell(), round(1000 * length_ps / TIMESTEP_FS)
    mobile, field = mobile_ions(atoms), BatchedModel(model, atoms, device="cpu", dtype="float32")
    settings = ProductionSettings(
        ensemble="bussi",
        timestep_fs=TIMESTEP_FS,
        thermostat_fs=THERMOSTAT_FS,
        equilibration_steps=round(1000 * equilibration_ps / TIMESTEP_FS),
        steps=steps,
        sample_every_steps=round(SAMPLE_FS / TIMESTEP_FS),
        snapshot_every=round(snapshot_fs / SAMPLE_FS),
        stop_temperature_factor=STOP_TEMPERATURE_FACTOR,
        stop_contact=STOP_CONTACT,
    )
    points, stopped = begin(atoms, temperatures_K, seeds, field, settings)
    runs = produce(atoms, mobile, temperatures_K, seeds, points, field, settings)
    return [
        Ran(runs[walker].trajectory, runs[walker].ended, runs[walker].trajectory.length_ps)
        if walker in runs
        else Ran(empty_trajectory(atoms, mobile, temperatures_K[walker], settings), stopped[walker], 0.0)
        for walker in range(len(seeds))
    ]


def snapshots(ran: Ran, skip: int = 0) -> list[Atoms]:
    """Return the stored frames of a run, from the given one on."""
    atoms, frames = cell(), []
    for positions in ran.trajectory.snapshots_A[skip:]:
        frame = atoms.copy()
        frame.positions = positions.astype(float)
        frame.info = {"walker_temperature_K": ran.trajectory.temperature_K}
        frames.append(frame)
    return frames


def diffusivity(runs: Sequence[Ran]) -> Diffused:
    """Return the diffusivity of the mobile ions at the one temperature of some runs."""
    kelvin = runs[0].trajectory.temperature_K
    ends = [str(ran.ended) for ran in runs if ran.ended != "length"]
    broken = {kelvin: ends[0]} if ends else {}
    summary, _ = measure({kelvin: [ran.trajectory for ran in runs]}, MeasureSettings(MOBILE), broken)
    (found,) = summary.temperatures
    remark = found.unphysical or found.unmeasured
    if found.D_tracer_cm2_s is None:
        return Diffused(None, None, remark)
    return Diffused(found.D_tracer_cm2_s.value, found.D_tracer_cm2_s.se, remark)
