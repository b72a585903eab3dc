"""Request and result of transport from production runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import Companion, TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request
from alloop.transport.results import TransportCurves, TransportSummary
from alloop.transport.sites import DensityResult


class MeasureSummary(Record):
    """Transport of one model in one system.

    Attributes
    ----------
    narrow : str
        Why the results may be limited by the size of the cell; empty where it is wide enough.
    density_sha256 : str
        Digest of the grid of the density, in a file next to the result; empty without one.
    """

    transport: TransportSummary
    narrow: str = ""
    density_sha256: str = ""


class MeasureData(Record):
    """Curves of the transport, and the density and sites where they were asked for."""

    curves: TransportCurves
    density: DensityResult | None = None


class ProductionRun(Record):
    """One production run: its temperature (K), the keys of its segments in order, and its place among their walkers."""

    temperature_K: float
    segments: tuple[str, ...]
    walker: int


class MeasureRequest(Request):
    """Transport of one model in one system, from its production runs.

    Attributes
    ----------
    structure : Structure
        The cell that was repeated.
    repeat : tuple of int
        Supercell along each lattice vector.
    runs : tuple of ProductionRun
        Replicas of all temperatures.
    mobile : str or tuple of str
        Element of the mobile ions, each of charge `charge_e` (elementary charges); of several the first that the
        structure has is the one that rungs are compared by.
    targets_K : tuple of float
        Temperatures at which the conductivity is wanted (K).
    planes : dict
        Miller indices of planes by name.
    min_width_A : float
        Distance between periodic faces (Å) below which results are flagged.
    density_at_K : float or None
        Temperature of the density and the sites; None for neither.
    density_resolution_A : float
        Edge of a voxel (Å).
    """

    kind: ClassVar[str] = "measure"
    slot_kind: ClassVar[str] = "measure"

    system: str
    structure: Structure
    repeat: tuple[int, int, int]
    runs: tuple[ProductionRun, ...]
    mobile: str | tuple[str, ...]
    charge_e: float | dict[str, float]
    targets_K: tuple[float, ...]
    planes: dict[str, tuple[int, int, int]]
    min_width_A: float
    density_at_K: float | None
    density_resolution_A: float


def density_file(key: str) -> str:
    """Return the name of the file that holds the grid of a density."""
    return f"{key}.npy"


def measure_files(key: str, summary: MeasureSummary) -> Iterator[Companion]:
    """Yield the file of the density, where there is one."""
    if summary.density_sha256:
        yield Companion(density_file(key), summary.density_sha256)


MEASURE = TaskKind(
    request=MeasureRequest,
    summary=MeasureSummary,
    data=MeasureData,
    run="alloop.tasks.kinds.measure:measure",
    simulated="alloop.simulation.answers:measure",
    work="evaluating",
    inputs=lambda request: (ResultRef("produce", key) for run in request.runs for key in run.segments),
    files=measure_files,
)
