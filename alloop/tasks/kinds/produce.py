"""Run production molecular dynamics and write the trajectories from which transport is measured."""

from __future__ import annotations

import io
import math

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from alloop.dynamics.phase import ForceField
from alloop.dynamics.production import (
    Ended,
    Run,
    begin,
)
from alloop.dynamics.production import produce as run_segment
from alloop.dynamics.recorder import ProductionSettings, empty_trajectory, energy_drift
from alloop.dynamics.state import Point
from alloop.dynamics.trajectory import Trajectory
from alloop.failures import TaskFailure
from alloop.tasks.contract.produce import (
    PRODUCE,
    ProduceData,
    ProducedWalker,
    ProduceRequest,
    ProduceSummary,
    ProductionKind,
    ProductionMd,
    WalkerPoint,
    trajectory_file,
)
from alloop.tasks.contract.records import Answer
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_field
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import DamagedResultError, Workspace


def produce(request: ProduceRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Run one segment of production of a batch of walkers and write their trajectories.

    The files of the trajectories are complete before this returns, so a result never lacks one.

    Parameters
    ----------
    request : ProduceRequest
        What to run, and from where.
    workspace : Workspace
        Holds the model and the segment before.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        ProduceSummary and ProduceData as JSON.

    Raises
    ------
    TaskFailure
        With reason ``elements`` if the model lacks an element, or the structure has no mobile ion.
    """
    atoms = request.structure.to_atoms()
    field = load_field(workspace, request.model, atoms, machine.device, request.dtype)
    return produced(request, workspace, field)


def produced(request: ProductionMd, workspace: Workspace, field: ForceField) -> Answer:
    """Run a segment on the surface of a potential; see `produce`."""
    atoms, settings = request.structure.to_atoms(), settings_of(request)
    mobile = mobile_ions(atoms, request.mobile)
    temperatures_K = [walker.temperature_K for walker in request.walkers]
    seeds = [walker.seed for walker in request.walkers]
    stopped: dict[int, Ended] = {}
    if request.start is None:
        points, ends = begin(atoms, temperatures_K, seeds, field, settings)
        stopped.update(ends)
    else:
        points, stopped = _continued(request, workspace, request.start)
    runs = run_segment(atoms, mobile, temperatures_K, seeds, points, field, settings)
    for index, why in stopped.items():
        nothing = empty_trajectory(atoms, mobile, temperatures_K[index], settings)
        runs[index] = Run(why, nothing, math.inf, None)
    return _written(request, workspace, [runs[index] for index in range(len(request.walkers))])


def mobile_ions(atoms: Atoms, named: str | tuple[str, ...]) -> NDArray[np.int_]:
    """Return the indices of the mobile ions of one element or several.

    Raises
    ------
    TaskFailure
        With reason ``elements`` if there are none.
    """
    elements = (named,) if isinstance(named, str) else named
    mobile = np.flatnonzero(np.isin(atoms.numbers, [atomic_numbers.get(element, 0) for element in elements]))
    if not len(mobile):
        raise TaskFailure("elements", f"the structure has no {' or '.join(elements)}")
    return mobile


def read_trajectory(workspace: Workspace, key: str, walker: int, kind: ProductionKind = PRODUCE) -> Trajectory:
    """Return the verified trajectory of one walker of a segment; without samples if it was stopped before.

    Parameters
    ----------
    workspace : Workspace
        Holds it.
    key : str
        Key of the segment.
    walker : int
        Index of the walker in the request.
    kind : TaskKind
        What made it.

    Raises
    ------
    FileNotFoundError
        If there is no such result.
    DamagedResultError
        If the result or the file is damaged.
    """
    content = workspace.companion(kind, key, trajectory_file(key, walker))
    try:
        return Trajectory.load(io.BytesIO(content))
    except Exception as error:  # a hostile file may make numpy and zip raise anything
        raise DamagedResultError(f"the trajectory {walker} of {kind.name}/{key} cannot be read") from error


def _written(request: ProductionMd, workspace: Workspace, runs: list[Run]) -> Answer:
    key = request.key()
    standing = workspace.read(request.kind, key, with_data=True)
    if standing is not None and standing.status == "ok":
        # Another worker finished while this one was suspended; the trajectories next to its result must stay.
        return standing.summary, standing.data
    walkers = []
    for index, (run, asked) in enumerate(zip(runs, request.walkers, strict=True)):
        name = trajectory_file(key, index)
        sha256 = workspace.write_companion(request.kind, name, run.trajectory.to_bytes())
        kinetic_K = run.trajectory.kinetic_K
        walkers.append(
            ProducedWalker(
                temperature_K=asked.temperature_K,
                ended=run.ended,
                samples=run.trajectory.samples,
                mean_kinetic_K=float(kinetic_K.mean()) if len(kinetic_K) else None,
                drift_meV_per_atom_per_ps=energy_drift(run.trajectory),
                min_contact=run.shortest_contact if math.isfinite(run.shortest_contact) else None,
                trajectory_sha256=sha256,
                file=name,
            )
        )
    summary = ProduceSummary(walkers=tuple(walkers))
    data = ProduceData(points=tuple(run.last and _record(run.last) for run in runs))
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def _continued(request: ProductionMd, workspace: Workspace, start: str) -> tuple[dict[int, Point], dict[int, Ended]]:
    """Return where the walkers of the segment before are, and which of them were stopped."""
    kind = KINDS[request.kind]
    ends = workspace.summary(kind, start).walkers
    kept = workspace.data(kind, start).points
    if not len(ends) == len(kept) == len(request.walkers):
        raise DamagedResultError(f"{request.kind}/{start} has other walkers than the segment that continues it")
    points = {index: _point(record) for index, record in enumerate(kept) if record is not None}
    return points, {index: end.ended for index, end in enumerate(ends) if index not in points}


def settings_of(request: ProductionMd) -> ProductionSettings:
    """Return how the runs of a request are made."""
    return ProductionSettings(
        ensemble=request.ensemble,
        timestep_fs=request.timestep_fs,
        thermostat_fs=request.thermostat_fs,
        equilibration_steps=request.equilibration_steps,
        steps=request.steps,
        sample_every_steps=request.sample_every_steps,
        snapshot_every=request.snapshot_every,
        stop_temperature_factor=request.stop_temperature_factor,
        stop_contact=request.stop_contact,
    )


def _record(point: Point) -> WalkerPoint:
    return WalkerPoint(
        step=point.step,
        positions_A=tuple(map(tuple, point.positions_A.tolist())),
        momenta=tuple(map(tuple, point.momenta.tolist())),
        chain=tuple(point.chain.tolist()),
        chain_rate=tuple(point.chain_rate.tolist()),
        heat_eV=point.heat_eV,
    )


def _point(record: WalkerPoint) -> Point:
    return Point(
        step=record.step,
        positions_A=np.array(record.positions_A, dtype=float),
        momenta=np.array(record.momenta, dtype=float),
        chain=np.array(record.chain, dtype=float),
        chain_rate=np.array(record.chain_rate, dtype=float),
        heat_eV=record.heat_eV,
    )
