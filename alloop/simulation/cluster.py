"""Workers on a virtual clock: the loop sees them as any others, and a day passes in a minute."""

from __future__ import annotations

import heapq
import queue
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from alloop.config.machine import ExecutionConfig
from alloop.simulation.answers import answer
from alloop.simulation.durations import Durations
from alloop.tasks.contract.records import Result, Timing
from alloop.tasks.contract.request import Request
from alloop.tasks.workspace import Workspace
from alloop.workers.executors import Completion


class Clock:
    """Virtual time (s since the epoch)."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class _Flight(NamedTuple):
    end: float
    number: int
    start: float
    purpose: str
    request: Request


class VirtualCluster:
    """Slots that answer requests after the time that a real worker would take.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder; results are written there as real workers write them.
    execution : ExecutionConfig
        How many slots each executor has, and which of them serves which kind of task.
    durations : Durations
        How long each task takes.
    clock : Clock
        Moved by this cluster alone, from the end of one task to the end of the next.

    Attributes
    ----------
    busy_s : dict
        Time worked by slot kind (s).
    own_s : float
        Real time spent on the simulation itself (s), to be taken off what the driver took.
    """

    def __init__(self, root: Path, execution: ExecutionConfig, durations: Durations, clock: Clock) -> None:
        self.workspace, self.clock = Workspace(root), clock
        self.completions = _Ends(self)
        self.busy_s: defaultdict[str, float] = defaultdict(float)
        self.own_s = 0.0
        self._execution, self._durations = execution, durations
        self._busy: Counter[str] = Counter()
        self._flights: list[_Flight] = []
        self._count = 0

    def free(self) -> dict[str, int]:
        """Return the free slots of every executor."""
        return {name: executor.slots - self._busy[name] for name, executor in self._execution.executors.items()}

    def submit(self, purpose: str, request: Request) -> None:
        """Start a task now, on the virtual clock."""
        begin = time.perf_counter()
        took = self._durations.of(request)
        self._count += 1
        flight = _Flight(self.clock.now + took, self._count, self.clock.now, purpose, request)
        heapq.heappush(self._flights, flight)
        self._busy[getattr(self._execution, request.slot_kind)] += 1
        self.busy_s[request.slot_kind] += took
        self.own_s += time.perf_counter() - begin

    def harvested(self, slot_kind: str) -> None:
        """Free the slot of a finished task."""
        self._busy[getattr(self._execution, slot_kind)] -= 1

    def broken(self) -> str | None:
        """Return None: these workers never break."""
        return None

    def next_end(self, *, later: bool) -> Completion | None:
        """Write the result of the next task to end, and return its completion; None where none does.

        Parameters
        ----------
        later : bool
            Whether time may pass for it.
        """
        if not self._flights or (self._flights[0].end > self.clock.now and not later):
            return None
        begin = time.perf_counter()
        flight = heapq.heappop(self._flights)
        self.clock.now = flight.end
        self._write(flight)
        self.own_s += time.perf_counter() - begin
        return Completion(flight.purpose, None)

    def _write(self, flight: _Flight) -> None:
        request, took = flight.request, flight.end - flight.start
        if self.workspace.read(request.kind, request.key()) is not None:
            return
        summary, data = answer(request, self.workspace)
        timing = Timing(
            started_t=flight.start, finished_t=flight.end, cpu_s=took, cores=1, host="virtual", pid=flight.number
        )
        common = {"key": request.key(), "kind": request.kind, "timing": timing}
        self.workspace.write(Result(status="ok", summary=summary, data=data, **common))


class _Ends(queue.SimpleQueue[Completion]):
    """The queue of completions: who waits at it makes time pass."""

    def __init__(self, cluster: VirtualCluster) -> None:
        super().__init__()
        self._cluster = cluster

    def get(self, block: bool = True, timeout: float | None = None) -> Completion:
        """Return the next completion, whenever that is.

        Raises
        ------
        queue.Empty
            If nothing runs; the clock moves by the timeout then.
        """
        completion = self._cluster.next_end(later=True)
        if completion is None:
            self._cluster.clock.now += timeout or 0.0
            raise queue.Empty
        return completion

    def get_nowait(self) -> Completion:
        """Return a completion that is due now.

        Raises
        ------
        queue.Empty
            If none is.
        """
        completion = self._cluster.next_end(later=False)
        if completion is None:
            raise queue.Empty
        return completion
