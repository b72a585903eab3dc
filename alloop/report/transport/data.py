"""Gather what the report shows of transport, from the journal and the files of the measurements."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.over_composition import places_of
from alloop.report.transport.sections import TransportData
from alloop.report.transport.tables import Chosen, ErrorKey, HeldoutErrors, RungTransport, by_element
from alloop.state.records import StudyResult, TaskState
from alloop.state.state import CampaignState
from alloop.status.numbers import finite
from alloop.status.summary import RungRow, rung_rows, subset_rows
from alloop.studies.aimd_findings import Told, measurements
from alloop.tasks.contract.aimd import MEASURE_AIMD
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.measure import MEASURE, MeasureData, MeasureSummary, density_file
from alloop.tasks.workspace import DamagedResultError, Workspace
from alloop.transport.results import Measured

UNREADABLE = (DamagedResultError, FileNotFoundError, OSError, ValueError)
"""A file of a measurement that cannot be read is left out; the numbers in the journal do not need it."""


def transport_data(state: CampaignState, workspace: Workspace) -> TransportData:
    """Return every measurement of the campaign at its newest length; curves and density of the first fits.

    Parameters
    ----------
    state : CampaignState
        The campaign.
    workspace : Workspace
        Its files.
    """
    rungs: list[RungTransport] = []
    densities: list[DensityView] = []
    for task in _newest(state):
        assert task.finished is not None
        name, fit, system = task.context["rung"], int(task.context["fit"]), task.context["system"]
        rung = state.rung(name)
        chosen: Chosen = "random subset" if rung.kind == "random" else "acquired"
        data = _data(workspace, task.key) if fit == 0 else None
        summary = MeasureSummary.model_validate(task.finished.summary).transport
        curves = data.curves if data else None
        rungs += by_element(RungTransport(rung.size, chosen, system, fit, summary, curves))
        view = _density(workspace, task.key, data, system, chosen, rung.size)
        densities += [] if view is None else [view]
    by_engine = [view for told, one in measurements(state) if (view := _engine_density(told, one, workspace))]
    largest = {view.system: view for view in sorted(densities, key=lambda view: (view.kind == "acquired", view.size))}
    return TransportData(
        rungs=rungs,
        densities=[*largest.values(), *by_engine],
        errors=_errors(state),
        compositions=_compositions(state),
        places=places_of(state.config),
    )


def _compositions(state: CampaignState) -> dict[str, str]:
    """Return the composition of every system that is measured."""
    named = state.config.get("ladder", {}).get("measure_on")
    systems = state.created.systems if state.created is not None else ()
    return {one.name: one.composition for one in systems if named is None or {one.name, one.composition} & {*named}}


def _newest(state: CampaignState) -> Iterator[TaskState]:
    """Yield the measurement of every rung, fit and system that is of the longest runs."""
    newest: dict[tuple[str, int, str], TaskState] = {}
    for task in state.tasks.values():
        context = task.context
        if task.task != "measure" or task.status != "ok" or context["measuring"] != state.measurings:
            continue
        try:
            state.rung(context["rung"])
        except KeyError:
            continue
        newest[context["rung"], context["fit"], context["system"]] = task
    yield from newest.values()


def _engine_density(told: Told, result: StudyResult, workspace: Workspace) -> DensityView | None:
    """Return the density of molecular dynamics by the label engine."""
    if result.summary is None:
        return None
    data = _data(workspace, result.key, MEASURE_AIMD)
    view = _density(workspace, result.key, data, told.system, "AIMD", 0, MEASURE_AIMD)
    return view and replace(view, method=told.method)


def _data(workspace: Workspace, key: str, kind: TaskKind[Any, MeasureData] = MEASURE) -> MeasureData | None:
    try:
        return workspace.data(kind, key)
    except UNREADABLE:
        return None


def _density(
    workspace: Workspace,
    key: str,
    data: MeasureData | None,
    system: str,
    chosen: Chosen,
    size: int,
    kind: TaskKind[Any, MeasureData] = MEASURE,
) -> DensityView | None:
    if data is None or data.density is None:
        return None
    try:
        content = workspace.companion(kind, key, density_file(key))
        grid = np.load(io.BytesIO(content), allow_pickle=False).astype(float)
    except UNREADABLE:
        return None
    return DensityView(system=system, kind=chosen, size=size, fit=0, result=data.density, grid_per_A3=grid)


def _errors(state: CampaignState) -> dict[ErrorKey, HeldoutErrors]:
    rows: list[tuple[Chosen, RungRow]] = [("acquired", row) for row in rung_rows(state)]
    rows += [("random subset", row) for row in subset_rows(state)]
    found = {}
    for chosen, row in rows:
        forces, energy = finite(row.rmse_forces_meV_per_A), finite(row.rmse_energy_meV_per_atom)
        if forces is not None and energy is not None:
            found[chosen, row.size] = HeldoutErrors(
                forces_meV_per_A=Measured(value=forces, se=finite(row.se_forces_meV_per_A)),
                energy_meV_per_atom=Measured(value=energy, se=finite(row.se_energy_meV_per_atom)),
            )
    return found
