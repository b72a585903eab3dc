"""Sum up when tasks and drivers of a campaign ran, and how its core time was used. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloop.journal.events import (
    CampaignCreated,
    ConfigChanged,
    DriverStarted,
    DriverStopped,
    TaskFinished,
    TaskPlanned,
)
from alloop.journal.journal import Entry
from alloop.tasks.contract.kind import WORK
from alloop.tasks.contract.request import SLOT_KINDS
from alloop.tasks.registry import KINDS

IN_FLIGHT, WAITING = "in_flight", "waiting"


@dataclass(frozen=True)
class Session:
    """The time of one driver (s since the epoch), and the slots it could fill."""

    start: float
    end: float
    slots: int


@dataclass(frozen=True)
class Run:
    """One task at work on one process; times in s since the epoch."""

    purpose: str
    kind: str
    start: float
    end: float
    cores: int
    host: str
    pid: int
    ok: bool


def time_split(entries: Iterable[Entry]) -> dict[str, float]:
    """Return the core time of a campaign by kind of work, in core-seconds.

    ``DFT``, ``MD``, ``fitting``, ``evaluating``, ``selecting`` and ``production MD`` are the times of finished tasks,
    each with the cores it owned. ``in_flight`` is the time of tasks that had not finished when the journal ends.
    ``waiting`` is the rest of what the configured slots could have worked while a driver was there: idle slots, the
    start-up of workers, and attempts that were lost.
    """
    entries = list(entries)
    sessions, runs = driver_sessions(entries), task_runs(entries)
    spent: dict[str, float] = dict.fromkeys(WORK, 0.0)
    for run in runs:
        spent[run.kind] += run.cores * (run.end - run.start)
    capacity = sum(session.slots * (session.end - session.start) for session in sessions)
    busy = sum(run.cores * _inside(run.start, run.end, sessions) for run in runs)
    idle = max(0.0, capacity - busy)
    flying = min(idle, _in_flight(entries, sessions))
    return {**spent, IN_FLIGHT: flying, WAITING: idle - flying}


def driver_sessions(entries: Iterable[Entry]) -> list[Session]:
    """Return the times of all drivers; a driver that died is taken to have run until its last event."""
    sessions: list[Session] = []
    start, last, slots = None, 0.0, 1
    for entry in entries:
        event = entry.event
        if isinstance(event, CampaignCreated | ConfigChanged):
            slots = configured_slots(event.config)
        if isinstance(event, DriverStarted):
            if start is not None:
                sessions.append(Session(start, last, slots))
            start = entry.t
        last = entry.t
        if isinstance(event, DriverStopped) and start is not None:
            sessions.append(Session(start, last, slots))
            start = None
    if start is not None:
        sessions.append(Session(start, last, slots))
    return sessions


def configured_slots(config: Mapping[str, Any]) -> int:
    """Return how many tasks the executors that are in use can run at once, every block of a batch system included."""
    execution = config.get("execution", {})
    executors = execution.get("executors", {})
    used = {execution.get(kind) for kind in SLOT_KINDS} & set(executors)
    return max(1, sum(_slots(executors[name]) for name in used))


def _slots(executor: Mapping[str, Any]) -> int:
    nodes = int(executor.get("nodes_per_block", 1)) * int(executor.get("max_blocks", 1))
    return int(executor.get("workers", 1)) * nodes


def task_runs(entries: Iterable[Entry]) -> list[Run]:
    """Return the finished tasks that computed something, in the order in which they began."""
    tasks: dict[str, str] = {}
    runs: list[Run] = []
    for entry in entries:
        event = entry.event
        if isinstance(event, TaskPlanned):
            tasks[event.purpose] = event.task
        elif isinstance(event, TaskFinished) and event.timing is not None and not event.reused:
            timing = event.timing
            runs.append(
                Run(
                    purpose=event.purpose,
                    kind=KINDS[tasks[event.purpose]].work,
                    start=timing.started_t,
                    end=max(timing.started_t, timing.finished_t),
                    cores=timing.cores,
                    host=timing.host,
                    pid=timing.pid,
                    ok=event.status == "ok",
                )
            )
    return sorted(runs, key=lambda run: (run.start, run.purpose))


def driver_time(sessions: Sequence[Session], t: float) -> float:
    """Return the campaign's own time (s) at a time of the clock; it stops while there is no driver."""
    return sum(max(0.0, min(t, session.end) - session.start) for session in sessions)


def _inside(start: float, end: float, sessions: Sequence[Session]) -> float:
    return driver_time(sessions, end) - driver_time(sessions, start)


def _in_flight(entries: Sequence[Entry], sessions: Sequence[Session]) -> float:
    """Return the time (s) of tasks of the last driver that have not finished."""
    if not sessions:
        return 0.0
    planned: dict[str, float] = {}
    for entry in entries:
        if isinstance(entry.event, TaskPlanned):
            planned[entry.event.purpose] = entry.t
        elif isinstance(entry.event, TaskFinished):
            planned.pop(entry.event.purpose, None)
    last = sessions[-1]
    return sum(last.end - max(t, last.start) for t in planned.values())
