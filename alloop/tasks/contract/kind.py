"""The record of one kind of task: everything the engine has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args

from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import OfferRef, ResultRef
from alloop.tasks.contract.request import Request

Work = Literal["DFT", "teaching", "MD", "fitting", "evaluating", "selecting", "production MD"]
"""What a task does, as the report sums core-hours up."""
WORK: tuple[Work, ...] = get_args(Work)
Summary = TypeVar("Summary", bound=Record)
Data = TypeVar("Data", bound=Record)


class NoData(Record):
    """The data of a result whose summary says everything."""


@dataclass(frozen=True)
class Companion:
    """A file next to a result: its name, ``<key>`` and an ending, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class TaskKind(Generic[Summary, Data]):
    """One kind of task.

    Attributes
    ----------
    request : type of Request
        What is asked; ``request.kind`` is the name of the kind.
    summary, data : type of Record
        What is answered: the part that the journal keeps, and the part that stays in the result file.
    run : str
        ``module:function`` that computes the answer; imported by workers only.
    simulated : str
        ``module:function`` that gives a plausible answer without computing it.
    work : str
        Under which kind of work its core-hours are counted.
    models : callable
        Request -> the models that the task loads, named as by `ModelRef`.
    inputs : callable
        Request -> the other results that the task reads. If one of them is damaged it is computed again.
    files : callable
        Key and summary -> the files that must be next to the result.
    answers : callable
        Request as JSON, context of the task, summary -> whether the summary answers what was asked.
    words : callable
        Purpose and summary -> what a person is told when the task has finished; nothing if empty.
    """

    request: type[Request]
    summary: type[Summary]
    data: type[Data]
    run: str
    simulated: str
    work: Work
    models: Callable[[Any], Iterable[str | None]] = lambda request: ()
    inputs: Callable[[Any], Iterable[ResultRef]] = lambda request: ()
    files: Callable[[str, Any], Iterable[Companion]] = lambda key, summary: ()
    answers: Callable[[Mapping[str, Any], Mapping[str, Any], Any], bool] = lambda asked, context, summary: True
    words: Callable[[str, Any], str] = lambda purpose, summary: ""

    @property
    def name(self) -> str:
        """Name of the kind, in keys, journals and paths of results."""
        return self.request.kind

    @property
    def slot_kind(self) -> str:
        """Kind of slot that a task occupies."""
        return self.request.slot_kind

    def reads(self, request: Request) -> Iterator[ResultRef]:
        """Yield every result that a task reads, the fits of its models among them; a foundation is not a result."""
        yield from self.inputs(request)
        for model in self.models(request):
            if model is not None and model.startswith("fit:"):
                yield ResultRef("fit", model.removeprefix("fit:"))


def labels(keys: Iterable[str]) -> Iterable[ResultRef]:
    """Yield the results that hold labels, each of them once: keys of labels, or references to frames of a teacher."""
    return dict.fromkeys(ResultRef("label", key) if "/" not in key else OfferRef.parse(key).result for key in keys)
