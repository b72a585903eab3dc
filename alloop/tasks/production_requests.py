"""What the driver may ask of a worker about transport: production runs, and what follows from them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from alloop.materials.structure import Structure
from alloop.tasks.request import Request
from alloop.tasks.results import Record


class ProductionWalker(Record):
    """One walker of a batch: its target temperature (K), and the seed of its momenta and noise."""

    temperature_K: float = Field(gt=0)
    seed: int = Field(ge=0, lt=2**63)


class ProduceRequest(Request):
    """One segment of production MD of a batch of walkers that begin in the same structure.

    Attributes
    ----------
    structure : Structure
        The supercell. It gives species and cell, and where the first segment begins.
    model : str
        ``fit:<key>`` or ``foundation:<sha256>``.
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
    mobile : str
        Element of the mobile ions.
    stop_temperature_factor : float
        Multiple of the target temperature that stops a walker.
    stop_contact : float
        Contact, in sums of covalent radii, that stops a walker.
    start : str or None
        Key of the segment that is continued; all else but `steps` must be as it was there.
    """

    kind: ClassVar[str] = "produce"
    slot_kind: ClassVar[str] = "measure"

    structure: Structure
    model: str
    dtype: Literal["float32", "float64"]
    walkers: tuple[ProductionWalker, ...] = Field(min_length=1)
    ensemble: Literal["nve", "bussi", "nose_hoover"]
    timestep_fs: float = Field(gt=0)
    thermostat_fs: float = Field(gt=0)
    equilibration_steps: int = Field(ge=0)
    steps: int = Field(gt=0)
    sample_every_steps: int = Field(gt=0)
    snapshot_every: int = Field(gt=0)
    mobile: str
    stop_temperature_factor: float
    stop_contact: float
    start: str | None = None

    @model_validator(mode="after")
    def _ends_with_a_snapshot(self) -> ProduceRequest:
        if self.steps % (self.sample_every_steps * self.snapshot_every):
            raise ValueError("steps must be a multiple of sample_every_steps * snapshot_every")
        return self


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
    mobile : str
        Element of the mobile ions, each of charge `charge_e` (elementary charges).
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
    mobile: str
    charge_e: float
    targets_K: tuple[float, ...]
    planes: dict[str, tuple[int, int, int]]
    min_width_A: float
    density_at_K: float | None
    density_resolution_A: float
