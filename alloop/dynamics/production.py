"""Run production molecular dynamics of a batch of walkers, and record trajectories for transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from ase import Atoms

from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.checks import Stop
from alloop.dynamics.integrators import Langevin, NoseHoover, VelocityVerlet, integrator
from alloop.dynamics.limits import Limits, temperature_limit
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import ForceField, Phase
from alloop.dynamics.recorder import ProductionSettings, Recorder
from alloop.dynamics.state import CHAIN, Point, fresh_state
from alloop.dynamics.trajectory import Trajectory

Ended = Literal["length"] | Stop


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


def _sample(phase: Phase, method: VelocityVerlet, recorders: dict[int, Recorder]) -> None:
    """Take a sample of every walker; the device sends all of it at once."""
    told = [phase.positions_A.flatten(1), phase.temperatures()[:, None], method.conserved(phase)[:, None]]
    for walker, row in zip(phase.walkers.tolist(), torch.cat(told, dim=1).cpu().numpy(), strict=True):
        recorders[walker].take(row[:-2].reshape(-1, 3), float(row[-2]), float(row[-1]))
