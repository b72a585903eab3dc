"""What the state still lacks: small questions that the plan and the decisions share. Pure."""

from __future__ import annotations

import math
from itertools import islice

from alloop.charter import Charter, Walker
from alloop.journal.events import GenerationOpened
from alloop.state.records import FrameState, GenerationState, RungState
from alloop.state.state import State
from policies.probing import probes_due

FIT_ATTEMPTS = 3
STALLED_SEGMENTS_PER_WALKER = 20
CALIBRATION_FRAMES = 500
"""Labels that a calibration is made from: older ones are of committees that knew much less."""


SUBSETS = -1
"""Stands for the number of held-out frames where models of random subsets are evaluated on the frames drawn for it."""


def judged_size(state: State) -> int:
    """Return the size of the largest judged rung, or 0; a rung that waits for longer production runs is not."""
    final = {event.size: event.final for event in state.judged}
    return max((size for size, is_final in final.items() if is_final), default=0)


def next_rung(state: State, charter: Charter) -> int:
    """Return the smallest rung that is not judged, or the largest of the ladder."""
    done = judged_size(state)
    rungs = charter.config.ladder.rungs
    return next((size for size in rungs if size > done), rungs[-1])


def training_limit(state: State, charter: Charter) -> int:
    """Return how many training labels may exist before another rung is judged."""
    ladder = charter.config.ladder
    ahead = [size for size in ladder.rungs if size > judged_size(state)][: 1 + ladder.lookahead_rungs]
    return ahead[-1] if ahead else ladder.rungs[-1]


def training_need(state: State, charter: Charter) -> int:
    """Return how many more training frames may be selected now, by the ladder and the label budget.

    What a selection under way may choose is still among them.
    """
    wanted = training_limit(state, charter) - state.labelled("train") - state.pending("train")
    left = labels_left(state, charter)
    if left is not None:
        wanted = min(wanted, left - heldout_need(state, charter))
    return max(0, wanted)


def heldout_need(state: State, charter: Charter) -> int:
    """Return how many held-out frames are still to be drawn.

    The next rung needs its share at once; the set then grows with the training set, no further than labelling may run
    ahead, so that a large rung does not wait for all of its held-out labels at the end.
    """
    training = min(state.labelled("train") + state.pending("train"), training_limit(state, charter))
    target = charter.heldout_target(max(next_rung(state, charter), training))
    missing = max(0, target - state.labelled("heldout") - state.pending("heldout"))
    allowance = label_allowance(state, charter)
    return missing if allowance is None else min(missing, allowance)


def label_order(state: State, charter: Charter) -> tuple[str, str]:
    """Return which frames are labelled first: held-out ones while a rung with all its labels waits for them."""
    waiting = state.labelled("train") >= next_rung(state, charter) and heldout_complete(state, charter) is None
    return ("heldout", "train") if waiting else ("train", "heldout")


def label_allowance(state: State, charter: Charter) -> int | None:
    """Return how many more labels the budget allows beside those a selection may come with, or None without a limit."""
    left, asked = labels_left(state, charter), state.asked.event.count if state.asked is not None else 0
    return None if left is None else max(0, left - asked)


def labels_left(state: State, charter: Charter) -> int | None:
    """Return how many labels of the budget are neither bought nor ordered, or None without a limit."""
    labels = charter.config.budget.labels
    if hours_spent(state, charter):
        return 0
    return None if labels is None else max(0, labels - state.labels_spent())


def hours_spent(state: State, charter: Charter) -> bool:
    """Return whether the core-hours of the budget are spent: no label is begun any more."""
    hours = charter.config.budget.dft_core_hours
    return hours is not None and state.dft_core_s >= 3600.0 * hours


def heldout_complete(state: State, charter: Charter) -> int | None:
    """Return on how many held-out frames the next rung is judged, the first ones drawn, or None before they are there.

    A set that cannot grow any more, for want of budget, is complete as it is; a selection may leave some of the labels
    that are kept for it.
    """
    target, settled = charter.heldout_target(next_rung(state, charter)), state.heldout_settled()
    if settled >= target:
        return target
    if _heldout_to_come(state, charter) or heldout_need(state, charter) or _selecting(state) or settled < 2:
        return None
    return settled


def _heldout_to_come(state: State, charter: Charter) -> int:
    """Return how many of the drawn held-out frames may still get their label: without core-hours only those begun."""
    never = len(state.to_label["heldout"]) if hours_spent(state, charter) else 0
    return state.pending("heldout") - never


def _selecting(state: State) -> bool:
    """Return whether a selection was asked for that did not fail."""
    task = state.tasks.get(f"select/{state.asked.event.number}") if state.asked is not None else None
    return state.asked is not None and (task is None or task.status != "failed")


def oldest_fresh(state: State, charter: Charter) -> int:
    """Return the first generation whose offers the present committee may still judge.

    A disagreement found by an older committee says nothing about what the present one does not know; in overlap
    mode one generation of lag is accepted.
    """
    active = state.active()
    number = active.number if active else 0
    return number - 1 if charter.config.overlap else number


def fresh_candidates(state: State, charter: Charter) -> int:
    """Return how many candidates the present committee may judge."""
    return state.candidates(oldest_fresh(state, charter))


def pool_full(state: State, charter: Charter) -> bool:
    """Return whether there are as many candidates as a selection wants to see."""
    return fresh_candidates(state, charter) >= int(selection_size(charter) * charter.config.select.pool_factor)


def selection_size(charter: Charter) -> int:
    """Return how many frames a selection chooses: with many label slots more than ``select.batch``."""
    batch = charter.config.select.batch
    return max(batch, math.ceil(charter.config.label_slots / 4)) if charter.config.overlap else batch


def probes_wanted(state: State, charter: Charter, count: int) -> int:
    """Return how many of the next `count` training frames must be random probes, to keep their share of all.

    Labels that were there before the campaign owe no probes. Where every frame is drawn at random there is nothing to
    probe for.
    """
    select = charter.config.select
    if select.policy == "random":
        return 0
    return probes_due(len(state.train_order) - state.imported, state.probes, count, select.probe_fraction)


def calibration_frames(state: State) -> list[FrameState]:
    """Return the newest labelled frames that a committee had looked at before, in the order of their selection."""
    chosen = (state.frames[name] for name in reversed(state.train_order))
    labelled = (frame for frame in chosen if frame.status == "labelled" and frame.selection is not None)
    return list(islice(labelled, CALIBRATION_FRAMES))[::-1]


def calibration_due(state: State, charter: Charter) -> bool:
    """Return whether a batch of labels came since the last calibration, and none is under way."""
    if any(task.task == "calibrate" for task in state.running.values()):
        return False
    news = state.labelled("train") - state.calibrated
    return news >= charter.config.select.batch and bool(calibration_frames(state))


def starving(state: State, charter: Charter) -> bool:
    """Return whether so few frames wait for their label that label slots could run dry."""
    enough = charter.config.select.batch
    if charter.config.overlap:
        enough = max(enough, charter.config.label_slots + math.ceil(selection_size(charter) / 2))
    return state.pending("train") < enough


def heldout_pool(state: State) -> list[FrameState]:
    """Return the frames that may be drawn: taken at a random step of a held-out walker, not for what they are.

    A frame whose label was imported is trained on and not among them.
    """
    return sorted(state.pool_heldout.values(), key=lambda frame: (frame.segment, frame.walker))


def stalled(state: State, charter: Charter) -> bool:
    """Return whether the walkers have run long without a selection, under the same committee."""
    return state.stalled_segments >= STALLED_SEGMENTS_PER_WALKER * len(charter.walkers("train"))


def heldout_walkers(state: State, charter: Charter) -> dict[str, Walker]:
    """Return the held-out walkers by id, but those that have run long without a frame under the same leader."""
    known = state.walkers
    return {
        walker.id: walker
        for walker in charter.walkers("heldout")
        if walker.id not in known or known[walker.id].fruitless < STALLED_SEGMENTS_PER_WALKER
    }


def heldout_leader(state: State, charter: Charter) -> GenerationState | None:
    """Return the generation whose leader draws held-out frames, or None while a better one is still to come."""
    active = state.active()
    if active is None or active.number >= charter.config.heldout.from_generation:
        return active
    coming = training_need(state, charter) or state.pending("train") or _under_way(state)
    return None if coming else active


def worth_waiting_for(state: State) -> bool:
    """Return whether a paid label or a member of the last committee is still being computed."""
    return any(task.slot_kind in ("label", "fit") for task in state.running.values())


def attempts(purpose: str) -> list[str]:
    """Return the purposes under which a fit is tried, each from another seed."""
    return [f"{purpose}/again{attempt}" if attempt else purpose for attempt in range(FIT_ATTEMPTS)]


def member_fit(generation: GenerationState, member: int) -> str:
    """Return the purpose of the fit of a member: the leader of a rung's committee is the first fit of that rung."""
    leads_rung = member == 0 and generation.rung is not None
    return f"fit/r{generation.rung}/f0" if leads_rung else f"fit/g{generation.number}/m{member}"


def _under_way(state: State) -> list[GenerationState]:
    """Return the generations whose committee may still be completed."""
    return [generation for generation in state.fitting() if not _given_up(state, generation)]


def _given_up(state: State, generation: GenerationState) -> bool:
    """Return whether a member failed as often as a fit is tried."""
    lacking = (number for number in range(state.members()) if number not in generation.models)
    last = (state.tasks.get(attempts(member_fit(generation, number))[-1]) for number in lacking)
    return any(task is not None and task.status == "failed" for task in last)


def generation_due(state: State, charter: Charter) -> GenerationOpened | None:
    """Return the refit that should begin now: of a rung as soon as its labels are complete, else after enough news.

    In overlap mode a rung does not wait for the fits of the one before; a refit between rungs does.
    """
    number = len(state.generations)
    if number == 0 and charter.foundation is not None:
        return GenerationOpened(number=0, upto=0, labels=0, foundation=True)
    fitting = bool(_under_way(state))
    if (fitting and not charter.config.overlap) or len(state.e0s_eV) < len(charter.elements):
        return None
    if number == 0 and state.pending("train"):
        return None
    return _rung_generation(state, charter, number) or (None if fitting else _refit(state, charter, number))


def _rung_generation(state: State, charter: Charter, number: int) -> GenerationOpened | None:
    size = next((rung for rung in charter.config.ladder.rungs if rung not in state.rungs), None)
    if size is None or state.labelled("train") < size:
        return None
    labelled, missing = 0, []
    for upto, frame_id in enumerate(state.train_order, start=1):
        status = state.frames[frame_id].status
        if status == "selected":
            return None
        labelled += status == "labelled"
        if status != "labelled":
            missing.append(frame_id)
        if labelled == size:
            return GenerationOpened(number=number, upto=upto, missing=tuple(missing), labels=size, rung=size)
    return None


def _refit(state: State, charter: Charter, number: int) -> GenerationOpened | None:
    before = max((len(generation.frames) for generation in state.generations), default=0)
    labels, every = state.labelled("train"), charter.config.fit.every_labels
    if before:
        enough = labels - before >= every and labels < charter.config.ladder.rungs[-1]
    else:
        enough = labels >= every or (labels > 0 and not state.pending("train"))
    if not enough:
        return None
    missing = tuple(i for i in state.train_order if state.frames[i].status != "labelled")
    return GenerationOpened(number=number, upto=len(state.train_order), missing=missing, labels=labels)


def fitted_rungs(state: State, charter: Charter) -> list[RungState]:
    """Return the rungs whose fits are all done, smallest first."""
    fits = charter.config.ladder.fits
    return [rung for _, rung in sorted(state.rungs.items()) if len(rung.models) == fits]


def ladder_rungs(state: State, charter: Charter) -> list[RungState]:
    """Return the rungs that are fitted and in the table: the foundation, then the acquired ones, smallest first."""
    first = [state.foundation_rung] if state.foundation_rung is not None else []
    return [*first, *fitted_rungs(state, charter)]


def fitted_subsets(state: State, charter: Charter) -> list[RungState]:
    """Return the random subsets whose fits are all done, smallest first."""
    fits = charter.config.ladder.fits
    return [rung for _, rung in sorted(state.subsets.items()) if len(rung.models) == fits]


def subsets_heldout(state: State) -> int:
    """Return what stands for the held-out frames of the present ladder of random subsets."""
    assert state.drawn is not None
    return SUBSETS - state.drawn.number


def evaluations_wanted(state: State, charter: Charter) -> list[tuple[str, str, int]]:
    """Return (name, model, held-out size) of every evaluation that is possible and not yet done."""
    if state.subsets_open():
        subsets, heldout = _named(fitted_subsets(state, charter)), subsets_heldout(state)
        return [(name, model, heldout) for name, model in subsets if (model, heldout) not in state.evaluations]
    complete = heldout_complete(state, charter)
    if complete is None:
        return []
    models = _named(ladder_rungs(state, charter))
    models += [(f"g{g.number}", g.models[0]) for g in _leaders(state)]
    return [(name, model, complete) for name, model in models if (model, complete) not in state.evaluations]


def _named(rungs: list[RungState]) -> list[tuple[str, str]]:
    return [(f"{rung.name}/f{fit}", rung.models[fit]) for rung in rungs for fit in sorted(rung.models)]


def _leaders(state: State) -> list[GenerationState]:
    return [g for g in state.generations if g.rung is None and not g.foundation and 0 in g.models]
