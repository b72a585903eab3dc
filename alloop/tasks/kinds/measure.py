"""Measure the transport of a model in a system from its production runs."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from alloop.dynamics.trajectory import Trajectory, concatenate
from alloop.materials.supercell import face_distances, repeated
from alloop.tasks.contract.measure import MeasureData, MeasureRequest, MeasureSummary, density_file
from alloop.tasks.contract.produce import PRODUCE, ProductionKind
from alloop.tasks.contract.records import Answer
from alloop.tasks.kinds.produce import read_trajectory
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from alloop.transport.sites import DensityResult


def measure(request: MeasureRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Measure the transport of one model in one system from its production runs.

    Parameters
    ----------
    request : MeasureRequest
        The runs, and what is wanted of them.
    workspace : Workspace
        Holds the trajectories.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        MeasureSummary and MeasureData as JSON.
    """
    return measured(request, workspace, PRODUCE)


def measured(request: MeasureRequest, workspace: Workspace, made_by: ProductionKind, skip_ps: float = 0.0) -> Answer:
    """Measure runs that tasks of a kind made, without the first `skip_ps` (ps) of each; see `measure`."""
    from alloop.transport.measure import measure as measure_transport
    from alloop.transport.settings import MeasureSettings

    settings = MeasureSettings(
        mobile=request.mobile,
        charge_e=request.charge_e,
        targets_K=request.targets_K,
        planes=request.planes,
        skip_ps=skip_ps,
    )
    temperatures_K = sorted({run.temperature_K for run in request.runs})
    runs = {kelvin: _read_runs(request, kelvin, workspace, made_by) for kelvin in temperatures_K}
    transport, curves = measure_transport(
        {kelvin: [run.trajectory for run in read] for kelvin, read in runs.items()},
        settings,
        broken={kelvin: why for kelvin, read in runs.items() for why in _ends(read)},
    )
    density, sha256 = _density(request, runs.get(request.density_at_K or 0.0, []), workspace, skip_ps)
    summary = MeasureSummary(transport=transport, narrow=_narrow(request), density_sha256=sha256)
    data = MeasureData(curves=curves, density=density)
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def _density(
    request: MeasureRequest, runs: list[_Read], workspace: Workspace, skip_ps: float
) -> tuple[DensityResult | None, str]:
    """Return density and sites, and the digest of the grid that was written; nothing if there is no density."""
    from alloop.transport.density import DensitySettings
    from alloop.transport.sites import analyse_density

    if not runs:
        return None, ""
    elements = (request.mobile,) if isinstance(request.mobile, str) else request.mobile
    element = next((one for one in elements if one in request.structure.elements()), None)
    settings = DensitySettings(
        resolution_A=request.density_resolution_A, skip_ps=skip_ps, repeat=request.repeat, element=element
    )
    start = repeated(request.structure, request.repeat).to_atoms().get_scaled_positions(wrap=False)
    try:
        found, grid_per_A3 = analyse_density([run.trajectory for run in runs], settings, start)
    except ValueError:
        return None, ""
    buffer = io.BytesIO()
    np.save(buffer, grid_per_A3.astype(np.float32), allow_pickle=False)
    return found, workspace.write_companion(request.kind, density_file(request.key()), buffer.getvalue())


@dataclass(frozen=True, eq=False)
class _Read:
    """One production run as a whole, and how it ended."""

    trajectory: Trajectory
    ended: str


def _read_runs(
    request: MeasureRequest, temperature_K: float, workspace: Workspace, made_by: ProductionKind
) -> list[_Read]:
    """Return the runs of a temperature; one whose first segment failed is left out."""
    found = []
    for run in request.runs:
        if run.temperature_K == temperature_K and run.segments:
            parts = [read_trajectory(workspace, key, run.walker, made_by) for key in run.segments]
            last = workspace.summary(made_by, run.segments[-1])
            whole = concatenate([part for part in parts if part.samples] or parts[:1])
            found.append(_Read(whole, last.walkers[run.walker].ended))
    return found


def _ends(runs: list[_Read]) -> list[str]:
    """Return why runs ended before their length, in words."""
    if not runs:
        return ["no segment of its dynamics could be computed"]
    broken = [run for run in runs if run.ended in _WHY]
    return [f"a run ended after {run.trajectory.length_ps:.3g} ps: {_WHY[run.ended]}" for run in broken]


_WHY = {
    "nan": "the forces were numbers that are not finite",
    "temperature": "its temperature ran away",
    "contact": "two atoms merged",
}


def _narrow(request: MeasureRequest) -> str:
    widths = face_distances(repeated(request.structure, request.repeat))
    if min(widths) >= request.min_width_A - 1e-6:
        return ""
    return f"limited by size: periodic faces are {min(widths):.3g} Å apart, less than {request.min_width_A:g} Å"
