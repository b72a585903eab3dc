"""Count the labels that the budget and the ladder still allow, and those that the next rung needs. Pure."""

from __future__ import annotations

from alloop.decisions.charter import Charter
from alloop.state.state import CampaignState


def judged_size(state: CampaignState) -> int:
    """Return the size of the largest judged rung, or 0; a rung that waits for longer production runs is not."""
    final = {event.size: event.final for event in state.judged}
    return max((size for size, is_final in final.items() if is_final), default=0)


def rung_to_judge(state: CampaignState, charter: Charter) -> int:
    """Return the smallest rung that is not judged, or the largest of the ladder."""
    done = judged_size(state)
    rungs = charter.config.ladder.rungs
    return next((size for size in rungs if size > done), rungs[-1])


def training_limit(state: CampaignState, charter: Charter) -> int:
    """Return how many training labels may exist before another rung is judged."""
    ladder = charter.config.ladder
    ahead = [size for size in ladder.rungs if size > judged_size(state)][: 1 + ladder.lookahead_rungs]
    return ahead[-1] if ahead else ladder.rungs[-1]


def training_need(state: CampaignState, charter: Charter) -> int:
    """Return how many more training frames may be selected now, by the ladder and the label budget.

    What a selection under way may choose is still among them.
    """
    wanted = training_limit(state, charter) - state.labelled("train") - state.pending("train")
    left = labels_left(state, charter)
    if left is not None:
        wanted = min(wanted, left - heldout_need(state, charter))
    return max(0, wanted)


def heldout_need(state: CampaignState, charter: Charter) -> int:
    """Return how many held-out frames are still to be drawn.

    The next rung needs its share at once; the set then grows with the training set, no further than labelling may run
    ahead, so that a large rung does not wait for all of its held-out labels at the end.
    """
    training = min(state.labelled("train") + state.pending("train"), training_limit(state, charter))
    target = charter.heldout_target(max(rung_to_judge(state, charter), training))
    missing = max(0, target - state.labelled("heldout") - state.pending("heldout"))
    allowance = label_allowance(state, charter)
    return missing if allowance is None else min(missing, allowance)


def label_order(state: CampaignState, charter: Charter) -> tuple[str, str]:
    """Return which frames are labelled first: held-out ones while a rung with all its labels waits for them."""
    waiting = state.labelled("train") >= rung_to_judge(state, charter) and heldout_complete(state, charter) is None
    return ("heldout", "train") if waiting else ("train", "heldout")


def label_allowance(state: CampaignState, charter: Charter) -> int | None:
    """Return how many labels the budget allows beyond those of a selection under way, or None without a limit."""
    left, asked = labels_left(state, charter), state.asked.event.count if state.asked is not None else 0
    return None if left is None else max(0, left - asked)


def labels_left(state: CampaignState, charter: Charter) -> int | None:
    """Return how many labels of the budget are neither bought nor ordered, or None without a limit."""
    labels = charter.config.budget.labels
    if hours_spent(state, charter):
        return 0
    return None if labels is None else max(0, labels - state.labels_spent())


def hours_spent(state: CampaignState, charter: Charter) -> bool:
    """Return whether the core-hours of the budget are spent: no label is begun any more."""
    hours = charter.config.budget.dft_core_hours
    return hours is not None and state.dft_core_s >= 3600.0 * hours


def heldout_complete(state: CampaignState, charter: Charter) -> int | None:
    """Return on how many held-out frames the next rung is judged, the first ones drawn, or None before they are there.

    A set that cannot grow any more, for want of budget, is complete as it is; a selection may leave some of the labels
    that are kept for it.
    """
    target, settled = charter.heldout_target(rung_to_judge(state, charter)), state.heldout_settled()
    if settled >= target:
        return target
    if _heldout_to_come(state, charter) or heldout_need(state, charter) or _selecting(state) or settled < 2:
        return None
    return settled


def _heldout_to_come(state: CampaignState, charter: Charter) -> int:
    """Return how many of the drawn held-out frames may still get their label: without core-hours only those begun."""
    never = len(state.to_label["heldout"]) if hours_spent(state, charter) else 0
    return state.pending("heldout") - never


def _selecting(state: CampaignState) -> bool:
    """Return whether a selection was asked for that did not fail."""
    task = state.tasks.get(f"select/{state.asked.event.number}") if state.asked is not None else None
    return state.asked is not None and (task is None or task.status != "failed")
