"""Workers that answer every request at once with plausible numbers: for tests of the loop, not of the physics."""

from __future__ import annotations

import queue
import time
from pathlib import Path

import numpy as np

from alloop.labelling.errors import RanksError
from alloop.simulation.answers import answer
from alloop.tasks.attempts import broken_by
from alloop.tasks.contract.records import Result, Timing
from alloop.tasks.contract.request import Request
from alloop.tasks.workspace import Workspace
from alloop.workers.executors import Completion


class SimulatedWorkers:
    """Answers requests in the order of their submission, or shuffled by a seed."""

    def __init__(self, root: Path, slots: int = 2, seed: int | None = None, fail: dict[str, str] | None = None) -> None:
        self.completions: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        self.workspace, self.slots, self.busy = Workspace(root), slots, 0
        self.computed: list[tuple[str, str]] = []
        self.fail = dict(fail or {})
        self.fail_once = False
        self.late: tuple[str, ...] = ()
        self.lose: tuple[str, ...] = ()
        self.loss: Exception = RanksError("the node is broken")
        self.dead: str | None = None
        self._rng = None if seed is None else np.random.default_rng(seed)
        self._waiting: list[tuple[str, Request]] = []

    def free(self) -> dict[str, int]:
        return {"local": self.slots - self.busy}

    def harvested(self, slot_kind: str) -> None:
        self.busy -= 1

    def broken(self) -> str | None:
        return self.dead

    def submit(self, purpose: str, request: Request) -> None:
        self.busy += 1
        self._waiting.append((purpose, request))
        if self._rng is None:
            self.work()

    def work(self) -> None:
        """Finish one waiting task, what is late only when nothing else waits."""
        if not self._waiting:
            return
        prompt = [place for place, (purpose, _) in enumerate(self._waiting) if not purpose.startswith(self.late)]
        places = prompt or list(range(len(self._waiting)))
        purpose, request = self._waiting.pop(places[0 if self._rng is None else int(self._rng.integers(len(places)))])
        if self.lose and purpose.startswith(self.lose):
            self.completions.put(Completion(purpose, broken_by(self.loss)))
            return
        if self.workspace.read(request.kind, request.key()) is None:
            self.computed.append((purpose, request.key()))
            self.workspace.write(self._answer(purpose, request))
        self.completions.put(Completion(purpose, None))

    def _answer(self, purpose: str, request: Request) -> Result:
        t = time.time()
        timing = Timing(started_t=t, finished_t=t, cpu_s=10.0, cores=1, host="simulated", pid=1)
        start = next((start for start in self.fail if purpose.startswith(start)), None)
        reason = self.fail.pop(start) if self.fail_once and start else self.fail.get(start or "")
        common = {"key": request.key(), "kind": request.kind, "timing": timing}
        if reason is not None:
            return Result(status="failed", reason=reason, detail="simulated", **common)
        summary, data = answer(request, self.workspace)
        return Result(status="ok", summary=summary, data=data, **common)
