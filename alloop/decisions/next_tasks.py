"""State -> the tasks that should be running now. Pure; no I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from alloop.decisions import task_requests
from alloop.decisions.changed_code import probes_of
from alloop.decisions.charter import Charter, Walker
from alloop.decisions.evaluations import evaluations_wanted, fitted_subsets, ladder_rungs
from alloop.decisions.label_budget import heldout_need, hours_spent, label_order, training_need
from alloop.decisions.production_runs import measurements, next_segments
from alloop.decisions.refits import attempts, generation_due, member_fit
from alloop.decisions.selection_needs import (
    calibration_due,
    heldout_leader,
    heldout_pool,
    heldout_walkers,
    pool_full,
    stalled,
)
from alloop.decisions.walkers import NextSegment, context_of, grouped, next_segment, purpose_of, segments_wanted
from alloop.failures import blaming
from alloop.state.records import GenerationState, RungState, TaskState, segments_of
from alloop.state.state import State
from alloop.tasks.contract.request import Request
from policies.exploration import WalkerView


@dataclass(frozen=True)
class Wanted:
    """A task that should run: its purpose, how to build its request, and what the fold needs to know of it."""

    purpose: str
    slot_kind: str
    build: Callable[[], Request]
    context: dict[str, Any] = field(default_factory=dict)


Stage = Callable[[State, Charter, int], Iterator[Wanted]]


def plan(state: State, charter: Charter, free: Mapping[str, int]) -> list[Wanted]:
    """Return the tasks to submit now, the most urgent first.

    Parameters
    ----------
    state : State
        The campaign so far.
    charter : Charter
        What it was founded on.
    free : mapping
        Free slots of every executor.
    """
    room, execution = Counter(free), charter.config.execution
    chosen: list[Wanted] = []
    for stage in _open_stages(state, charter):
        executors = {getattr(execution, kind) for kind in _SLOT_KINDS[stage]}
        if max(room[name] for name in executors) <= 0:
            continue
        for wanted in stage(state, charter, sum(room[name] for name in executors)):
            executor = getattr(execution, wanted.slot_kind)
            if room[executor] > 0:
                room[executor] -= 1
                chosen.append(wanted)
            if max(room[name] for name in executors) <= 0:
                break
    return chosen


def _open_stages(state: State, charter: Charter) -> tuple[Stage, ...]:
    """Return the stages that may submit: all of them, or in lockstep the first that is not finished.

    While the code of the labels is in question, only probes run.
    """
    if state.drift is not None:
        return (_probes,)
    if state.subsets_open():
        return _SUBSET_STAGES
    if charter.goal == "transport":
        return _MEASURING_STAGES
    if charter.goal == "subsets" or state.verdict is not None:
        return ()
    if charter.config.overlap:
        return _STAGES_IN_OVERLAP
    running = {_stage_of(task.purpose, task.context) for task in state.running.values()}
    for stage in _STAGES:
        if stage in running or next(stage(state, charter, 10**6), None) is not None:
            return (stage,)
    return ()


def _stage_of(purpose: str, context: Mapping[str, Any]) -> Stage:
    kind = purpose.partition("/")[0]
    if kind == "explore":
        return _heldout_walkers if context["role"] == "heldout" else _walkers
    return _STAGE_OF_KIND[kind]


# -- what each stage wants ---------------------------------------------------------------------------------------


def _probes(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    assert state.drift is not None
    for purpose, label in probes_of(state):
        if purpose not in state.tasks:
            make = partial(task_requests.probe, charter, label, state.drift.code)
            yield Wanted(purpose, "label", make, {"label": label})


def _atoms(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    for element in charter.elements:
        purpose = f"atom/{element}"
        if purpose not in state.tasks:
            yield Wanted(purpose, "label", partial(task_requests.atom, charter, state, element), {"element": element})


def _beginnings(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    yield from _atoms(state, charter, room)
    if not charter.config.initial.frames:
        return
    for name in charter.systems:
        purpose = f"initial/{name}"
        if purpose not in state.tasks:
            context = {"walker": f"{name}.initial", "segment": 0, "system": name, "generation": None}
            yield Wanted(purpose, "explore", partial(task_requests.initial, charter, name), context)


def _pretraining(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    if len(state.e0s_eV) < len(charter.elements):
        return
    for member, purpose in _pretrained_members(state, charter):
        context: dict[str, Any] = {"rung": None, "generation": None, "member": member}
        yield from _fit(state, purpose, partial(task_requests.pretrain, charter, state, member), context)


def _pretrained_members(state: State, charter: Charter) -> list[tuple[int, str]]:
    wanted = state.pretraining and charter.config.fit.method != "multihead"
    members = range(charter.config.potential.committee) if wanted else ()
    return [(member, f"fit/pretrain/m{member}") for member in members]


def _fits(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    if _pretraining_open(state, charter):
        return
    for generation in state.fitting():
        yield from _members(state, charter, generation)
    for rung in state.rungs.values():
        yield from _rung_fits(state, charter, rung, range(1, charter.config.ladder.fits))


def _subset_fits(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    if len(state.e0s_eV) < len(charter.elements):
        return
    for rung in state.subsets.values():
        yield from _rung_fits(state, charter, rung, range(charter.config.ladder.fits))


def _rung_fits(state: State, charter: Charter, rung: RungState, numbers: range) -> Iterator[Wanted]:
    for number in numbers:
        context = {"rung": rung.size, "fit": number, "generation": None, "subset": rung.kind == "random"}
        make = partial(task_requests.rung_fit, charter, state, rung, number)
        yield from _fit(state, f"fit/{rung.name}/f{number}", make, context)


def _pretraining_open(state: State, charter: Charter) -> bool:
    if next(_pretraining(state, charter, 0), None) is not None:
        return True
    tried = {name for _, purpose in _pretrained_members(state, charter) for name in attempts(purpose)}
    return not tried.isdisjoint(state.running)


def _members(state: State, charter: Charter, generation: GenerationState) -> Iterator[Wanted]:
    context: dict[str, Any]
    for member in range(charter.config.potential.committee):
        purpose = member_fit(generation, member)
        if member == 0 and generation.rung is not None:
            rung = state.rungs[generation.rung]
            context = {"rung": rung.size, "fit": 0, "generation": generation.number, "member": 0}
            yield from _fit(state, purpose, partial(task_requests.rung_fit, charter, state, rung, 0), context)
        else:
            context = {"rung": None, "generation": generation.number, "member": member}
            make = partial(task_requests.member, charter, state, generation, member)
            yield from _fit(state, purpose, make, context)


def _fit(state: State, purpose: str, make: Callable[..., Request], context: Mapping[str, Any]) -> Iterator[Wanted]:
    """Yield a fit that was not tried yet; one that failed is tried again from another seed."""
    for attempt, name in enumerate(attempts(purpose)):
        task = state.tasks.get(name)
        if task is None:
            yield Wanted(name, "fit", partial(make, attempt=attempt), dict(context))
        if task is None or task.status != "failed":
            return


def _labels(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    if hours_spent(state, charter):
        return
    for frame in chain.from_iterable(state.to_label[use].values() for use in label_order(state, charter)):
        yield Wanted(
            f"label/{frame.id}", "label", partial(task_requests.label, charter, state, frame), {"frame": frame.id}
        )


def _calibrations(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    active = state.active()
    if active is None or not calibration_due(state, charter):
        return
    purpose = f"calibrate/g{active.number}/{state.labelled('train')}"
    if purpose not in state.tasks:
        context = {"generation": active.number, "labels": state.labelled("train")}
        yield Wanted(purpose, "measure", partial(task_requests.calibrate, state), context)


def _selections(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    if state.asked is None:
        return
    purpose = f"select/{state.asked.event.number}"
    if purpose not in state.tasks:
        context = {"generation": state.asked.event.generation}
        yield Wanted(purpose, "measure", partial(task_requests.select, charter, state, state.asked), context)


def _heldout_walkers(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    leader, walkers = heldout_leader(state, charter), heldout_walkers(state, charter)
    if leader is None or not walkers:
        return
    exploring = {name for task in state.running.values() if task.task == "explore" for name in _walkers_of(task)}
    running = exploring & {walker.id for walker in charter.walkers("heldout")}
    if running and not charter.config.overlap:
        return
    offered = heldout_pool(state)
    missing = heldout_need(state, charter) - len(offered) - len(running)
    if missing <= 0:
        return
    frames = (*(state.frames[i] for i in state.heldout_order), *offered)
    have = Counter(frame.walker for frame in frames if frame.status != "failed")
    asked = []
    for _ in range(missing):
        name = min(walkers, key=lambda w: have[w] + (w in running))
        have[name] += 1
        asked.append(name)
    segments = []
    for name in dict.fromkeys(asked):
        known = state.walkers.get(name)
        if name not in running:
            restart = known is not None and known.explosions > 0
            segments.append(next_segment(state, charter, walkers[name], restart=restart))
    yield from _explorations(state, charter, leader, segments, room)


def _evaluations(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    for name, model, heldout in evaluations_wanted(state, charter):
        purpose = f"evaluate/{name}/h{heldout}"
        if purpose not in state.tasks:
            context = {"model": model, "heldout": heldout, "of": name}
            yield Wanted(purpose, "measure", partial(task_requests.evaluate, charter, state, model, heldout), context)


def _productions(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    for segment in next_segments(state, charter, _measured_rungs(state, charter)):
        name = f"{segment.rung.name}/f{segment.fit}/{segment.system}/b{segment.batch}/{segment.number}"
        purpose = f"produce/{name}{_measuring(state)}"
        if purpose not in state.tasks:
            context = {
                "rung": segment.rung.name,
                "fit": segment.fit,
                "system": segment.system,
                "batch": segment.batch,
                "measuring": state.measurings,
            }
            yield Wanted(purpose, "measure", partial(task_requests.produce, charter, segment), context)


def _measurements(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    for one in measurements(state, charter, _measured_rungs(state, charter)):
        name = f"{one.rung.name}/f{one.fit}/{one.system}/{one.production_ps:g}ps"
        purpose = f"measure/{name}{_measuring(state)}"
        if purpose not in state.tasks:
            context = {
                "rung": one.rung.name,
                "fit": one.fit,
                "system": one.system,
                "production_ps": one.production_ps,
                "measuring": state.measurings,
            }
            yield Wanted(purpose, "measure", partial(task_requests.measure, charter, state, one), context)


def _measured_rungs(state: State, charter: Charter) -> list[RungState]:
    return fitted_subsets(state, charter) if state.subsets_open() else ladder_rungs(state, charter)


def _measuring(state: State) -> str:
    """Return what tells the purposes of measurements apart after their settings changed."""
    return f"@{state.measurings}" if state.measurings else ""


def _walkers(state: State, charter: Charter, room: int) -> Iterator[Wanted]:
    active = state.active()
    if active is None or not training_need(state, charter):
        return
    walkers = {walker.id: walker for walker in charter.walkers("train")}
    if charter.config.overlap:
        if stalled(state, charter) or pool_full(state, charter):
            return
        count = segments_wanted(charter, room)
    elif generation_due(state, charter) is not None:
        return
    else:
        walkers = {i: w for i, w in walkers.items() if not _explored_this_round(state, i)}
        count = len(walkers)
    with blaming("explore.policy", charter.config.explore.policy):
        launches = charter.exploration.next_segments([_view(state, w) for w in walkers.values()], count)
        chosen = [(walkers[launch.walker_id], launch) for launch in launches]
    segments = [
        next_segment(state, charter, walker, restart=launch.restart, temperature_K=launch.temperature_K)
        for walker, launch in chosen
    ]
    yield from _explorations(state, charter, active, segments, room)


def _explored_this_round(state: State, walker: str) -> bool:
    known = state.walkers.get(walker)
    return known is not None and known.round >= state.selections


def _view(state: State, walker: Walker) -> WalkerView:
    known = state.walkers.get(walker.id)
    return WalkerView(
        id=walker.id,
        system=walker.system,
        temperature_K=walker.temperature_K,
        segments=known.segments if known else 0,
        last_generation=known.last_generation if known else None,
        explosions=known.explosions if known else 0,
        running=known.running if known else False,
        ended=known.ended if known else None,
    )


def _explorations(
    state: State, charter: Charter, generation: GenerationState, segments: list[NextSegment], room: int
) -> Iterator[Wanted]:
    for group in grouped(segments, charter, room):
        make = partial(task_requests.explore, charter, state, generation, group)
        yield Wanted(purpose_of(group), "explore", make, dict(context_of(state, generation, group)))


def _walkers_of(task: TaskState) -> Iterator[str]:
    return (segment.walker for segment in segments_of(task.context))


_STAGES: tuple[Stage, ...] = (
    _beginnings,
    _pretraining,
    _fits,
    _calibrations,
    _selections,
    _labels,
    _heldout_walkers,
    _evaluations,
    _measurements,
    _productions,
    _walkers,
)
_STAGES_IN_OVERLAP = (*(stage for stage in _STAGES if stage is not _productions), _productions)
_MEASURING_STAGES: tuple[Stage, ...] = (_evaluations, _measurements, _productions)
_SUBSET_STAGES: tuple[Stage, ...] = (_atoms, _subset_fits, *_MEASURING_STAGES)
_SLOT_KINDS: dict[Stage, tuple[str, ...]] = {
    _probes: ("label",),
    _beginnings: ("label", "explore"),
    _pretraining: ("fit",),
    _fits: ("fit",),
    _calibrations: ("measure",),
    _selections: ("measure",),
    _labels: ("label",),
    _heldout_walkers: ("explore",),
    _evaluations: ("measure",),
    _measurements: ("measure",),
    _productions: ("measure",),
    _walkers: ("explore",),
    _atoms: ("label",),
    _subset_fits: ("fit",),
}
_STAGE_OF_KIND: dict[str, Stage] = {
    "atom": _beginnings,
    "initial": _beginnings,
    "fit": _fits,
    "label": _labels,
    "calibrate": _calibrations,
    "select": _selections,
    "evaluate": _evaluations,
    "measure": _measurements,
    "produce": _productions,
}
