"""Requests and result of a probe of what one step of molecular dynamics takes, of a model or of the label engine."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import NoData, TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import LabellingRequest, Request


class CostProbe(Request):
    """Base of the requests of a probe.

    Attributes
    ----------
    structure : Structure
        Where it starts.
    temperature_K : float
        Temperature of the dynamics (K).
    steps : int
        Steps that are timed, after one that is not.
    """

    structure: Structure
    temperature_K: float = Field(gt=0)
    seed: int = Field(ge=0, lt=2**63)
    timestep_fs: float = Field(gt=0)
    steps: int = Field(gt=1)


class CostRequest(CostProbe):
    """A probe of one model."""

    kind: ClassVar[str] = "cost"
    slot_kind: ClassVar[str] = "measure"

    model: str
    dtype: Literal["float32", "float64"]


class CostByLabelsRequest(CostProbe, LabellingRequest):
    """A probe of the label engine."""

    kind: ClassVar[str] = "costbylabels"
    slot_kind: ClassVar[str] = "label"


class CostSummary(Record):
    """What steps took.

    Attributes
    ----------
    step_s, se_s : float
        Time of a step (s), mean and its standard error.
    cpu_s : float
        Processor time of a step in the worker (s), which a program of several ranks is not part of.
    cores : int
        Cores that the worker has for the task.
    processor : str
        Processor, or accelerator, of the machine.
    machine_cores : int
        Cores of the machine.
    versions : dict of str
        Versions of the packages that computed it.
    """

    atoms: int
    step_s: float = Field(gt=0)
    se_s: float = Field(ge=0)
    cpu_s: float = Field(ge=0)
    cores: int = Field(gt=0)
    processor: str
    machine_cores: int
    versions: dict[str, str]


def _words(purpose: str, summary: CostSummary) -> str:
    return f"{purpose}: {summary.step_s:.3g} s a step of {summary.atoms} atoms"


COST = TaskKind(
    request=CostRequest,
    summary=CostSummary,
    data=NoData,
    run="alloop.tasks.kinds.cost:cost",
    simulated="alloop.tasks.kinds.cost:simulated",
    work="evaluating",
    models=lambda request: (request.model,),
    words=_words,
)
COST_BY_LABELS = TaskKind(
    request=CostByLabelsRequest,
    summary=CostSummary,
    data=NoData,
    run="alloop.tasks.kinds.cost:cost_by_labels",
    simulated="alloop.tasks.kinds.cost:simulated",
    work="DFT",
    words=_words,
)
