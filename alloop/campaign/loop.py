"""Run the loop of a campaign: plan tasks from the state, submit them, record what happens in the journal."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn, Protocol, runtime_checkable

from alloop.campaign.harvest import give_up_or_retry, harvest, out_of_time
from alloop.campaign.repair import Repairer
from alloop.campaign.trusted_requests import NotAskedError, trusted_request
from alloop.decisions.changed_code import answer, relabelling
from alloop.decisions.charter import Charter
from alloop.decisions.label_sanity import absurd_label
from alloop.decisions.next_events import decide
from alloop.decisions.next_tasks import plan
from alloop.decisions.refits import waited_in_vain, worth_waiting_for
from alloop.decisions.selection_needs import calibration_wanted
from alloop.decisions.stages import Stage, Wanted
from alloop.failures import PolicyError
from alloop.journal.events import CodeRefused, DriverStarted, DriverStopped, Event, TaskPlanned, Tick, VerdictReached
from alloop.journal.journal import Entry, Journal
from alloop.state.fold import apply
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.attempts import BrokenAttempt
from alloop.tasks.contract.request import Request
from alloop.tasks.workspace import Workspace
from alloop.workers.executors import Completion, wait
from alloop.workers.machine_faults import PLACE_TRIES, common_losses, find_fault, pause_s

IDLE_TICK_S = 60.0


class Workers(Protocol):
    """Starts tasks and reports their ends, as the loop needs it."""

    completions: queue.SimpleQueue[Completion]

    def free(self) -> dict[str, int]:
        """Return the free slots of every executor."""
        ...

    def submit(self, purpose: str, request: Request) -> None:
        """Start a task."""
        ...

    def harvested(self, slot_kind: str) -> None:
        """Free the slot of a finished task."""
        ...

    def broken(self) -> str | None:
        """Return why no task can run any more, or None."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A view of a running campaign.

    Its methods are called on the driver's thread: they return quickly and never raise, because a view that breaks must
    not break the campaign.
    """

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        """See one event of the journal, already folded into the state."""
        ...

    def tick(self, state: CampaignState, now: float) -> None:
        """Notice that time passed; `now` is in seconds since the epoch."""
        ...

    def close(self) -> None:
        """Finish what was begun; no other call follows. The caller that opened the view closes it, not the loop."""
        ...


class StopRequested(Exception):
    """The user or the system asked the driver to stop."""


class CodeRefusedError(Exception):
    """Changed code does not give the labels that are there; `refusal` says how far it is from them."""

    def __init__(self, refusal: CodeRefused) -> None:
        super().__init__(refusal)
        self.refusal = refusal

    def __str__(self) -> str:
        return self.refusal.reason


class Campaign:
    """One campaign under one driver.

    Parameters
    ----------
    journal : Journal
        The open journal.
    state : CampaignState
        Its fold.
    charter : Charter
        What the campaign was founded on.
    workers : Workers
        Where tasks run.
    workspace : Workspace
        The campaign's files.
    listeners : iterable of Listener
        Views to keep informed.
    tick_s : float
        Longest time (s) between two looks at the stop request and the clock.
    stop : callable
        Returns the reason to stop, or None.
    study : Stage or None
        What a study asks for; None for the campaign itself.
    """

    def __init__(
        self,
        journal: Journal,
        state: CampaignState,
        charter: Charter,
        workers: Workers,
        workspace: Workspace,
        *,
        listeners: Iterable[Listener] = (),
        tick_s: float = 0.5,
        stop: Callable[[], str | None] = lambda: None,
        study: Stage | None = None,
    ) -> None:
        self.journal, self.state, self.charter = journal, state, charter
        self.workers, self.workspace = workers, workspace
        self.listeners, self.tick_s, self.stop, self.study = tuple(listeners), tick_s, stop, study
        self._last_event_t = time.monotonic()
        self._waiting: list[tuple[float, TaskState]] = []
        self._waited: Counter[str] = Counter()
        self._not_asked: set[str] = set()
        self._mender = Repairer(state, journal, workspace, charter, workers.submit)

    def run(self, started: DriverStarted) -> VerdictReached:
        """Run to a verdict.

        Raises
        ------
        StopRequested
            If a stop was asked for; running the campaign again continues it.
        CodeRefusedError
            If the code of the labels changed, and labels made again with it are not the same.
        """
        self.record([started])
        if self.state.drift is not None:
            self.settle_code()
        self.work(lambda: self.state.verdict is None or self._ends_later())
        left = [purpose for purpose, task in self.state.running.items() if task.slot_kind in ("label", "fit")]
        self.record([DriverStopped(reason=f"verdict; not waited for: {', '.join(left)}" if left else "verdict")])
        assert self.state.verdict is not None
        return self.state.verdict

    def _ends_later(self) -> bool:
        if waited_in_vain(self.state):
            return False
        return worth_waiting_for(self.state) or calibration_wanted(self.state, self.charter) is not None

    def measure(self, started: DriverStarted) -> None:
        """Compute what is asked for and not there yet: random subsets, transport of the fitted rungs, or a study.

        Raises
        ------
        StopRequested
            If a stop was asked for; measuring again continues it.
        CodeRefusedError
            If the code of the labels changed, and labels made again with it are not the same.
        """
        self.record([started])
        if self.state.drift is not None:
            self.settle_code()
        # Models that cannot be evaluated or measured are left out: this ends when nothing runs and nothing is planned.
        self.take_up()
        self.advance()
        while self._at_work():
            self.hear(wait(self.workers.completions, self.tick_s))
            self.advance()
        self.record([DriverStopped(reason="measured")])

    def settle_code(self) -> None:
        """Make some labels again with changed code, and go on with it or refuse it."""
        self.work(lambda: relabelling(self.state))
        found = answer(self.state, stress_is_fitted=self.charter.config.fit.stress_weight > 0)
        self.record([found])
        if isinstance(found, CodeRefused):
            self.record([DriverStopped(reason="changed code")])
            raise CodeRefusedError(found)

    def work(self, unfinished: Callable[[], bool]) -> None:
        """Plan, submit and record until nothing is left to do."""
        self.take_up()
        while unfinished():
            self.advance()
            self.hear(wait(self.workers.completions, self.tick_s))

    def advance(self) -> None:
        """Take the decisions that are due and submit what should run."""
        while True:
            wanted = plan(self.state, self.charter, self.workers.free(), self.study)
            for task in wanted:
                self.submit(task)
            decisions = decide(self.state, self.charter, idle=not wanted and not self._at_work())
            if not decisions:
                return
            self.record(decisions)

    def submit(self, wanted: Wanted) -> None:
        """Journal a task, then start it."""
        request = wanted.build()
        self.record([self._planned(wanted.purpose, wanted.slot_kind, request, wanted.context)])
        self.workers.submit(wanted.purpose, request)

    @staticmethod
    def _planned(purpose: str, slot_kind: str, request: Request, context: dict[str, Any]) -> TaskPlanned:
        return TaskPlanned(
            purpose=purpose,
            key=request.key(),
            task=request.kind,
            slot_kind=slot_kind,
            request=request.model_dump(mode="json"),
            context=context,
        )

    def take_up(self) -> None:
        """Harvest the tasks that finished while no driver ran, and start the others again.

        While changed code of the labels is being checked, only probes are started. A request that an older alloop wrote
        in another form has another key now: it is planned again under the key that its result will have. A study's task
        with settings that the study has no longer is left as it is.
        """
        for task in list(self.state.running.values()):
            may_start = self._is_own(task) if self.state.drift is None else task.task == "probe"
            if not self.harvest(task) and may_start:
                self._start_again(task)

    def _start_again(self, task: TaskState) -> None:
        try:
            request = trusted_request(task, self.charter)
        except NotAskedError:
            self._not_asked.add(task.purpose)
            return
        if request.key() != task.key:
            self.record([self._planned(task.purpose, task.slot_kind, request, task.context)])
        self.workers.submit(task.purpose, request)

    def _is_own(self, task: TaskState) -> bool:
        """Return whether a task is one that this driver works for: the campaign's, or those of a study."""
        return task.of_study == (self.study is not None)

    def _at_work(self) -> bool:
        return any(
            self._is_own(task) and purpose not in self._not_asked for purpose, task in self.state.running.items()
        )

    def hear(self, completions: Sequence[Completion]) -> None:
        """Record the ends of tasks, the passing of time and the wish to stop."""
        reason = self.stop()
        if reason is not None:
            self.leave(reason)
        losses = common_losses(completion.error for completion in completions)
        for completion in completions:
            task = self.state.tasks[completion.purpose]
            self.workers.harvested(task.slot_kind)
            if self._mender.mends(task.purpose):
                self._waiting += [(time.monotonic(), waiter) for waiter in self._mender.ended(task.purpose)]
            else:
                self.finish(task, completion.error, losses)
        self.try_again()
        dead = self.workers.broken()
        if dead is not None:
            self.leave(dead)
        if time.monotonic() - self._last_event_t > IDLE_TICK_S:
            self.record([Tick()])
        self.journal.check()
        self.journal.publish()
        for listener in self.listeners:
            listener.tick(self.state, time.time())

    def finish(self, task: TaskState, error: BrokenAttempt | BaseException | None, losses: Counter[bytes]) -> None:
        """Record the end of a task: its result if there is one, even of a broken attempt; else what the break cost."""
        broken = error if isinstance(error, BrokenAttempt) else None
        if self.harvest(task, broken.result() if broken is not None else None):
            return
        if broken is not None and broken.kind == "policy":
            raise PolicyError(broken.text)
        dead = self.workers.broken()
        if dead is not None:
            self.leave(dead)
        if broken is not None and broken.kind == "time":
            self.record([out_of_time(task, broken)])
            return
        fault = find_fault(error, losses)
        waited = self._waited[task.purpose]
        if fault.place and waited >= PLACE_TRIES - 1:
            self.leave(f"{fault.place} where {task.purpose} is computed ({fault.text}); {fault.mend}")
        self.record([give_up_or_retry(task, fault, self.charter.config.budget.retries)])
        if task.status != "running" or (fault.inputs and self._mender.begin(task)):
            return
        self._waited[task.purpose] += fault.pause
        self._waiting.append((time.monotonic() + (pause_s(waited) if fault.pause else 0.0), task))

    def try_again(self) -> None:
        """Start the tasks again whose pause is over."""
        due = [task for t, task in self._waiting if t <= time.monotonic()]
        self._waiting = [(t, task) for t, task in self._waiting if task not in due]
        for task in due:
            self.workers.submit(task.purpose, trusted_request(task, self.charter))

    def leave(self, reason: str) -> NoReturn:
        """Record why this driver stops, and raise StopRequested."""
        self.record([DriverStopped(reason=reason)])
        raise StopRequested(reason)

    def harvest(self, task: TaskState, unwritten: bytes | None = None) -> bool:
        """Record the result of a task, if there is one, or a label that its worker could not write."""
        judge = partial(absurd_label, self.state, task) if task.task == "label" else None
        entries = harvest(self.journal, self.workspace, task, self.state.pool, unwritten, judge)
        self._publish(entries)
        return bool(entries)

    def record(self, events: Sequence[Event]) -> None:
        """Journal events, fold them into the state, and tell the listeners."""
        self._publish(self.journal.append(events))

    def _publish(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            apply(self.state, entry)
            self._last_event_t = time.monotonic()
            for listener in self.listeners:
                listener.on_entry(entry, self.state)
