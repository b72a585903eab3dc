"""Plan the next segments of exploring and held-out walkers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from alloop.decisions import task_requests
from alloop.decisions.charter import Charter, Walker
from alloop.decisions.label_budget import heldout_need, training_need
from alloop.decisions.refits import generation_due
from alloop.decisions.selection_needs import (
    heldout_leader,
    heldout_pool,
    heldout_walkers,
    pool_full,
    stalled,
)
from alloop.decisions.stages import Wanted
from alloop.decisions.walkers import NextSegment, context_of, grouped, next_segment, purpose_of, segments_wanted
from alloop.failures import blaming
from alloop.state.records import GenerationState, TaskState, segments_of
from alloop.state.state import CampaignState
from policies.exploration import WalkerView


def heldout_walkers_wanted(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the segments of held-out walkers that offer the frames still to be drawn."""
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
        name = min(walkers, key=lambda w: walkers[w].share(have[w] + (w in running)))
        have[name] += 1
        asked.append(name)
    segments = []
    for name in dict.fromkeys(asked):
        known = state.walkers.get(name)
        if name not in running:
            restart = known is not None and known.explosions > 0
            segments.append(next_segment(state, charter, walkers[name], restart=restart))
    yield from _explorations(state, charter, leader, segments, room)


def walkers_wanted(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the segments of exploring walkers that the exploration policy asks for."""
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
        walkers = {i: w for i, w in walkers.items() if not _explored_this_round(state, i) and _has_its_turn(state, w)}
        count = len(walkers)
    with blaming("explore.policy", charter.config.explore.policy):
        launches = charter.exploration.next_segments([_view(state, w) for w in walkers.values()], count)
        chosen = [(walkers[launch.walker_id], launch) for launch in launches]
    segments = [
        next_segment(state, charter, walker, restart=launch.restart, temperature_K=launch.temperature_K)
        for walker, launch in chosen
    ]
    yield from _explorations(state, charter, active, segments, room)


def _explored_this_round(state: CampaignState, walker: str) -> bool:
    known = state.walkers.get(walker)
    return known is not None and known.round >= state.selections


def _has_its_turn(state: CampaignState, walker: Walker) -> bool:
    """Return whether a walker explores in this round of lockstep: orderings of a composition take turns."""
    return state.selections % walker.orderings == walker.turn


def _view(state: CampaignState, walker: Walker) -> WalkerView:
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
        orderings=walker.orderings,
        turn=walker.turn,
    )


def _explorations(
    state: CampaignState, charter: Charter, generation: GenerationState, segments: list[NextSegment], room: int
) -> Iterator[Wanted]:
    for group in grouped(segments, charter, room):
        make = partial(task_requests.explore, charter, state, generation, group)
        yield Wanted(purpose_of(group), "explore", make, dict(context_of(state, generation, group)))


def _walkers_of(task: TaskState) -> Iterator[str]:
    return (segment.walker for segment in segments_of(task.context))
