"""Requests and results of labels, and of reference energies of isolated atoms."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from alloop.materials.structure import Structure, Vector
from alloop.tasks.contract.kind import NoData, TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.request import LabellingRequest


class AtomRequest(LabellingRequest):
    """The reference energy E0 (eV) of an isolated atom."""

    kind: ClassVar[str] = "atom"
    slot_kind: ClassVar[str] = "label"

    element: str


class LabelRequest(LabellingRequest):
    """The DFT energy, forces and stress of one frame.

    Attributes
    ----------
    source : OfferRef
        The offer that holds the structure. Not in the key.
    structure_sha256 : str
        Digest of the structure.
    """

    kind: ClassVar[str] = "label"
    slot_kind: ClassVar[str] = "label"
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset({"source"})

    source: OfferRef
    structure_sha256: str


class AtomSummary(Record):
    """Reference energy of an isolated atom (eV)."""

    energy_eV: float
    magnetic_moment_muB: float | None = None


class LabelSummary(Record):
    """The part of a label that the journal shows; `scf_rung` is the attempt of the SCF ladder that converged."""

    energy_eV: float
    atoms: Annotated[int, Field(ge=1)]
    max_force_eV_per_A: float
    scf_iterations: int | None = None
    scf_rung: int = 0


class LabelData(Record):
    """A label: force-consistent free energy (eV), forces (eV/Å), stress (eV/Å³, ASE's sign and Voigt order)."""

    structure: Structure
    energy_eV: float
    forces_eV_per_A: tuple[Vector, ...]
    stress_eV_per_A3: tuple[float, float, float, float, float, float] | None

    @model_validator(mode="after")
    def _has_a_force_on_every_atom(self) -> LabelData:
        if len(self.forces_eV_per_A) != len(self.structure.numbers):
            raise ValueError("there must be a force on every atom")
        return self


ATOM = TaskKind(
    request=AtomRequest,
    summary=AtomSummary,
    data=NoData,
    run="alloop.tasks.kinds.label:atom",
    simulated="alloop.simulation.answers:atom",
    work="DFT",
)
LABEL = TaskKind(
    request=LabelRequest,
    summary=LabelSummary,
    data=LabelData,
    run="alloop.tasks.kinds.label:label",
    simulated="alloop.simulation.answers:label",
    work="DFT",
    inputs=lambda request: (request.source.result,),
)
