"""Find the models and trajectories that nothing a campaign may still do or show reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.references import ResultRef

MEMBERS = "members of committees that newer ones replaced"
SUBSETS = "fits and trajectories of ladders of random subsets that newer ones replaced"
RUNS = "trajectories of production runs that runs of other settings replaced"


@dataclass(frozen=True)
class Superseded:
    """A result whose files next to it nothing reads any more; the result itself stays.

    Attributes
    ----------
    result : ResultRef
        Kind and key of the task.
    why : str
        `MEMBERS`, `SUBSETS` or `RUNS`.
    """

    result: ResultRef
    why: str


def superseded(state: CampaignState) -> tuple[Superseded, ...]:
    """Return the results whose models or trajectories can go, in the order of the tasks.

    What stays: the fits of every rung and the whole committee fitted with it (judged, measured, exported, read, and
    judged again when a longer ladder draws more held-out frames); the leader of every committee, which is evaluated on
    these frames too; the present committee, those that are still being fitted and whatever the next refit starts from;
    what taught or pre-trained; every file of a study; all that a task under way reads; the newest production runs of
    every fit, which go on when rungs need longer ones.
    """
    kept, asked = _kept_models(state), _asked_now(state)
    found = dict.fromkeys((*_members(state), *_of_former_subsets(state), *_replaced_runs(state)))
    return tuple(one for one in found if one.result not in kept and one.result.key not in asked)


def _kept_models(state: CampaignState) -> set[ResultRef]:
    rungs = (*state.rungs.values(), *state.subsets.values())
    models = [model for rung in rungs for model in rung.models.values()]
    for generation in state.generations:
        whole = generation.rung is not None or generation.number >= _first_of_use(state)
        models += [model for member, model in generation.models.items() if whole or member == 0]
    for member in range(state.members()):
        models += _newest_before(state, member)
    return {ResultRef("fit", model.removeprefix("fit:")) for model in models}


def _first_of_use(state: CampaignState) -> int:
    """Return the first generation whose committee is, or may still become, the present one, or is asked to select."""
    active = state.active()
    numbers = [*state.unfitted, *(() if active is None else (active.number,))]
    if state.asked is not None:
        numbers.append(state.asked.event.generation)
    return min(numbers, default=0)


def _newest_before(state: CampaignState, member: int) -> Iterator[str]:
    """Yield the model that a refit of the first generation in use starts from."""
    earlier = reversed(state.generations[: _first_of_use(state)])
    yield from [one.models[member] for one in earlier if member in one.models][:1]


def _asked_now(state: CampaignState) -> set[str]:
    """Return every text in the requests of tasks under way, and the keys of the models that some of them name.

    Tasks that were given up because of a machine keep their requests too: other machines may take them up again.
    """
    texts = {text for task in state.tasks.values() for text in _texts(task.request)}
    return texts | {text.removeprefix("fit:") for text in texts}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, (list, tuple)):
        yield from (text for inner in value for text in _texts(inner))


def _members(state: CampaignState) -> Iterator[Superseded]:
    for generation in state.generations:
        for model in () if generation.foundation else generation.models.values():
            yield Superseded(ResultRef("fit", model.removeprefix("fit:")), MEMBERS)


def _of_former_subsets(state: CampaignState) -> Iterator[Superseded]:
    present = {rung.name for rung in (*state.rungs.values(), *state.subsets.values())}
    for task in _finished(state, "fit"):
        if task.context.get("subset") and task.purpose.split("/")[1] not in present:
            yield Superseded(ResultRef("fit", task.key), SUBSETS)
    for task in _finished(state, "produce"):
        if task.context["rung"].startswith("s") and task.context["rung"] not in present:
            yield Superseded(ResultRef("produce", task.key), SUBSETS)


def _replaced_runs(state: CampaignState) -> Iterator[Superseded]:
    """Yield segments of runs that were measured again by others; without a verdict they may be taken up again.

    Runs that share a segment with a present one go on from it when rungs need longer runs.
    """
    present = {key for run in state.runs.values() for key in run.segments}
    measured = {name[:3] for name, found in state.transports.items() if found is not None}
    former: dict[tuple[Any, ...], list[TaskState]] = {}
    for task in _finished(state, "produce"):
        name = tuple(task.context[part] for part in ("measuring", "rung", "fit", "system", "batch"))
        former.setdefault(name, []).append(task)
    for (_, *run, _), tasks in former.items():
        if state.verdict is not None and tuple(run) in measured and not any(task.key in present for task in tasks):
            yield from (Superseded(ResultRef("produce", task.key), RUNS) for task in tasks)


def _finished(state: CampaignState, *kinds: str) -> Iterator[TaskState]:
    return (one for one in state.tasks.values() if one.task in kinds and one.status == "ok" and not one.of_study)
