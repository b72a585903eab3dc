"""What the driver may ask of a worker about candidates: which are labelled, and what disagreements of them meant."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from alloop.tasks.request import Request
from alloop.tasks.results import Record
from policies.calibration import Calibration


class SegmentSource(Record):
    """One segment whose offers are candidates.

    Attributes
    ----------
    key : str
        Key of the result that holds the segment.
    place : int
        Place of its walker in that task.
    walker, segment, system, generation
        Where its frames come from; walker and segment begin their names.
    """

    key: str
    walker: str
    segment: int
    system: str
    generation: int
    place: int = 0


class SelectRequest(Request):
    """Which of all offered frames are labelled next.

    Attributes
    ----------
    before : str or None
        Key of the selection before, whose waiting frames are candidates again.
    segments : tuple of SegmentSource
        Segments that ended since then.
    generation : int
        The present committee.
    oldest : int
        Frames offered by a generation before this one are stale.
    policy : str
        Built-in name or ``module:Class``, made with `options`.
    lower_eV_per_A, upper_eV_per_A : float
        Window of the largest expected error over the atoms of a frame (eV/Å).
    count, per_walker : int
        Frames wanted, and the most of one walker.
    probes : int
        How many of them are drawn at random, whatever the policy says.
    members : tuple of str
        The present committee, the leader first, which looks at every candidate again; empty leaves candidates as they
        were offered.
    calibration : Calibration or None
        What the committee's disagreement means; None takes it for the expected error.
    known : tuple of str
        Keys of the labels that are trained on: a frame is new in as far as it is unlike them …
    ordered : tuple of str
        … and unlike these offers (``<kind>/<key>#<index>``), whose labels are still to come.
    quiet : dict
        Segments of each walker since a frame of it was last chosen.
    """

    kind: ClassVar[str] = "select"
    slot_kind: ClassVar[str] = "measure"

    before: str | None
    segments: tuple[SegmentSource, ...]
    generation: int
    oldest: int
    policy: str
    options: dict[str, Any]
    lower_eV_per_A: float
    upper_eV_per_A: float
    count: int
    per_walker: int
    seed: int
    probes: int = Field(0, ge=0)
    members: tuple[str, ...] = ()
    dtype: Literal["float32", "float64"] = "float32"
    calibration: Calibration | None = None
    known: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    quiet: dict[str, int] = Field(default_factory=dict)


class CalibrationFrame(Record):
    """One labelled frame: the selection that chose it, with which probability, and whether that was at random."""

    id: str
    selection: str
    label: str
    probability: float = Field(gt=0, le=1)
    probe: bool


class CalibrateRequest(Request):
    """What the disagreement of the committees means, from the labels of frames that they had looked at before."""

    kind: ClassVar[str] = "calibrate"
    slot_kind: ClassVar[str] = "measure"

    frames: tuple[CalibrationFrame, ...]
