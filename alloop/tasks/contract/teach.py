"""Request and result of teaching: frames of a system, labelled by the teacher."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Record, Snapshot
from alloop.tasks.contract.references import SegmentRef
from alloop.tasks.contract.request import Request


class TeachRequest(Request):
    """Frames of one system, each labelled by the teacher.

    Without a student they are rattled copies. With one they come from its molecular dynamics, so that the teacher
    corrects it where it goes, walls included.

    Attributes
    ----------
    student : str or None
        Model that drives the MD, named as by `ModelRef`.
    teacher : dict
        The teacher as a ``label`` section.
    code : dict
        Versions of what decides its answers.
    frames : int
        Frames wanted.
    rattle_A, strain : float
        Largest standard deviation of a displacement of the rattled copies, and standard deviation of each strain
        component, of a copy or of the cell of the whole MD.
    temperatures_K : tuple of float
        Temperatures of the MD, of equally many walkers each.
    per_walker : int
        Frames of one walker that are labelled, of `samples_per_walker` that are `every_steps` steps apart, the first
        after `equilibration_steps`: half of them evenly, the others because they differ most from all labelled ones.
    starts : tuple of SegmentRef or None
        The walker of an earlier round that each walker continues; None, or fewer, for the structure of the request.
    """

    kind: ClassVar[str] = "teach"
    slot_kind: ClassVar[str] = "explore"
    PHYSICS_VERSION: ClassVar[int] = 2
    LABEL_SECTION: ClassVar[str | None] = "teacher"

    structure: Structure
    student: str | None
    teacher: dict[str, Any]
    code: dict[str, str]
    frames: int
    rattle_A: float
    strain: float
    temperatures_K: tuple[float, ...]
    per_walker: int
    samples_per_walker: int
    equilibration_steps: int
    every_steps: int
    timestep_fs: float
    friction_per_fs: float
    min_contact: float
    stop_contact: float
    stop_temperature_factor: float
    dtype: Literal["float32", "float64"]
    seed: int
    starts: tuple[SegmentRef | None, ...] = ()


class TaughtWalker(Record):
    """One walker of the student's MD; `broken` where it turned unphysical."""

    temperature_K: float
    broken: bool


class TeachSummary(Record):
    """What the teacher labelled.

    Attributes
    ----------
    refused : int
        Frames that the teacher gave no usable label.
    largest_force_eV_per_A : float
        Largest force component among the labels.
    student_rmse_meV_per_A : float or None
        Force RMSE of the student against the teacher on frames of walkers that did not break.
    """

    frames: int
    refused: int
    largest_force_eV_per_A: float
    student_rmse_meV_per_A: float | None = None
    walkers: tuple[TaughtWalker, ...] = ()


class TeachData(Record):
    """Labels of the teacher, and the last state of every walker.

    Attributes
    ----------
    temperatures_K : tuple of float or None
        Temperature of the walker that each labelled frame comes from; None of rattled copies and of walkers that broke.
    last_good : tuple of Snapshot or None
        Where each walker stood at its end; None of one that broke.
    """

    labels: tuple[LabelData, ...]
    temperatures_K: tuple[float | None, ...]
    last_good: tuple[Snapshot | None, ...] = ()


def _words(purpose: str, summary: TeachSummary) -> str:
    if summary.student_rmse_meV_per_A is None:
        return f"{summary.frames} frames labelled by the teacher"
    student = f"the student is {summary.student_rmse_meV_per_A:.0f} meV/Å from the teacher"
    return f"{summary.frames} frames labelled by the teacher; {student}"


TEACH = TaskKind(
    request=TeachRequest,
    summary=TeachSummary,
    data=TeachData,
    run="alloop.tasks.kinds.teach:teach",
    simulated="alloop.simulation.teaching:teach",
    work="teaching",
    models=lambda request: (request.student,),
    inputs=lambda request: dict.fromkeys(start.result for start in request.starts if start is not None),
    words=_words,
)
