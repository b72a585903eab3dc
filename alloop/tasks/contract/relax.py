"""Requests and result of a relaxation, by a model or by the label engine."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import LabellingRequest, Request


class Relaxation(Request):
    """Base of the requests of a relaxation.

    Attributes
    ----------
    structure : Structure
        Where it starts.
    cell : bool
        Whether the cell relaxes too.
    pressure_GPa : float
        External pressure on the cell (GPa).
    max_force_eV_per_A : float
        Largest force on an ion, and on the cell, of a relaxed structure (eV/Å).
    """

    structure: Structure
    cell: bool
    pressure_GPa: float
    max_force_eV_per_A: float = Field(gt=0)
    max_steps: int = Field(gt=0)


class RelaxRequest(Relaxation):
    """A relaxation on the surface of one model."""

    kind: ClassVar[str] = "relax"
    slot_kind: ClassVar[str] = "measure"

    model: str
    dtype: Literal["float32", "float64"]


class RelaxByLabelsRequest(Relaxation, LabellingRequest):
    """A relaxation on the surface of the label engine."""

    kind: ClassVar[str] = "relaxbylabels"
    slot_kind: ClassVar[str] = "label"


class Lattice(Record):
    """A cell and its energy: lengths in Å, angles in degrees, volume in Å³, energy in eV per atom."""

    a_A: float
    b_A: float
    c_A: float
    alpha_deg: float
    beta_deg: float
    gamma_deg: float
    volume_A3: float
    energy_eV_per_atom: float


class RelaxSummary(Record):
    """Result of a relaxation.

    Attributes
    ----------
    start, relaxed : Lattice
        The cell before and after.
    moved_A : float
        Root mean square displacement of the ions relative to the cell (Å).
    stress_GPa : float or None
        Largest component of the stress that is left (GPa, external pressure taken off); None in a fixed cell.
    """

    start: Lattice
    relaxed: Lattice
    steps: int
    max_force_eV_per_A: float
    stress_GPa: float | None
    moved_A: float


class RelaxData(Record):
    """The relaxed structure."""

    structure: Structure


def _words(purpose: str, summary: RelaxSummary) -> str:
    before, after = summary.start.volume_A3, summary.relaxed.volume_A3
    return f"{purpose}: relaxed in {summary.steps} steps, volume {before:.4g} to {after:.4g} Å³"


RELAX = TaskKind(
    request=RelaxRequest,
    summary=RelaxSummary,
    data=RelaxData,
    run="alloop.tasks.kinds.relax:relax",
    simulated="alloop.tasks.kinds.relax:simulated",
    work="evaluating",
    models=lambda request: (request.model,),
    words=_words,
)
RELAX_BY_LABELS = TaskKind(
    request=RelaxByLabelsRequest,
    summary=RelaxSummary,
    data=RelaxData,
    run="alloop.tasks.kinds.relax:relax_by_labels",
    simulated="alloop.tasks.kinds.relax:simulated",
    work="DFT",
    words=_words,
)
