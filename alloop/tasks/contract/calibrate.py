"""Request and result of a calibration, with how it fared on labels that it was not made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from alloop.tasks.contract.kind import NoData, TaskKind
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
        By species: why its expected errors cannot be trusted. Without a doubt all can be.
    frames, probes : int
        Labelled frames it was made from, and how many of them were drawn at random.
    """

    calibration: Calibration
    table: tuple[ReliabilityRow, ...]
    overall: tuple[ReliabilityRow, ...]
    made: tuple[ReliabilityRow, ...]
    doubts: dict[str, str]
    frames: int
    probes: int

    @property
    def trusted(self) -> bool:
        """Whether the expected errors of all species can be trusted."""
        return bool(self.calibration.maps) and not self.doubts

    @classmethod
    def of(
        cls, report: CalibrationReport, made: tuple[ReliabilityRow, ...], frames: int, probes: int
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
        )


class CalibrationFrame(Record):
    """One labelled frame: the selection that chose it, with which probability, and whether that was at random."""

    id: str
    selection: str
    label: str
    probability: float = Field(gt=0, le=1)
    probe: bool


class CalibrateRequest(Request):
    """Ask for the map from disagreement to error, fitted to labels of frames that a committee had looked at before."""

    kind: ClassVar[str] = "calibrate"
    slot_kind: ClassVar[str] = "measure"

    frames: tuple[CalibrationFrame, ...]


def _inputs(request: CalibrateRequest) -> Iterator[ResultRef]:
    yield from {ResultRef("select", frame.selection) for frame in request.frames}
    yield from (ResultRef("label", frame.label) for frame in request.frames)


CALIBRATE = TaskKind(
    request=CalibrateRequest,
    summary=CalibrateSummary,
    data=NoData,
    run="alloop.tasks.kinds.calibrate:calibrate",
    simulated="alloop.simulation.answers:calibrate",
    work="evaluating",
    inputs=_inputs,
)
