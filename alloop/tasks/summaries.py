"""What the summary of every kind of task must be."""

from __future__ import annotations

from alloop.tasks.calibrations import CalibrateSummary
from alloop.tasks.results import (
    AtomSummary,
    EvaluateSummary,
    ExploreSummary,
    FitSummary,
    LabelSummary,
    MeasureSummary,
    OffersSummary,
    ProbeSummary,
    ProduceSummary,
    Record,
    SelectSummary,
)

SUMMARIES: dict[str, type[Record]] = {
    "initial": OffersSummary,
    "explore": ExploreSummary,
    "atom": AtomSummary,
    "label": LabelSummary,
    "probe": ProbeSummary,
    "fit": FitSummary,
    "evaluate": EvaluateSummary,
    "produce": ProduceSummary,
    "select": SelectSummary,
    "calibrate": CalibrateSummary,
    "measure": MeasureSummary,
}
"""What the summary of a task that went well must be."""
