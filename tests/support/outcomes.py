"""Campaigns that their own decisions drive, event by event, while the outcome of every task is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alloop.decisions.next_events import decide
from alloop.decisions.next_tasks import Wanted, plan
from alloop.journal.events import FramesSelected
from tests.support.histories import History
from tests.support.summaries import calibration_summary, offer, produced_walker

Draw = Callable[[int], int]
"""Draws a number below another one."""


def driven(history: History, slots: int, draw: Draw, failing: int) -> Iterator[list[Wanted]]:
    """Drive a campaign until nothing runs and nothing is decided; yield each plan before it is submitted.

    Parameters
    ----------
    history : History
        The campaign.
    slots : int
        Slots of its only executor.
    draw : callable
        Says which task ends next and what it answers.
    failing : int
        Of 100 tasks, how many fail; isolated atoms, without which there is no campaign, never do.
    """
    while True:
        wanted = plan(history.state, history.charter, {"local": slots - len(history.state.running)})
        yield wanted
        for task in wanted:
            history.begin(task.purpose, task.context, **task.build().model_dump(mode="json"))
        decisions = decide(history.state, history.charter, idle=not wanted and not history.state.running)
        history.say(*decisions)
        if not decisions and not history.state.running:
            return
        if not decisions:
            _end_one(history, draw, failing)


def _end_one(history: History, draw: Draw, failing: int) -> None:
    task = list(history.state.running.values())[draw(len(history.state.running))]
    if task.task != "atom" and draw(100) < failing:
        history.end(task.purpose, reason=("lost", "scf", "error")[draw(3)], cpu_s=1.0)
        return
    request = task.request  # the fold forgets it with the end of the task
    history.end(task.purpose, _ANSWERS.get(task.task, _nothing)(request, draw), cpu_s=1.0)
    if task.task == "select":
        history.say(_chosen(history, request, draw))


def _chosen(history: History, request: dict[str, Any], draw: Draw) -> FramesSelected:
    """Choose some of the candidates and reject one of the others."""
    fresh = [name for name, frame in history.state.pool.items() if int(frame.generation or 0) >= request["oldest"]]
    count = min(draw(request["count"] + 1), len(fresh))
    chosen = [{"id": name, "rank": rank, "why": "disagreement"} for rank, name in enumerate(fresh[:count], start=1)]
    rejected = dict.fromkeys(fresh[count : count + 1], "known")
    told = {"generation": request["generation"], "policy": request["policy"], "seed": request["seed"]}
    return FramesSelected.model_validate({**told, "chosen": chosen, "rejected": rejected})


def _nothing(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    return {}


def _atom(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    return {"energy_eV": -1.0}


def _initial(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    name = f"initial {request.get('seed', request.get('sources'))}"
    return {"offers": [offer(name, index, "initial") for index in range(request["frames"])]}


def _teach(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    walkers = [{"temperature_K": 600.0, "broken": draw(3) == 0} for _ in range(3 if request["student"] else 0)]
    return {"frames": request["frames"], "refused": 0, "largest_force_eV_per_A": 1.0, "walkers": walkers}


def _explore(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    walkers: list[dict[str, Any]] = []
    index = 0
    for walker in request["walkers"]:
        whys = ["random"] * draw(len(walker["random_steps"]) + 1) + ["last_good"] * draw(2)
        offers = [offer(f"explore {walker['seed']}", index + place, why) for place, why in enumerate(whys)]
        walkers.append({"offers": offers, "ended": ("length", "disagreement", "contact")[draw(3)]})
        index += len(offers)
    return {"walkers": walkers}


def _evaluate(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    errors = [0.01 * (1 + draw(100)) for _ in request["frames"]]
    return {"energy_error_eV_per_atom": errors, "forces_squared_error": [error**2 for error in errors]}


def _calibrate(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    return calibration_summary(trusted=draw(2) == 0)


def _produce(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    return {"walkers": [produced_walker(("length", "nan")[draw(2)]) for _ in request["walkers"]]}


def _measure(request: dict[str, Any], draw: Draw) -> dict[str, Any]:
    return {"transport": {"temperatures": [], "unmeasured": "ions hardly moved"}}


_ANSWERS: dict[str, Callable[[dict[str, Any], Draw], dict[str, Any]]] = {
    "atom": _atom,
    "teach": _teach,
    "initial": _initial,
    "explore": _explore,
    "evaluate": _evaluate,
    "calibrate": _calibrate,
    "produce": _produce,
    "measure": _measure,
}
