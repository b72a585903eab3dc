"""Compute results again that were lost or damaged after their harvest, when a task that reads them breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from alloop.campaign.harvest import restore_labels
from alloop.campaign.trusted_requests import trusted_request
from alloop.decisions.charter import Charter
from alloop.journal.journal import Journal
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import Workspace

TRIES = 3
"""How often one driver has the same result made again."""


class Repairer:
    """Has the damaged inputs of broken tasks computed again, each once, and keeps the tasks that wait for them.

    Parameters
    ----------
    state : CampaignState
        Knows which task computed which result.
    journal : Journal
        Holds the labels, and the requests of finished tasks.
    workspace : Workspace
        Where the results should be.
    charter : Charter
        What the journal may ask for.
    submit : callable
        Starts a task.
    """

    def __init__(
        self,
        state: CampaignState,
        journal: Journal,
        workspace: Workspace,
        charter: Charter,
        submit: Callable[[str, Request], None],
    ) -> None:
        self._state, self._journal, self._workspace, self._charter = state, journal, workspace, charter
        self._submit = submit
        self._mending: dict[str, list[TaskState]] = {}
        self._repairs: dict[str, TaskState] = {}
        self._begun: Counter[str] = Counter()

    def begin(self, task: TaskState) -> bool:
        """Repair the inputs of a broken task, and return whether the task has to wait for that.

        Labels are not computed again: their files are written back from the journal. A result that an older alloop
        computed from another request cannot be computed again.
        """
        request = trusted_request(task, self._charter)
        inputs = set(KINDS[request.kind].reads(request))
        if any(one.kind == "label" for one in inputs):
            restore_labels(self._journal, self._workspace)
        damaged = {one for one in inputs if not self._workspace.has_verified(one.kind, one.key)}
        for producer in self._producers(damaged):
            if self._begun[producer.purpose] >= TRIES and producer.purpose not in self._mending:
                continue
            if producer.purpose not in self._mending:
                again = trusted_request(producer, self._charter)
                if again.key() != producer.key:
                    continue
                self._workspace.put_aside(producer.task, producer.key)
                self._begun[producer.purpose] += 1
                self._repairs[producer.purpose] = producer
                self._submit(producer.purpose, again)
            self._mending.setdefault(producer.purpose, []).append(task)
        return any(task in waiting for waiting in self._mending.values())

    def mends(self, purpose: str) -> bool:
        """Return whether the end of a task is the end of a repair."""
        return purpose in self._mending

    def ended(self, purpose: str) -> list[TaskState]:
        """Record the end of a repair, and return the tasks that need not wait any more.

        A repair whose own inputs are damaged has not ended: it waits for their repair.
        """
        repair = self._repairs[purpose]
        if not self._workspace.has_verified(repair.task, repair.key) and self.begin(repair):
            return []
        waited = self._mending.pop(purpose)
        return [task for task in waited if not any(task in others for others in self._mending.values())]

    def _producers(self, results: set[ResultRef]) -> Iterator[TaskState]:
        """Yield the finished tasks that computed some results, as they were planned."""
        left = set(results)
        for task in self._state.tasks.values():
            if task.status == "ok" and ResultRef(task.task, task.key) in left:
                left.discard(ResultRef(task.task, task.key))
                request = self._journal.planned(task.purpose)
                if request is not None:
                    yield replace(task, request=request)
