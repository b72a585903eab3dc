"""What the driver may ask of a worker.

A request holds everything that decides its result and nothing about the machine that computes it, so the
hash of a request names its result for good.
"""

from __future__ import annotations

from typing import Any

from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrateSummary
from alloop.tasks.contract.evaluate import EvaluateRequest, EvaluateSummary
from alloop.tasks.contract.explore import ExploreRequest, ExploreSummary
from alloop.tasks.contract.fit import FitRequest, FitSummary
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import AtomRequest, AtomSummary, LabelRequest, LabelSummary
from alloop.tasks.contract.measure import MeasureRequest, MeasureSummary
from alloop.tasks.contract.probe import ProbeRequest, ProbeSummary
from alloop.tasks.contract.produce import ProduceRequest, ProduceSummary
from alloop.tasks.contract.records import OffersSummary, Record
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SelectRequest, SelectSummary

REQUESTS: dict[str, type[Request]] = {
    cls.kind: cls
    for cls in (
        InitialRequest,
        ExploreRequest,
        AtomRequest,
        LabelRequest,
        ProbeRequest,
        FitRequest,
        EvaluateRequest,
        ProduceRequest,
        MeasureRequest,
        SelectRequest,
        CalibrateRequest,
    )
}


def request_from_json(kind: str, fields: dict[str, Any]) -> Request:
    """Return the request of a kind from its JSON fields.

    Raises
    ------
    KeyError
        If the kind is unknown.
    pydantic.ValidationError
        If the fields do not fit.
    """
    return REQUESTS[kind].model_validate(fields)


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
