"""Events of frames: offered, selected, drawn, labelled."""

from __future__ import annotations

from collections import Counter

from alloop.journal.events import FramesSelected, HeldoutDrawn, SelectionAsked, TaskFinished
from alloop.state.records import AskedSelection, FrameState, SegmentState, TaskState, WalkerState
from alloop.state.state import AT_RANDOM, CampaignState
from alloop.tasks.contract.records import Offer
from alloop.tasks.contract.references import OfferRef


def offered(state: CampaignState, task: TaskState, segment: SegmentState, offer: Offer) -> None:
    """A task offers a frame."""
    frame = FrameState(
        id=f"{segment.name}/{offer.index}",
        system=segment.system,
        walker=segment.walker,
        segment=segment.segment,
        generation=segment.generation,
        source=OfferRef(task.task, task.key, offer.index),
        offer=offer,
    )
    state.frames[frame.id] = frame
    if offer.why == "initial":
        state.pool_initial[frame.id] = frame
    elif segment.role == "train":
        state.pool[frame.id] = frame
        state.offered[int(segment.generation or 0)] += 1
    elif _may_be_held_out(state, frame):
        state.pool_heldout[frame.id] = frame


def _may_be_held_out(state: CampaignState, frame: FrameState) -> bool:
    """Return whether a frame was taken at random, has no label yet, and is of a leader that was not too far off."""
    imported = frame.offer.structure_sha256 in state.imported_structures
    return frame.offer.why == "random" and not imported and int(frame.generation or 0) >= state.heldout_from


def label_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    """A label was computed, or failed."""
    frame = state.frames[task.context["frame"]]
    state.waiting_labels[str(frame.use)] -= 1
    if event.status == "ok":
        frame.status, frame.label = "labelled", event.key
        state.labels[str(frame.use)] += 1
    else:
        frame.status, frame.reason = "failed", event.reason
        state.failures[event.reason] += 1
    settle(state)


def settle(state: CampaignState) -> None:
    """Count the held-out frames, in the order they were drawn, up to the first whose label is still to come."""
    for frame_id in state.heldout_order[state.settled_frames :]:
        status = state.frames[frame_id].status
        if status == "heldout":
            return
        state.settled_frames += 1
        state.settled_labels += status == "labelled"


def draw_again(state: CampaignState, frame: FrameState) -> None:
    """Put a held-out frame that is tried again after all others, if models may have been evaluated without it.

    The first held-out frames stay the same ones: what is evaluated on equally many is evaluated on the same.
    """
    place = state.heldout_order.index(frame.id)
    if place < state.settled_frames:
        state.heldout_order.append(state.heldout_order.pop(place))
        state.settled_frames -= 1


def selection_asked(state: CampaignState, event: SelectionAsked) -> None:
    """The selection policy is asked about all frames offered so far."""
    segments = tuple(sorted(state.news, key=lambda source: (source.walker, source.segment)))
    state.asked = AskedSelection(event, segments, state.last_selection)
    state.news, state.segments_since_selection = [], 0
    state.asked_about, state.offered = state.offered, Counter()


def frames_selected(state: CampaignState, event: FramesSelected) -> None:
    """The policy has chosen."""
    state.selections += 1
    state.stalled_segments = 0 if event.chosen else state.stalled_segments
    state.last_chosen = len(event.chosen)
    for choice in event.chosen:
        frame = _leave_pool(state, choice.id)
        frame.rank, frame.reason, frame.probability = choice.rank, choice.why, choice.probability
        if event.generation is not None:
            _of_a_selection(state, frame)
        _use(state, frame, "train")
        state.train_order.append(frame.id)
    for frame_id, reason in event.rejected.items():
        frame = _leave_pool(state, frame_id)
        frame.status, frame.reason = "rejected", reason
        state.rejections[reason] += 1
    state.offered.update(state.asked_about)
    state.asked_about = Counter()


def _of_a_selection(state: CampaignState, frame: FrameState) -> None:
    frame.selection = state.last_selection
    walker = state.walkers.setdefault(frame.walker, WalkerState(frame.walker))
    walker.last_chosen = max(walker.last_chosen, frame.segment)
    state.probes += frame.reason in AT_RANDOM


def heldout_drawn(state: CampaignState, event: HeldoutDrawn) -> None:
    """Frames are drawn for the held-out set, or leave it."""
    for frame_id in event.frames:
        frame = state.pool_heldout.pop(frame_id)
        frame.reason = "heldout"
        _use(state, frame, "heldout")
        state.heldout_order.append(frame_id)
    if event.retired:
        _retire(state, event.retired, stale=not event.broken)


def _retire(state: CampaignState, names: tuple[str, ...], *, stale: bool) -> None:
    """Train on held-out frames, and forget what models were found to be on a set that held them.

    Frames that follow stale ones are drawn from dynamics of a newer leader.
    """
    for name in names:
        frame = state.frames[name]
        counts = state.labels if frame.status == "labelled" else state.waiting_labels
        counts.update({"heldout": -1, "train": 1})
        if frame.status != "labelled":
            frame.status = "selected"
        waiting = state.to_label["heldout"].pop(name, None)
        if waiting is not None:
            state.to_label["train"][name] = waiting
        frame.use, frame.reason = "train", "retired"
        state.train_order.append(name)
    state.heldout_order = [name for name in state.heldout_order if name not in set(names)]
    state.settled_frames = state.settled_labels = state.calibrated_heldout = 0
    settle(state)
    state.retirements += 1
    if stale:
        state.heldout_from = 1 + max(int(state.frames[name].generation or 0) for name in names)
    state.pool_heldout = {name: frame for name, frame in state.pool_heldout.items() if _may_be_held_out(state, frame)}
    for walker in {state.frames[name].walker for name in names}:
        state.walkers[walker].continue_from = None
    state.evaluations.clear()
    state.judged.clear()


def _leave_pool(state: CampaignState, frame_id: str) -> FrameState:
    if frame_id in state.pool_initial:
        return state.pool_initial.pop(frame_id)
    frame = state.pool.pop(frame_id)
    state.asked_about[int(frame.generation or 0)] -= 1
    return frame


def _use(state: CampaignState, frame: FrameState, use: str) -> None:
    frame.status, frame.use = "selected" if use == "train" else "heldout", use
    state.to_label[use][frame.id] = frame
    state.waiting_labels[use] += 1
    state.ordered += 1
