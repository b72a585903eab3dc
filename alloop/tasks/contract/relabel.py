"""Request and result of a relabel: a label made again with changed code."""

from __future__ import annotations

from typing import ClassVar

from alloop.tasks.contract.kind import TaskKind, labels
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import LabellingRequest


class RelabelRequest(LabellingRequest):
    """Ask for an existing label again, made with changed code.

    Attributes
    ----------
    label : str
        Key of the existing label.
    """

    kind: ClassVar[str] = "probe"
    slot_kind: ClassVar[str] = "label"

    label: str


class RelabelSummary(Record):
    """How far a label made again is from the existing one.

    Attributes
    ----------
    energy_eV_per_atom : float
        |ΔE| per atom (eV/atom).
    force_eV_per_A : float
        Largest |ΔF| of a force component (eV/Å).
    stress_eV_per_A3 : float or None
        Largest |Δσ| of a stress component (eV/Å³); None where the existing label has no stress.
    """

    energy_eV_per_atom: float
    force_eV_per_A: float
    stress_eV_per_A3: float | None


RELABEL = TaskKind(
    request=RelabelRequest,
    summary=RelabelSummary,
    data=LabelData,
    run="alloop.tasks.kinds.relabel:relabel",
    simulated="alloop.simulation.answers:relabel",
    work="DFT",
    inputs=lambda request: labels([request.label]),
)
