"""Plan the teaching phase: frames that the teacher labels, and fits of a student to them, round by round. Pure.

In the first round the frames are rattled copies; in each later one the student of the round before moves them. After
the last round every member of the committee is pre-trained on all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from alloop.decisions import teaching_requests
from alloop.decisions.charter import Charter
from alloop.decisions.refits import attempts
from alloop.decisions.stages import Wanted
from alloop.decisions.teaching_requests import STUDENT, student
from alloop.state.records import TaskState, TaughtState
from alloop.state.state import CampaignState
from alloop.tasks.contract.references import SegmentRef

FRAMES_PER_TASK = 72


def teaching(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield what the first round that is not done still lacks: its frames, then the fit of its student."""
    teacher = charter.config.teacher
    if teacher is None or teaching_failure(state, charter) is not None:
        return
    for number in range(teacher.rounds):
        if not _labelled(state, charter, number):
            yield from _frames(state, charter, number)
            return
        if number < teacher.rounds - 1 and student(state, number) is None:
            yield from _student_fit(state, charter, number)
            return


def is_teaching(task: TaskState) -> bool:
    """Return whether a task belongs to the teaching phase; the fits of the members do not."""
    return task.task == "teach" or task.purpose.startswith(STUDENT)


def teaching_open(state: CampaignState, charter: Charter) -> bool:
    """Return whether members cannot be pre-trained yet, or never: the phase has something to do, or has failed."""
    teacher = charter.config.teacher
    if teacher is None:
        return False
    return not _labelled(state, charter, teacher.rounds - 1) or teaching_failure(state, charter) is not None


def teaching_failure(state: CampaignState, charter: Charter) -> str | None:
    """Return why a campaign cannot be taught: no frame of a system got a label, or no student could be fitted."""
    teacher = charter.config.teacher
    if teacher is None:
        return None
    for system in charter.systems:
        tasks = [state.tasks.get(purpose) for purpose in _purposes(charter, system, 0)]
        if all(task is not None and task.status == "failed" for task in tasks):
            last = next(task.finished for task in reversed(tasks) if task is not None)
            return f"the teacher labels no frame of {system}: {last.detail or last.reason if last else ''}"
    for number in range(teacher.rounds - 1):
        tries = [state.tasks.get(name) for name in attempts(f"{STUDENT}r{number}")]
        if all(task is not None and task.status == "failed" for task in tries):
            return f"no student could be fitted to the teacher's frames of round {number}"
    return None


def taught_sources(state: CampaignState, system: str) -> tuple[str, ...]:
    """Return the results of the last round that hold frames of a system."""
    return tuple(one.key for one in _last_round(state, system))


def taught_start(state: CampaignState, system: str, temperature_K: float, place: int) -> SegmentRef | None:
    """Return where a walker begins: at the end of a walker of the student's last MD, of the nearest temperature.

    Parameters
    ----------
    place : int
        Walkers of the same system and temperature with different places begin at different ends, while there are any.
    """
    ends = [
        (abs(walker.temperature_K - temperature_K), SegmentRef(one.key, index, "teach"))
        for one in _last_round(state, system)
        if one.keeps_cell
        for index, walker in enumerate(one.walkers)
        if not walker.broken
    ]
    if not ends:
        return None
    nearest = min(distance for distance, _ in ends)
    alike = [end for distance, end in ends if distance == nearest]
    return alike[place % len(alike)]


def _last_round(state: CampaignState, system: str) -> list[TaughtState]:
    own = [one for one in state.taught if one.system == system and one.walkers]
    last = max((one.round for one in own), default=0)
    return sorted((one for one in own if one.round == last), key=lambda one: one.part)


def _purposes(charter: Charter, system: str, number: int) -> list[str]:
    return [f"teach/{system}/r{number}/p{part}" for part in range(len(_shares(charter, number)))]


def _shares(charter: Charter, number: int) -> list[int]:
    """Return the frames of each task of a round; rattled copies, the first round's, are half as many."""
    assert charter.config.teacher is not None
    cold = number == 0 and charter.foundation is None
    frames = charter.config.teacher.frames // (2 if cold else 1)
    parts = -(-frames // FRAMES_PER_TASK)
    return [len(range(part, frames, parts)) for part in range(parts)]


def _ends(state: CampaignState, system: str, number: int, part: int) -> tuple[SegmentRef | None, ...]:
    """Return where the walkers of the same part of the round before ended, which this round goes on from."""
    before = (one for one in state.taught if (one.system, one.round, one.part) == (system, number - 1, part))
    return tuple(
        None if walker.broken or not one.keeps_cell else SegmentRef(one.key, place, "teach")
        for one in before
        for place, walker in enumerate(one.walkers)
    )


def _labelled(state: CampaignState, charter: Charter, number: int) -> bool:
    """Return whether every task of a round has ended."""
    purposes = (purpose for system in charter.systems for purpose in _purposes(charter, system, number))
    return all(purpose in state.tasks and state.tasks[purpose].status != "running" for purpose in purposes)


def _frames(state: CampaignState, charter: Charter, number: int) -> Iterator[Wanted]:
    for system in charter.systems:
        shares = _shares(charter, number)
        for part, purpose in enumerate(_purposes(charter, system, number)):
            if purpose not in state.tasks:
                strained = teaching_requests.strained(charter, part)
                context: dict[str, Any] = {"system": system, "round": number, "part": part, "strained": strained}
                driver = student(state, number - 1) if number else charter.foundation
                ends = _ends(state, system, number, part)
                make = partial(
                    teaching_requests.teach, charter, state, system, driver, number, part, shares[part], ends
                )
                yield Wanted(purpose, "explore", make, context)


def _student_fit(state: CampaignState, charter: Charter, number: int) -> Iterator[Wanted]:
    context: dict[str, Any] = {"rung": None, "generation": None, "member": None}
    for attempt, name in enumerate(attempts(f"{STUDENT}r{number}")):
        task = state.tasks.get(name)
        if task is None:
            before = student(state, number - 1) if number else None
            make = partial(teaching_requests.student_fit, charter, state, number, before, attempt)
            yield Wanted(name, "fit", make, context)
        if task is None or task.status != "failed":
            return
