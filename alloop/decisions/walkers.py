"""Return the next segments of walkers, and group those that share a task. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloop.decisions.charter import Charter, Walker
from alloop.decisions.teaching import taught_start
from alloop.potential.evaluation.batch_limits import walkers_at_once
from alloop.state.records import GenerationState
from alloop.state.state import CampaignState
from alloop.tasks.contract.references import SegmentRef


@dataclass(frozen=True)
class NextSegment:
    """The next segment of a walker.

    Attributes
    ----------
    number : int
        Segments it has finished.
    start : SegmentRef or None
        The segment that it continues; None to begin anew.
    seed : int
        Decides the segment; it depends on nothing but the walker and the number.
    """

    walker: Walker
    number: int
    start: SegmentRef | None
    temperature_K: float
    seed: int


def next_segment(
    state: CampaignState, charter: Charter, walker: Walker, *, restart: bool, temperature_K: float | None = None
) -> NextSegment:
    """Return the next segment of a walker, at its own temperature unless another is given."""
    known = state.walkers.get(walker.id)
    number = known.segments if known else 0
    # Imported labels may be of frames that these very walkers offered in another campaign, close to what they would
    # offer again: held-out walkers go other ways, so that no held-out frame has a twin among the training labels.
    salt = state.brought if walker.role == "heldout" else ""
    return NextSegment(
        walker=walker,
        number=number,
        start=known.continue_from if known and not restart else _beginning(state, charter, walker),
        temperature_K=walker.temperature_K if temperature_K is None else temperature_K,
        seed=charter.seed(f"{salt}explore/{walker.id}/{number}"),
    )


def _beginning(state: CampaignState, charter: Charter, walker: Walker) -> SegmentRef | None:
    """Return where a walker begins anew: in a campaign with a teacher, where the taught student left one of its own."""
    known = state.walkers.get(walker.id)
    mates = [one for one in charter.walkers("train") + charter.walkers("heldout") if one.system == walker.system]
    alike = [one.id for one in mates if one.temperature_K == walker.temperature_K]
    place = alike.index(walker.id) + (len(alike) * known.explosions if known else 0)
    return taught_start(state, walker.system, walker.temperature_K, place)


def segments_wanted(charter: Charter, room: int) -> int:
    """Return how many segments can be begun in some free slots."""
    return room * max(_most(charter, system) for system in charter.systems)


def grouped(segments: Sequence[NextSegment], charter: Charter, room: int) -> list[tuple[NextSegment, ...]]:
    """Return which segments share a task, always of walkers of one system.

    In overlap mode as few share one as the free slots allow, and segments that found no room wait. In lockstep the same
    walkers always go together, whatever is free, so that time does not decide who goes with whom.

    Parameters
    ----------
    segments : sequence of NextSegment
        The most wanted first.
    charter : Charter
        Says what fits into a task, and how many run at the same time.
    room : int
        Free slots.
    """
    if not charter.config.overlap:
        return _by_team(segments, charter)
    share = math.ceil(len(segments) / max(room, 1))
    groups: list[list[NextSegment]] = []
    open_group: dict[str, list[NextSegment]] = {}
    for segment in segments:
        system = segment.walker.system
        group = open_group.get(system)
        if group is not None and len(group) < _size(charter, system, share):
            group.append(segment)
        elif len(groups) < room:
            open_group[system] = [segment]
            groups.append(open_group[system])
    return [tuple(group) for group in groups]


def _by_team(segments: Sequence[NextSegment], charter: Charter) -> list[tuple[NextSegment, ...]]:
    groups: dict[tuple[str, str, int], list[NextSegment]] = {}
    for segment in segments:
        groups.setdefault(_team(charter, segment.walker), []).append(segment)
    return [tuple(group) for group in groups.values()]


def _team(charter: Charter, walker: Walker) -> tuple[str, str, int]:
    """Return with whom a walker goes in lockstep: all walkers are shared out over all slots."""
    execution, all_of_role = charter.config.execution, charter.walkers(walker.role)
    share = math.ceil(len(all_of_role) / max(execution.executors[execution.explore].slots, 1))
    mates = [other.id for other in all_of_role if other.system == walker.system]
    return walker.role, walker.system, mates.index(walker.id) // _size(charter, walker.system, share)


def purpose_of(segments: Sequence[NextSegment]) -> str:
    """Return the purpose of the task of some segments: its first, and how many more there are."""
    first, more = segments[0], len(segments) - 1
    return f"explore/{first.walker.id}/{first.number}" + (f"+{more}" if more else "")


def context_of(state: CampaignState, active: GenerationState, segments: Sequence[NextSegment]) -> Mapping[str, Any]:
    """Return the context of a task of these segments, which the fold reads; see `alloop.state.records.segments_of`."""
    return {
        "generation": active.number,
        "role": segments[0].walker.role,
        "round": state.selections,
        "walkers": [
            {
                "walker": segment.walker.id,
                "segment": segment.number,
                "system": segment.walker.system,
                "temperature_K": segment.temperature_K,
                "start": None if segment.start is None else str(segment.start),
            }
            for segment in segments
        ],
    }


def _size(charter: Charter, system: str, share: int) -> int:
    """Return how many walkers of a system go into one task."""
    wanted = charter.config.explore.walkers_per_task
    return min(share, _most(charter, system)) if wanted == "auto" else wanted


def _most(charter: Charter, system: str) -> int:
    """Return how many walkers of a system one task may have."""
    wanted, execution = charter.config.explore.walkers_per_task, charter.config.execution
    if wanted != "auto":
        return wanted
    return walkers_at_once(execution.executors[execution.explore].device, len(charter.systems[system].numbers))
