"""What an event must be to be folded: somebody may have changed the journal that it comes from.

What passes here folds, and can be shown. Whatever fails after that is an error of alloop, and not of the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alloop.journal.events import (
    AttemptLost,
    CampaignCreated,
    ConfigChanged,
    DriverStarted,
    DriverStopped,
    Event,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    ProductionExtended,
    RungJudged,
    SubsetsJudged,
    TaskFinished,
    TaskPlanned,
    Tick,
)
from alloop.state.records import STUDY, TaskState, segments_of
from alloop.state.state import CampaignState
from alloop.tasks.registry import KINDS


class MisfitError(Exception):
    """An event that does not fit those before it; the message says what does not fit, in one line."""


def admit(state: CampaignState, event: Event) -> None:
    """Refuse an event that does not fit the state.

    Raises
    ------
    MisfitError
        With what does not fit.
    """
    if state.created is None and not isinstance(event, CampaignCreated | DriverStarted | DriverStopped | Tick):
        raise MisfitError("no campaign was created before it")
    check = _CHECKS.get(type(event))
    if check is not None:
        check(state, event)


class _Part(BaseModel):
    """What is read of a part of an event that has no model of its own; the rest of it may be anything."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


# -- the config --------------------------------------------------------------------------------------------------


class _Executor(_Part):
    workers: int = 1
    nodes_per_block: int = 1
    max_blocks: int = 1


class _Execution(_Part):
    executors: dict[str, _Executor] = {}
    explore: str = ""
    label: str = ""
    fit: str = ""
    measure: str = ""


class _Budget(_Part):
    labels: float | None = None
    dft_core_hours: float | None = None
    wall_h: float | None = None
    failed_labels: float | None = None


class _Ladder(_Part):
    rungs: list[int] = []


class _Potential(_Part):
    committee: int = Field(ge=1)
    dtype: str = "float32"


class _Window(_Part):
    lower_eV_per_A: float | None = None
    upper_eV_per_A: float | None = None


class _Fit(_Part):
    stress_weight: float = 0.0


class _Config(_Part):
    potential: _Potential
    data: dict[str, Any]
    label: dict[str, Any]
    measure: dict[str, Any] | None = None
    ladder: _Ladder = _Ladder()
    budget: _Budget = _Budget()
    execution: _Execution = _Execution()
    select: _Window = _Window()
    fit: _Fit = _Fit()


def _config(state: CampaignState, event: CampaignCreated | ConfigChanged) -> None:
    _validated("config", _Config, event.config)


# -- tasks -------------------------------------------------------------------------------------------------------


class _OfFrame(_Part):
    frame: str


class _OfElement(_Part):
    element: str


class _OfFit(_Part):
    rung: int | None
    generation: int | None
    fit: int | None = None
    member: int | None = None
    subset: bool = False


class _OfModel(_Part):
    model: str
    heldout: int


class _OfRound(_Part):
    system: str
    round: int
    part: int
    strained: bool = False


class _OfGeneration(_Part):
    generation: int
    labels: int = 0
    heldout: int = 0


class _OfRun(_Part):
    measuring: int
    rung: str
    fit: int
    system: str


class _OfProduction(_OfRun):
    batch: int


class _OfMeasurement(_OfRun):
    production_ps: float


class _OfStudy(_Part):
    study: str


class _OfSegment(_Part):
    walker: str
    segment: int
    system: str
    generation: int | None
    temperature_K: float | None = None
    role: str = "train"
    round: int = -1


class _Request(_Part):
    code: dict[str, str] = {}


_CONTEXTS: dict[str, type[_Part]] = {
    "teach": _OfRound,
    "label": _OfFrame,
    "atom": _OfElement,
    "fit": _OfFit,
    "evaluate": _OfModel,
    "calibrate": _OfGeneration,
    "produce": _OfProduction,
    "measure": _OfMeasurement,
}
"""What is read of the context of a task, by its kind."""


def _planned(state: CampaignState, event: TaskPlanned) -> None:
    if event.task not in KINDS:
        what = f"this version of alloop has no kind of task `{event.task[:40]}`"
        raise MisfitError(f"{what}; use the version that wrote the journal")
    _validated("request", _Request, event.request)
    if STUDY in event.context:
        _validated("context", _OfStudy, event.context)
        return
    context = _CONTEXTS.get(event.task)
    found = None if context is None else _validated("context", context, event.context)
    if isinstance(found, _OfFrame):
        _to_label(state, found.frame)
    if isinstance(found, _OfRun | _OfRound):
        _known("system", [found.system], _systems(state))
    if event.task in ("initial", "choose", "explore"):
        _known("system", [segment.system for segment in _segments(event)], _systems(state))


def _to_label(state: CampaignState, frame: str) -> None:
    if frame not in state.frames or state.frames[frame].use is None:
        raise MisfitError(f"there is no frame `{frame[:80]}` to be labelled")


def _systems(state: CampaignState) -> set[str]:
    return set() if state.created is None else {system.name for system in state.created.systems}


def _segments(event: TaskPlanned) -> list[_OfSegment]:
    """Return the walkers of a task that offers frames."""
    walkers = event.context.get("walkers", [{}])
    if not isinstance(walkers, list) or not all(isinstance(own, dict) for own in walkers):
        raise MisfitError("its walkers are not a list of walkers")
    if event.task in ("initial", "choose") and len(walkers) != 1:
        raise MisfitError("it has more than one walker")
    try:
        found = [_OfSegment.model_validate(vars(segment)) for segment in segments_of(event.context)]
    except (TypeError, ValidationError) as error:
        raise MisfitError("its walkers do not fit") from error
    return found


def _lost(state: CampaignState, event: AttemptLost) -> None:
    _known("task", [event.purpose], state.tasks)


def _finished(state: CampaignState, event: TaskFinished) -> None:
    _known("task", [event.purpose], state.tasks)
    task = state.tasks[event.purpose]
    if event.status != "ok":
        return
    try:
        summary = KINDS[task.task].summary.model_validate(event.summary)
    except ValidationError as error:
        raise MisfitError("its summary does not fit") from error
    if task.task == "explore" and len(getattr(summary, "walkers", ())) != len(segments_of(task.context)):
        raise MisfitError("its summary is of another number of walkers")
    if task.task == "fit" and STUDY not in task.context:
        _fit(state, task)


def _fit(state: CampaignState, task: TaskState) -> None:
    found = _OfFit.model_validate(task.context)
    if found.rung is not None:
        _known("rung", [found.rung], state.subsets if found.subset else state.rungs)
    if found.generation is not None:
        _known("generation", [found.generation], range(len(state.generations)))
    if (found.rung is not None and found.fit is None) or (found.generation is not None and found.member is None):
        raise MisfitError("its context names no fit or member")


# -- frames, generations, rungs ----------------------------------------------------------------------------------


def _selected(state: CampaignState, event: FramesSelected) -> None:
    names = [*(choice.id for choice in event.chosen), *event.rejected]
    _known("offered frame", names, state.pool_initial.keys() | state.pool.keys())
    _once(names)


def _drawn(state: CampaignState, event: HeldoutDrawn) -> None:
    _known("frame offered for the held-out set", event.frames, state.pool_heldout)
    _known("held-out frame", event.retired, set(state.heldout_order))
    _once([*event.frames, *event.retired])


def _opened(state: CampaignState, event: GenerationOpened) -> None:
    if event.number != len(state.generations):
        raise MisfitError(f"generation {event.number} does not follow the one before")


def _extended(state: CampaignState, event: ProductionExtended) -> None:
    foundation = [state.foundation_rung] if state.foundation_rung is not None else []
    rungs = {rung.name for rung in (*foundation, *state.rungs.values(), *state.subsets.values())}
    _known("rung", event.rungs, rungs)


class _Row(_Part):
    size: int
    fits: int | None = None
    frames: int | None = None
    unmeasured: str | None = None
    transport: list[dict[str, Any]] = []


class _Judgement(_Part):
    metric: str
    unit: str
    finding: str


def _judged(state: CampaignState, event: RungJudged | SubsetsJudged) -> None:
    for row in event.table:
        _validated("table", _Row, row)
    for judgement in event.judgements:
        _validated("judgements", _Judgement, judgement)


# -- helpers -----------------------------------------------------------------------------------------------------


def _validated(what: str, model: type[_Part], values: dict[str, Any]) -> _Part:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise MisfitError(f"`{what}.{place}` does not fit") from error


def _known(what: str, names: Iterable[Any], known: Any) -> None:
    strange = next((name for name in names if name not in known), None)
    if strange is not None:
        raise MisfitError(f"there is no {what} `{str(strange)[:80]}`")


def _once(names: Iterable[str]) -> None:
    names = list(names)
    if len(set(names)) < len(names):
        raise MisfitError("it names a frame twice")


_CHECKS: dict[type[Event], Callable[[CampaignState, Any], None]] = {
    CampaignCreated: _config,
    ConfigChanged: _config,
    TaskPlanned: _planned,
    AttemptLost: _lost,
    TaskFinished: _finished,
    FramesSelected: _selected,
    HeldoutDrawn: _drawn,
    GenerationOpened: _opened,
    ProductionExtended: _extended,
    RungJudged: _judged,
    SubsetsJudged: _judged,
}
