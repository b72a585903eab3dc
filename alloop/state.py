"""The state of a campaign: the fold of its journal, one event at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

from alloop.canonical import content_key
from alloop.events import (
    AttemptLost,
    CampaignCreated,
    CodeChanged,
    CodeDriftFound,
    CodeRefused,
    ConfigChanged,
    DriverStarted,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    LabelsImported,
    PolicyChanged,
    RungJudged,
    SelectionAsked,
    TaskFinished,
    TaskPlanned,
    VerdictReached,
)
from alloop.journal import Entry, JournalError
from alloop.records import AskedSelection, FrameState, GenerationState, RungState, TaskState, WalkerState
from alloop.tasks.requests import SegmentSource
from alloop.tasks.results import EvaluateSummary, Offer, OffersSummary

UNPHYSICAL = ("contact", "temperature", "volume", "nan")
HEARTBEAT_GAP_S = 120.0
LOST, TIMEOUT = "lost", "timeout"
OF_MACHINES = (LOST, TIMEOUT)
"""Reasons of failures that other machines may not have."""
OF_MEANS = ("budget_spent", "stopped")
T = TypeVar("T")


class State:
    """Everything the journal says, indexed for the decisions. Changed only by `apply`."""

    def __init__(self) -> None:
        self.created: CampaignCreated | None = None
        self.config: dict[str, Any] = {}
        self.policies: dict[str, str] = {}
        self.codes: list[dict[str, str]] = []
        self.drift: CodeDriftFound | None = None
        self.drifts = 0
        self.tasks: dict[str, TaskState] = {}
        self.running: dict[str, TaskState] = {}
        self.frames: dict[str, FrameState] = {}
        self.pool: dict[str, FrameState] = {}
        self.pool_initial: dict[str, FrameState] = {}
        self.pool_heldout: dict[str, FrameState] = {}
        self.to_label: dict[str, dict[str, FrameState]] = {"train": {}, "heldout": {}}
        self.train_order: list[str] = []
        self.heldout_order: list[str] = []
        self.pretraining: list[str] = []
        self.imported_structures: set[str] = set()
        self.imported_from: set[str] = set()
        self.brought = ""
        self.walkers: dict[str, WalkerState] = {}
        self.generations: list[GenerationState] = []
        self.rungs: dict[int, RungState] = {}
        self.e0s_eV: dict[str, float] = {}
        self.evaluations: dict[tuple[str, int], EvaluateSummary] = {}
        self.judged: list[RungJudged] = []
        self.verdict: VerdictReached | None = None
        self.rejections: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.last_problem = ""
        self.selections = 0
        self.asked: AskedSelection | None = None
        self.last_selection: str | None = None
        self.stalled_segments = 0
        self.segments_since_selection = 0
        self.last_chosen = 0
        self.dft_core_s = 0.0
        self.wall_s = 0.0
        self.seq = 0
        self.last_t: float | None = None
        self._pending: Counter[str] = Counter()
        self._labelled: Counter[str] = Counter()
        self._ordered = 0
        self._unfitted: dict[int, GenerationState] = {}
        self._settled_frames = self._settled_labels = 0
        self._news: list[SegmentSource] = []
        self._offered: Counter[int] = Counter()
        self._asked_about: Counter[int] = Counter()

    @property
    def code(self) -> dict[str, str]:
        """The code that makes the labels: the newest one that was accepted."""
        return self.codes[-1]

    # -- counts the decisions need ---------------------------------------------------------------------------

    def pending(self, use: str) -> int:
        """Return how many frames of a use (``train`` or ``heldout``) wait for their label."""
        return self._pending[use]

    def labelled(self, use: str) -> int:
        """Return how many frames of a use have a label."""
        return self._labelled[use]

    def labels_spent(self) -> int:
        """Return how many labels are bought or ordered, failed ones included, imported ones not."""
        return self._ordered

    def candidates(self, oldest: int) -> int:
        """Return how many offered frames of a generation or later wait for a selection to be asked for."""
        return sum(count for generation, count in self._offered.items() if generation >= oldest)

    def labelled_frames(self, use: str) -> list[FrameState]:
        """Return the labelled frames of a use in selection order."""
        order = self.train_order if use == "train" else self.heldout_order
        return [self.frames[i] for i in order if self.frames[i].status == "labelled"]

    def active(self) -> GenerationState | None:
        """Return the newest generation whose whole committee is fitted."""
        members = self.members()
        for generation in reversed(self.generations):
            if generation.foundation or len(generation.models) == members:
                return generation
        return None

    def fitting(self) -> list[GenerationState]:
        """Return the generations that lack members, oldest first."""
        return list(self._unfitted.values())

    def heldout_settled(self) -> int:
        """Return how many of the first held-out frames are labelled, up to the first whose label is still to come."""
        return self._settled_labels

    def members(self) -> int:
        """Return the size of a committee."""
        return int(self.config["potential"]["committee"])

    # -- the fold --------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Fold one event."""
        self._pass_time(entry)
        self.seq = entry.seq
        fold = _FOLDS.get(type(entry.event))
        if fold is not None:
            fold(self, entry)

    def _pass_time(self, entry: Entry) -> None:
        if self.last_t is not None and not isinstance(entry.event, DriverStarted | ConfigChanged):
            self.wall_s += max(0.0, min(entry.t - self.last_t, HEARTBEAT_GAP_S))
        self.last_t = entry.t

    def _created(self, entry: Entry) -> None:
        event = _as(entry.event, CampaignCreated)
        self.created, self.config = event, event.config
        self.policies, self.codes = event.policies, [event.code]

    def _config_changed(self, entry: Entry) -> None:
        self.config = _as(entry.event, ConfigChanged).config
        self._give_walkers_another_chance()
        self._lift_verdict()
        newest = {task.purpose.partition("/again")[0]: task for task in self.tasks.values()}
        for task in newest.values():
            revived = task.finished is not None and task.finished.reason in OF_MACHINES
            if revived and task.task not in ("explore", "probe"):
                self._revive(task)

    def _lift_verdict(self) -> None:
        if self.verdict is not None and self.verdict.verdict in OF_MEANS:
            self.verdict = None

    def _revive(self, task: TaskState) -> None:
        """Let other machines try what machines failed at; what asks for former code is planned again."""
        assert task.finished is not None
        reason = task.finished.reason
        if self._outdated(task):
            self._plan_again(task)
        else:
            task.status, task.finished, task.attempts = "running", None, 1
            self.running[task.purpose] = task
        if task.task != "label":
            self.broken[reason] -= 1
            return
        frame = self.frames[task.context["frame"]]
        frame.status, frame.reason = "selected" if frame.use == "train" else "heldout", "tried again"
        self._pending[str(frame.use)] += 1
        self.failures[reason] -= 1
        self._settled_frames = self._settled_labels = 0
        self._settle()

    def _policy_changed(self, entry: Entry) -> None:
        self.policies = _as(entry.event, PolicyChanged).policies
        self._give_walkers_another_chance()
        self._lift_verdict()

    def _drifted(self, entry: Entry) -> None:
        self._end_drift()
        self.drift = _as(entry.event, CodeDriftFound)
        self.drifts += 1

    def _code_refused(self, entry: Entry) -> None:
        self._end_drift()

    def _code_changed(self, entry: Entry) -> None:
        event = _as(entry.event, CodeChanged)
        self._end_drift()
        self.codes.append(event.new)
        for task in [task for task in self.running.values() if self._outdated(task)]:
            del self.running[task.purpose]
            self._plan_again(task)
        if not event.probes:
            self._forget_atoms()

    def _end_drift(self) -> None:
        self.drift = None
        self.running = {purpose: task for purpose, task in self.running.items() if task.task != "probe"}

    def _forget_atoms(self) -> None:
        """Have the isolated atoms computed again: no label says whether their energies still belong to the code."""
        for purpose in [task.purpose for task in self.tasks.values() if task.task == "atom"]:
            del self.tasks[purpose]
            self.running.pop(purpose, None)
        self.e0s_eV.clear()

    def _plan_again(self, task: TaskState) -> None:
        """Forget a task that asked for former code."""
        del self.tasks[task.purpose]
        if task.task == "label":
            frame = self.frames[task.context["frame"]]
            self.to_label[str(frame.use)][frame.id] = frame

    def _outdated(self, task: TaskState) -> bool:
        """Return whether a task asks for other code than the present one."""
        asked: dict[str, str] = task.request.get("code", {})
        return any(self.code.get(name) != value for name, value in asked.items())

    def _imported(self, entry: Entry) -> None:
        event = _as(entry.event, LabelsImported)
        self.brought = content_key([self.brought, event.keys])
        if event.campaign is not None:
            self.imported_from.add(event.campaign)
        if event.reference == "other":
            self.pretraining.extend(event.keys)
            return
        self.imported_structures.update(event.structures)
        source = "" if event.campaign is None else f"campaign/{event.campaign}"
        for key in event.keys:
            frame = FrameState(f"imported/{key[:12]}", "imported", "imported", 0, None, source, _IMPORTED_OFFER)
            frame.status, frame.use, frame.label = "labelled", "train", key
            self.frames[frame.id] = frame
            self.train_order.append(frame.id)
            self._labelled["train"] += 1

    def _planned(self, entry: Entry) -> None:
        event = _as(entry.event, TaskPlanned)
        task = TaskState(event.purpose, event.key, event.task, event.slot_kind, event.request, event.context, entry.t)
        self.tasks[task.purpose] = self.running[task.purpose] = task
        if event.task == "explore":
            self._walker(event.context["walker"]).running = True
        if event.task == "label":
            frame = self.frames[event.context["frame"]]
            self.to_label[str(frame.use)].pop(frame.id, None)

    def _lost(self, entry: Entry) -> None:
        event = _as(entry.event, AttemptLost)
        self.tasks[event.purpose].attempts += event.cost
        self.broken["lost worker"] += 1

    def _finished(self, entry: Entry) -> None:
        event = _as(entry.event, TaskFinished)
        task = self.tasks[event.purpose]
        task.status, task.finished = event.status, event
        task.request = task.request if event.reason in OF_MACHINES else {}
        self.running.pop(event.purpose, None)
        if task.slot_kind == "label" and event.timing is not None and not event.reused:
            self.dft_core_s += event.timing.cpu_s
        if event.status == "failed":
            self.last_problem = f"{event.purpose}: {event.detail or event.reason}"
            if task.task not in ("label", "probe"):
                self.broken[event.reason] += 1
        _FINISHED[task.task](self, task, event)

    def _offers_finished(self, task: TaskState, event: TaskFinished) -> None:
        walker = self._walker(task.context["walker"])
        walker.running = False
        walker.segments = max(walker.segments, int(task.context["segment"]) + 1)
        summary = OffersSummary.model_validate(event.summary) if event.status == "ok" else None
        if task.task == "explore":
            self._count_segment(walker, task, summary)
        if summary is None:
            walker.explosions += 1
            walker.ended = event.reason
            return
        walker.explosions = walker.explosions + 1 if summary.ended in UNPHYSICAL else 0
        walker.ended = summary.ended
        self.rejections.update(summary.gated)
        for offer in summary.offers:
            self._offer(task, offer)

    def _count_segment(self, walker: WalkerState, task: TaskState, summary: OffersSummary | None) -> None:
        """Count a segment, a failed one (None) too: what only ever fails must not be tried for ever."""
        walker.last_generation = int(task.context["generation"])
        walker.round = int(task.context["round"])
        if summary is not None:
            walker.continue_from = task.key
        fruitful = summary is not None and any(offer.why == "random" for offer in summary.offers)
        walker.fruitless = 0 if fruitful else walker.fruitless + 1
        self.stalled_segments += task.context["role"] == "train"
        self.segments_since_selection += task.context["role"] == "train"
        if summary is not None and task.context["role"] == "train":
            self._news.append(_segment_source(task))

    def _offer(self, task: TaskState, offer: Offer) -> None:
        context = task.context
        frame = FrameState(
            id=f"{context['walker']}/{context['segment']}/{offer.index}",
            system=context["system"],
            walker=context["walker"],
            segment=int(context["segment"]),
            generation=context["generation"],
            source=f"{task.task}/{task.key}#{offer.index}",
            offer=offer,
        )
        self.frames[frame.id] = frame
        if offer.why == "initial":
            self.pool_initial[frame.id] = frame
        elif context["role"] == "train":
            self.pool[frame.id] = frame
            self._offered[int(context["generation"])] += 1
        elif offer.why == "random" and offer.structure_sha256 not in self.imported_structures:
            self.pool_heldout[frame.id] = frame

    def _label_finished(self, task: TaskState, event: TaskFinished) -> None:
        frame = self.frames[task.context["frame"]]
        self._pending[str(frame.use)] -= 1
        if event.status == "ok":
            frame.status, frame.label = "labelled", event.key
            self._labelled[str(frame.use)] += 1
        else:
            frame.status, frame.reason = "failed", event.reason
            self.failures[event.reason] += 1
        self._settle()

    def _settle(self) -> None:
        """Move on over the held-out frames, in the order they were drawn, of which nothing is to come any more."""
        for frame_id in self.heldout_order[self._settled_frames :]:
            status = self.frames[frame_id].status
            if status == "heldout":
                return
            self._settled_frames += 1
            self._settled_labels += status == "labelled"

    def _probe_finished(self, task: TaskState, event: TaskFinished) -> None:
        """Nothing follows from one probe alone."""

    def _atom_finished(self, task: TaskState, event: TaskFinished) -> None:
        if event.status == "ok":
            self.e0s_eV[task.context["element"]] = float(event.summary["energy_eV"])

    def _fit_finished(self, task: TaskState, event: TaskFinished) -> None:
        if event.status != "ok":
            return
        context, model = task.context, f"fit:{event.key}"
        if context["rung"] is not None:
            self.rungs[context["rung"]].models[context["fit"]] = model
        if context["generation"] is not None:
            generation = self.generations[context["generation"]]
            generation.models[context["member"]] = model
            if len(generation.models) == self.members():
                self._unfitted.pop(generation.number, None)

    def _evaluate_finished(self, task: TaskState, event: TaskFinished) -> None:
        if event.status == "ok":
            key = (task.context["model"], int(task.context["heldout"]))
            self.evaluations[key] = EvaluateSummary.model_validate(event.summary)

    def _select_finished(self, task: TaskState, event: TaskFinished) -> None:
        if event.status == "ok":
            self.last_selection, self.asked = event.key, None

    def _selection_asked(self, entry: Entry) -> None:
        segments = tuple(sorted(self._news, key=lambda source: (source.walker, source.segment)))
        self.asked = AskedSelection(_as(entry.event, SelectionAsked), segments, self.last_selection)
        self._news, self.segments_since_selection = [], 0
        self._asked_about, self._offered = self._offered, Counter()

    def _selected(self, entry: Entry) -> None:
        event = _as(entry.event, FramesSelected)
        self.selections += 1
        self.stalled_segments = 0 if event.chosen else self.stalled_segments
        self.last_chosen = len(event.chosen)
        for choice in event.chosen:
            frame = self._leave_pool(choice.id)
            frame.rank, frame.reason = choice.rank, choice.why
            self._use(frame, "train")
            self.train_order.append(frame.id)
        for frame_id, reason in event.rejected.items():
            frame = self._leave_pool(frame_id)
            frame.status, frame.reason = "rejected", reason
            self.rejections[reason] += 1
        self._offered.update(self._asked_about)
        self._asked_about = Counter()

    def _drawn(self, entry: Entry) -> None:
        for frame_id in _as(entry.event, HeldoutDrawn).frames:
            frame = self.pool_heldout.pop(frame_id)
            frame.reason = "heldout"
            self._use(frame, "heldout")
            self.heldout_order.append(frame_id)

    def _leave_pool(self, frame_id: str) -> FrameState:
        if frame_id in self.pool_initial:
            return self.pool_initial.pop(frame_id)
        frame = self.pool.pop(frame_id)
        self._asked_about[int(frame.generation or 0)] -= 1
        return frame

    def _use(self, frame: FrameState, use: str) -> None:
        frame.status, frame.use = "selected" if use == "train" else "heldout", use
        self.to_label[use][frame.id] = frame
        self._pending[use] += 1
        self._ordered += 1

    def _opened(self, entry: Entry) -> None:
        event = _as(entry.event, GenerationOpened)
        missing = set(event.missing)
        frames = tuple(i for i in self.train_order[: event.upto] if i not in missing)
        generation = GenerationState(event.number, frames, event.rung, event.foundation)
        self.generations.append(generation)
        self._give_walkers_another_chance()
        if event.foundation and self.created is not None:
            generation.models[0] = f"foundation:{self.created.foundation}"
        else:
            self._unfitted[generation.number] = generation
        if event.rung is not None:
            self.rungs[event.rung] = RungState(event.rung, frames)

    def _judged(self, entry: Entry) -> None:
        self.judged.append(_as(entry.event, RungJudged))

    def _verdict(self, entry: Entry) -> None:
        self.verdict = _as(entry.event, VerdictReached)

    def _give_walkers_another_chance(self) -> None:
        self.stalled_segments = 0
        for walker in self.walkers.values():
            walker.fruitless = 0

    def _walker(self, walker_id: str) -> WalkerState:
        return self.walkers.setdefault(walker_id, WalkerState(walker_id))


def _as(event: Any, cls: type[T]) -> T:
    assert isinstance(event, cls)
    return event


def _segment_source(task: TaskState) -> SegmentSource:
    context = task.context
    return SegmentSource(
        key=task.key,
        walker=context["walker"],
        segment=int(context["segment"]),
        system=context["system"],
        generation=int(context["generation"]),
    )


_IMPORTED_OFFER = Offer(
    index=0, why="initial", step=0, temperature_K=None, disagreement_eV_per_A=None, min_contact=1.0, structure_sha256=""
)

_FOLDS: dict[type, Any] = {
    CampaignCreated: State._created,
    ConfigChanged: State._config_changed,
    PolicyChanged: State._policy_changed,
    CodeDriftFound: State._drifted,
    CodeChanged: State._code_changed,
    CodeRefused: State._code_refused,
    LabelsImported: State._imported,
    TaskPlanned: State._planned,
    TaskFinished: State._finished,
    AttemptLost: State._lost,
    SelectionAsked: State._selection_asked,
    FramesSelected: State._selected,
    HeldoutDrawn: State._drawn,
    GenerationOpened: State._opened,
    RungJudged: State._judged,
    VerdictReached: State._verdict,
}

_FINISHED: dict[str, Any] = {
    "initial": State._offers_finished,
    "explore": State._offers_finished,
    "label": State._label_finished,
    "probe": State._probe_finished,
    "atom": State._atom_finished,
    "fit": State._fit_finished,
    "evaluate": State._evaluate_finished,
    "select": State._select_finished,
}


def fold(entries: Iterable[Entry]) -> State:
    """Return the state after all entries.

    Raises
    ------
    JournalError
        If an event does not fit those before it, as in a journal that somebody changed.
    """
    state = State()
    for entry in entries:
        try:
            state.apply(entry)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            what = f"event {entry.seq} ({entry.event.kind}) does not fit those before it ({type(error).__name__})"
            raise JournalError(f"the journal's {what}; restore it from a copy") from error
    return state
