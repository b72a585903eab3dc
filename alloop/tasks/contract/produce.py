"""Request and result of production molecular dynamics, from which transport is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from alloop.materials.structure import Structure, Vector
from alloop.tasks.contract.kind import Companion, TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request


class ProductionWalker(Record):
    """One walker of a batch: its target temperature (K), and the seed of its momenta and noise."""

    temperature_K: float = Field(gt=0)
    seed: int = Field(ge=0, lt=2**63)


class ProductionMd(Request):
    """Base of one segment of production MD of a batch of walkers that begin in the same structure.

    Attributes
    ----------
    structure : Structure
        The supercell. It gives species and cell, and where the first segment begins.
    ensemble : str
        ``nve``, ``bussi`` or ``nose_hoover``.
    thermostat_fs : float
        Time constant of the thermostat; its inverse is the friction of equilibration.
    equilibration_steps : int
        Steps of Langevin dynamics before the first sample of the first segment.
    steps : int
        Steps of the segment: a whole number of snapshots, so that segments can be joined.
    sample_every_steps, snapshot_every : int
        Steps from one sample to the next, and samples from one snapshot of all atoms to the next.
    mobile : str or tuple of str
        Element of the mobile ions, or several.
    stop_temperature_factor : float
        Multiple of the target temperature that stops a walker.
    stop_contact : float
        Contact, in sums of covalent radii, that stops a walker.
    start : str or None
        Key of the segment that is continued; all else but `steps` must be as it was there.
    """

    structure: Structure
    walkers: tuple[ProductionWalker, ...] = Field(min_length=1)
    ensemble: Literal["nve", "bussi", "nose_hoover"]
    timestep_fs: float = Field(gt=0)
    thermostat_fs: float = Field(gt=0)
    equilibration_steps: int = Field(ge=0)
    steps: int = Field(gt=0)
    sample_every_steps: int = Field(gt=0)
    snapshot_every: int = Field(gt=0)
    mobile: str | tuple[str, ...]
    stop_temperature_factor: float
    stop_contact: float
    start: str | None = None

    @model_validator(mode="after")
    def _ends_with_a_snapshot(self) -> ProductionMd:
        if self.steps % (self.sample_every_steps * self.snapshot_every):
            raise ValueError("steps must be a multiple of sample_every_steps * snapshot_every")
        return self


class ProduceRequest(ProductionMd):
    """One segment of production MD under one model, named as by `ModelRef`."""

    kind: ClassVar[str] = "produce"
    slot_kind: ClassVar[str] = "measure"

    model: str
    dtype: Literal["float32", "float64"]


class ProducedWalker(Record):
    """Result of one walker of a segment of production MD; its trajectory is in a file next to the result.

    Attributes
    ----------
    ended : str
        ``length``, or why it was stopped, here or in a segment before: ``nan``, ``temperature`` or ``contact``.
    samples : int
        Samples of this segment; 0 of a walker that was stopped before.
    mean_kinetic_K : float or None
        Mean kinetic temperature of the samples.
    drift_meV_per_atom_per_ps : float or None
        Slope of the conserved energy; None of fewer than three samples.
    min_contact : float or None
        Shortest contact of all steps, that of its end included, in sums of covalent radii; None where every contact
        is beyond the cutoff of the model.
    trajectory_sha256, file : str
        Digest and name of the trajectory's file, in the folder of the result.
    """

    temperature_K: float
    ended: Literal["length", "nan", "temperature", "contact"]
    samples: int = Field(ge=0)
    mean_kinetic_K: float | None
    drift_meV_per_atom_per_ps: float | None
    min_contact: float | None
    trajectory_sha256: str
    file: str


class ProduceSummary(Record):
    """Summary of a ``produce`` task, the walkers in the order of the request."""

    walkers: tuple[ProducedWalker, ...]


class WalkerPoint(Record):
    """The state a walker continues from, to the last bit: positions in Å, momenta in ASE units (sqrt(eV·amu)).

    Attributes
    ----------
    step : int
        Steps of production made, in all segments; with the walker's seed it decides the noise of the next one.
    chain, chain_rate : tuple of float
        Positions and velocities of a Nosé-Hoover chain.
    heat_eV : float
        Energy a stochastic thermostat has put in since production began.
    """

    step: int
    positions_A: tuple[Vector, ...]
    momenta: tuple[Vector, ...]
    chain: tuple[float, ...]
    chain_rate: tuple[float, ...]
    heat_eV: float


class ProduceData(Record):
    """Where the walkers continue, in the order of the request; None for those that were stopped."""

    points: tuple[WalkerPoint | None, ...]


def trajectory_file(key: str, walker: int) -> str:
    """Return the name of the file that holds a walker's trajectory."""
    return f"{key}.{walker:d}.npz"


def trajectory_files(key: str, summary: ProduceSummary) -> Iterator[Companion]:
    """Yield the files of a result."""
    for place, walker in enumerate(summary.walkers):
        yield Companion(trajectory_file(key, place), walker.trajectory_sha256)


def segment_before(request: ProductionMd) -> Iterator[ResultRef]:
    """Yield the segment that a request continues."""
    if request.start is not None:
        yield ResultRef(request.kind, request.start)


def answers_all_walkers(asked: Mapping[str, Any], context: Mapping[str, Any], summary: ProduceSummary) -> bool:
    """Return whether a summary has every walker that was asked for."""
    return len(summary.walkers) == len(asked.get("walkers", ()))


ProductionKind = TaskKind[Any, ProduceData]
"""A kind of task that runs segments of production MD; its summary is a `ProduceSummary`."""

PRODUCE = TaskKind(
    request=ProduceRequest,
    summary=ProduceSummary,
    data=ProduceData,
    run="alloop.tasks.kinds.produce:produce",
    simulated="alloop.simulation.answers:produce",
    work="production MD",
    models=lambda request: (request.model,),
    inputs=segment_before,
    files=trajectory_files,
    answers=answers_all_walkers,
)
