"""Request and result of a calibration, with how it fared on labels that it was not made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from alloop.tasks.contract.kind import NoData, TaskKind, labels
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request
from policies.calibration.reliability import CalibrationReport, ReliabilityRow
from policies.calibration.scales import Calibration


class CalibrateSummary(Record):
    """A calibration, how it fared on labels that it was not made from, and where it cannot be trusted.

    Attributes
    ----------
    table, overall : tuple of ReliabilityRow
        Bins of expected error, and the same of every species in one bin each; every frame is predicted by a
        calibration that did not see its label.
    made : tuple of ReliabilityRow
        Bins of the expected errors as they were when the frames were chosen, of those chosen under a calibration that
        was trusted then.
    doubts : dict
        By species: why its expected errors cannot be trusted. Those of all others can be.
    frames, probes, heldout : int
        Labelled frames it was made from, how many of them are random probes, and how many others are held-out frames.
    """

    calibration: Calibration
    table: tuple[ReliabilityRow, ...]
    overall: tuple[ReliabilityRow, ...]
    made: tuple[ReliabilityRow, ...]
    doubts: dict[str, str]
    frames: int
    probes: int
    heldout: int = 0

    @property
    def trusted(self) -> bool:
        """Whether the expected errors of all species can be trusted."""
        return bool(self.calibration.maps) and not self.doubts

    def in_use(self) -> Calibration | None:
        """Return the calibration of the species that can be trusted; None if there is none."""
        maps = {name: one for name, one in self.calibration.maps.items() if name not in self.doubts}
        return Calibration(maps, self.calibration.dof) if maps else None

    @classmethod
    def of(
        cls, report: CalibrationReport, made: tuple[ReliabilityRow, ...], frames: int, probes: int, heldout: int = 0
    ) -> CalibrateSummary:
        """Summarise a report."""
        return cls(
            calibration=report.calibration,
            table=report.table,
            overall=report.overall,
            made=made,
            doubts=dict(report.doubts),
            frames=frames,
            probes=probes,
            heldout=heldout,
        )


class CalibrationFrame(Record):
    """One labelled frame: the selection that chose it, with which probability, and whether that was at random.

    Attributes
    ----------
    labels : int or None
        Labels of the committee that looked at it in the selection; None counts the frame whatever its age.
    walker : str or None
        Walker that offered it; None counts the frame as that of a walker of its own.
    """

    id: str
    selection: str
    label: str
    probability: float = Field(gt=0, le=1)
    probe: bool
    labels: int | None = None
    walker: str | None = None


class CalibrateRequest(Request):
    """Ask for the map from disagreement to error, fitted to labels of frames that a committee had not been fitted on.

    Attributes
    ----------
    frames : tuple of CalibrationFrame
        Training frames, which committees had looked at before they were labelled.
    labels : int or None
        Labels of the present committee.
    heldout : tuple of str
        Keys of the labels of held-out frames …
    heldout_walkers : tuple of str
        … the walker of each; empty counts each frame as that of a walker of its own …
    members : tuple of str
        … and the committee that looks at them, the present one, the leader first.
    """

    kind: ClassVar[str] = "calibrate"
    slot_kind: ClassVar[str] = "measure"

    frames: tuple[CalibrationFrame, ...]
    labels: int | None = None
    heldout: tuple[str, ...] = ()
    heldout_walkers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    dtype: Literal["float32", "float64"] = "float32"

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        for frame in fields["frames"]:
            for name in ("labels", "walker"):
                if frame[name] is None:
                    del frame[name]
        if self.labels is None:
            del fields["labels"]
        if not self.heldout_walkers:
            del fields["heldout_walkers"]
        if not self.heldout:
            del fields["heldout"], fields["members"], fields["dtype"]
        return fields


def _inputs(request: CalibrateRequest) -> Iterator[ResultRef]:
    yield from {ResultRef("select", frame.selection) for frame in request.frames}
    yield from labels((*(frame.label for frame in request.frames), *request.heldout))


CALIBRATE = TaskKind(
    request=CalibrateRequest,
    summary=CalibrateSummary,
    data=NoData,
    run="alloop.tasks.kinds.calibrate:calibrate",
    simulated="alloop.simulation.answers:calibrate",
    work="evaluating",
    models=lambda request: request.members,
    inputs=_inputs,
)
