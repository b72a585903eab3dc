"""The list of all kinds of tasks; driver, workers and views read what they need from the record of each.

A request holds everything that decides its result and nothing about the machine that computes it, so the
hash of a request names its result for good.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from alloop.tasks.contract.aimd import AIMD, MEASURE_AIMD
from alloop.tasks.contract.calibrate import CALIBRATE
from alloop.tasks.contract.choose import CHOOSE
from alloop.tasks.contract.cost import COST, COST_BY_LABELS
from alloop.tasks.contract.disorder import DISORDER
from alloop.tasks.contract.evaluate import EVALUATE
from alloop.tasks.contract.explore import EXPLORE
from alloop.tasks.contract.fit import FIT
from alloop.tasks.contract.initial import INITIAL
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.label import ATOM, LABEL
from alloop.tasks.contract.measure import MEASURE
from alloop.tasks.contract.pairs import PAIRS
from alloop.tasks.contract.produce import PRODUCE
from alloop.tasks.contract.relabel import RELABEL
from alloop.tasks.contract.relax import RELAX, RELAX_BY_LABELS
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SELECT
from alloop.tasks.contract.teach import TEACH

_ALL: tuple[TaskKind[Any, Any], ...] = (
    TEACH,
    CHOOSE,
    INITIAL,
    EXPLORE,
    ATOM,
    LABEL,
    RELABEL,
    FIT,
    EVALUATE,
    PRODUCE,
    MEASURE,
    SELECT,
    CALIBRATE,
    RELAX,
    RELAX_BY_LABELS,
    PAIRS,
    DISORDER,
    AIMD,
    MEASURE_AIMD,
    COST,
    COST_BY_LABELS,
)
KINDS = {kind.name: kind for kind in _ALL}
"""Every kind of task, by its name."""


def request_from_json(kind: str, fields: dict[str, Any]) -> Request:
    """Return the request of a kind from its JSON fields.

    Raises
    ------
    KeyError
        If the kind is unknown.
    pydantic.ValidationError
        If the fields do not fit.
    """
    return KINDS[kind].request.model_validate(fields)


def function(name: str) -> Any:
    """Return the function that a record names as ``module:function``."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
