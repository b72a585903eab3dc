"""Time steps of molecular dynamics, on the surface of a model or of the label engine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.integrators import integrator
from alloop.dynamics.phase import ForceField, Phase
from alloop.dynamics.production import begin, limits_of
from alloop.dynamics.recorder import ProductionSettings
from alloop.failures import TaskFailure
from alloop.labelling.registry import engine_of, label_settings
from alloop.tasks.contract.cost import CostByLabelsRequest, CostProbe, CostRequest, CostSummary
from alloop.tasks.contract.records import Answer
from alloop.tasks.kinds.aimd import EngineField
from alloop.tasks.kinds.label import check_geometry, scratch
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace

PACKAGES = ("alloop", "ase", "numpy", "torch", "mace-torch", "gpaw")
THERMOSTAT_FS, STOP_TEMPERATURE_FACTOR, STOP_CONTACT = 100.0, 20.0, 0.2
WARM_UP = 1
"""Steps that are not timed: the first takes what later ones keep."""


def cost(request: CostRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Time steps on the surface of a model.

    Returns
    -------
    tuple of dict
        CostSummary as JSON, and nothing.

    Raises
    ------
    TaskFailure
        ``elements`` if the model lacks an element, ``unstable`` if the dynamics break off.
    """
    from alloop.tasks.models import load_field

    field = load_field(workspace, request.model, request.structure.to_atoms(), machine.device, request.dtype)
    return _timed(request, field, machine.cores("measure"), machine.device)


def cost_by_labels(request: CostByLabelsRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Time steps on the surface of the label engine, each from where the one before ended.

    Raises
    ------
    TaskFailure
        As `cost` does, and ``scf`` or ``dft`` as a label does.
    CodeMismatchError, RanksError, OutOfTimeError
        As of a label.
    """
    settings, atoms = label_settings(request.settings), request.structure.to_atoms()
    engine = engine_of(settings)
    check_geometry(atoms, settings)
    with (
        scratch(engine, workspace, request.kind, request.key()) as folder,
        engine.following(settings, request.code, folder, machine.launch()) as follow,
    ):
        field = EngineField(atoms, follow, settings, STOP_CONTACT)
        return _timed(request, field, machine.cores("label"), "cpu")


def _timed(request: CostProbe, field: ForceField, cores: int, device: str) -> Answer:
    walls_s, cpus_s = _steps(request, field)
    summary = CostSummary(
        atoms=len(request.structure.numbers),
        step_s=statistics.fmean(walls_s),
        se_s=statistics.stdev(walls_s) / len(walls_s) ** 0.5,
        cpu_s=statistics.fmean(cpus_s),
        cores=cores,
        processor=_processor(device),
        machine_cores=os.cpu_count() or 1,
        versions=dict(_versions(PACKAGES)),
    )
    return summary.model_dump(mode="json"), {}


def _steps(request: CostProbe, field: ForceField) -> tuple[list[float], list[float]]:
    """Return the wall and the processor time (s) of every step that counts."""
    atoms, temperatures_K = request.structure.to_atoms(), [request.temperature_K]
    settings = ProductionSettings(
        ensemble="bussi",
        timestep_fs=request.timestep_fs,
        thermostat_fs=THERMOSTAT_FS,
        equilibration_steps=0,
        steps=1,
        sample_every_steps=1,
        snapshot_every=1,
        stop_temperature_factor=STOP_TEMPERATURE_FACTOR,
        stop_contact=STOP_CONTACT,
    )
    points, _ = begin(atoms, temperatures_K, [request.seed], field, settings)
    phase = Phase.of([points[0]], [0], atoms.get_masses(), temperatures_K, [request.seed], field)
    batch = WalkerBatch(phase, field, limits_of(atoms, temperatures_K, settings))
    method = integrator(settings.ensemble, settings.timestep_fs, settings.thermostat_fs)
    times = []
    for _ in range(WARM_UP + request.steps):
        wall, cpu = time.perf_counter(), time.process_time()
        batch.run(method, settings.timestep_fs, 1)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
        if batch.stopped:
            raise TaskFailure("unstable", f"the dynamics broke off: {batch.stopped[0]}")
    walls_s, cpus_s = zip(*times[WARM_UP:], strict=True)
    return list(walls_s), list(cpus_s)


def _processor(device: str) -> str:
    """Return the name of the accelerator, or of the processor as Linux tells it."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for package in packages:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def simulated(request: CostProbe, workspace: Workspace) -> Answer:
    """Answer with a time in proportion to the atoms."""
    atoms = len(request.structure.numbers)
    summary = CostSummary(
        atoms=atoms, step_s=0.01 * atoms, se_s=0.0, cpu_s=0.01 * atoms, cores=1, processor="none", machine_cores=1,
        versions={},
    )  # fmt: skip
    return summary.model_dump(mode="json"), {}
