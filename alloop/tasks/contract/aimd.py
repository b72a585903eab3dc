"""Requests and results of molecular dynamics by the label engine: segments, and transport from them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.measure import MeasureData, MeasureRequest, MeasureSummary, measure_files
from alloop.tasks.contract.produce import (
    ProduceData,
    ProduceSummary,
    ProductionMd,
    ProductionWalker,
    answers_all_walkers,
    segment_before,
    trajectory_files,
)
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import LabellingRequest


class AimdRequest(ProductionMd, LabellingRequest):
    """One segment of the molecular dynamics of one walker, driven by the label engine."""

    kind: ClassVar[str] = "aimd"
    slot_kind: ClassVar[str] = "label"

    walkers: tuple[ProductionWalker, ...] = Field(min_length=1, max_length=1)


class AimdSummary(ProduceSummary):
    """Result of a segment.

    Attributes
    ----------
    single_points : int
        Calculations of the engine.
    scf_iterations : float or None
        Mean number of iterations of one of them, where the engine has any.
    """

    single_points: int
    scf_iterations: float | None = None


class LiteraturePoint(Record):
    """A published conductivity (S/cm) or tracer diffusivity (cm²/s) at a temperature (K), with its error if known."""

    label: str
    temperature_K: float = Field(gt=0, allow_inf_nan=False)
    conductivity_S_per_cm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    diffusivity_cm2_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    error: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class MeasureAimdRequest(MeasureRequest):
    """Transport of a system from molecular dynamics by the label engine.

    Attributes
    ----------
    skip_ps : float
        Time (ps) at the beginning of every run that is not measured.
    literature : tuple of LiteraturePoint
        Published points that stand beside the result.
    """

    kind: ClassVar[str] = "measureaimd"

    skip_ps: float = Field(ge=0)
    literature: tuple[LiteraturePoint, ...] = ()


class MeasureAimdSummary(MeasureSummary):
    """Transport, and the published points that stand beside it."""

    literature: tuple[LiteraturePoint, ...] = ()


def _words(purpose: str, summary: AimdSummary) -> str:
    (walker,) = summary.walkers
    iterations = "" if summary.scf_iterations is None else f", {summary.scf_iterations:.1f} SCF iterations each"
    ended = "" if walker.ended == "length" else f", ended: {walker.ended}"
    return f"{purpose}: {summary.single_points} single points{iterations}{ended}"


AIMD = TaskKind(
    request=AimdRequest,
    summary=AimdSummary,
    data=ProduceData,
    run="alloop.tasks.kinds.aimd:aimd",
    simulated="alloop.simulation.answers:aimd",
    work="DFT",
    inputs=segment_before,
    files=trajectory_files,
    answers=answers_all_walkers,
    words=_words,
)
MEASURE_AIMD = TaskKind(
    request=MeasureAimdRequest,
    summary=MeasureAimdSummary,
    data=MeasureData,
    run="alloop.tasks.kinds.aimd:measure_aimd",
    simulated="alloop.simulation.answers:measure",
    work="evaluating",
    inputs=lambda request: (ResultRef("aimd", key) for run in request.runs for key in run.segments),
    files=measure_files,
)
