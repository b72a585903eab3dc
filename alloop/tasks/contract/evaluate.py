"""Request and result of an evaluation: errors of a model on labelled frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from alloop.materials.structure import Vector
from alloop.tasks.contract.kind import TaskKind, labels
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import Request


class EvaluateRequest(Request):
    """Errors of one model on labelled frames."""

    kind: ClassVar[str] = "evaluate"
    slot_kind: ClassVar[str] = "measure"

    model: str
    frames: tuple[str, ...]
    dtype: Literal["float32", "float64"]


class EvaluateSummary(Record):
    """Errors frame by frame, in the order of the request.

    Attributes
    ----------
    energy_error_eV_per_atom : tuple of float
        Predicted minus labelled energy per atom (eV/atom).
    forces_squared_error : tuple of float
        Mean over the frame's 3N force components of the squared error ((eV/Å)²).
    """

    energy_error_eV_per_atom: tuple[float, ...]
    forces_squared_error: tuple[float, ...]


class EvaluateData(Record):
    """Predicted forces of every frame (eV/Å, rounded to 10⁻⁵), in the order of the request.

    Results of earlier versions have none.
    """

    forces_eV_per_A: tuple[tuple[Vector, ...], ...] = ()


def _answers(asked: Mapping[str, Any], context: Mapping[str, Any], summary: EvaluateSummary) -> bool:
    frames = len(asked.get("frames", ()))
    return len(summary.energy_error_eV_per_atom) == len(summary.forces_squared_error) == frames


EVALUATE = TaskKind(
    request=EvaluateRequest,
    summary=EvaluateSummary,
    data=EvaluateData,
    run="alloop.tasks.kinds.evaluate:evaluate",
    simulated="alloop.simulation.answers:evaluate",
    work="evaluating",
    models=lambda request: (request.model,),
    inputs=lambda request: labels(request.frames),
    answers=_answers,
)
