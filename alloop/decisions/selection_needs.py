"""Decide whether to select frames, draw held-out frames or calibrate, and from which frames. Pure."""

from __future__ import annotations

import math
from itertools import islice

from alloop.decisions.charter import Charter, Walker
from alloop.decisions.label_budget import training_need
from alloop.decisions.refits import under_way
from alloop.state.records import FrameState, GenerationState
from alloop.state.state import CampaignState
from policies.calibration.trust import FEWEST_PROBES
from policies.selection.probing import probes_due

STALLED_SEGMENTS_PER_WALKER = 20

CALIBRATION_FRAMES = 500
"""Most labels that a calibration is made from: older ones come from committees that knew much less."""
CALIBRATION_LOOKS = 200
"""Most held-out frames that a committee looks at for a calibration."""


def oldest_fresh(state: CampaignState, charter: Charter) -> int:
    """Return the first generation whose offers the present committee may still judge.

    A disagreement of an older committee says nothing about the errors of the present one; in overlap mode frames of the
    generation before are accepted.
    """
    active = state.active()
    number = active.number if active else 0
    return number - 1 if charter.config.overlap else number


def fresh_candidates(state: CampaignState, charter: Charter) -> int:
    """Return how many candidates the present committee may judge."""
    return state.candidates(oldest_fresh(state, charter))


def pool_full(state: CampaignState, charter: Charter) -> bool:
    """Return whether there are as many candidates as a selection wants to see."""
    return fresh_candidates(state, charter) >= int(selection_size(charter) * charter.config.select.pool_factor)


def selection_size(charter: Charter) -> int:
    """Return how many frames a selection chooses: with many label slots more than ``select.batch``."""
    batch = charter.config.select.batch
    return max(batch, math.ceil(charter.config.label_slots / 4)) if charter.config.overlap else batch


def probes_wanted(state: CampaignState, charter: Charter, count: int) -> int:
    """Return how many of the next `count` training frames must be random probes, to keep their share of all.

    Labels that were there before the campaign owe no probes. Where every frame is drawn at random there is nothing to
    probe for.
    """
    select = charter.config.select
    if select.policy == "random":
        return 0
    return probes_due(len(state.train_order) - state.imported, state.probes, count, select.probe_fraction)


def calibration_frames(state: CampaignState) -> list[FrameState]:
    """Return the newest labelled frames that a committee had looked at before, in the order of their selection."""
    chosen = (state.frames[name] for name in reversed(state.train_order))
    labelled = (frame for frame in chosen if frame.status == "labelled" and frame.selection is not None)
    return list(islice(labelled, CALIBRATION_FRAMES))[::-1]


def heldout_looks(state: CampaignState) -> list[FrameState]:
    """Return the newest labelled held-out frames, at which the present committee looks for a calibration."""
    active = state.active()
    if active is None or len(active.models) < 2:
        return []
    return state.labelled_frames("heldout")[-CALIBRATION_LOOKS:]


def calibration_due(state: CampaignState, charter: Charter) -> bool:
    """Return whether there is something new to calibrate with, and no calibration is under way.

    That is a batch of labels since the last calibration, or a new committee that can look at held-out frames.
    """
    active = state.active()
    if active is None or any(task.task == "calibrate" for task in state.running.values()):
        return False
    looks = len(heldout_looks(state))
    if looks >= FEWEST_PROBES and active.number not in state.calibrations:
        return True
    labels = state.labelled("train")
    news = labels - state.calibrated + looks - state.calibrated_heldout
    # The committee looks at all held-out frames again, which takes long where there are many.
    enough = max(charter.config.select.batch, labels // 10)
    return news >= enough and bool(looks >= FEWEST_PROBES or calibration_frames(state))


def calibration_wanted(state: CampaignState, charter: Charter) -> str | None:
    """Return the purpose of the calibration that is due and was not tried yet, or None."""
    active = state.active()
    if active is None or not calibration_due(state, charter):
        return None
    looks = len(heldout_looks(state))
    purpose = f"calibrate/g{active.number}/{state.labelled('train')}" + (f"/h{looks}" if looks else "")
    return None if purpose in state.tasks else purpose


def starving(state: CampaignState, charter: Charter) -> bool:
    """Return whether so few frames wait for their label that label slots could run dry."""
    enough = charter.config.select.batch
    if charter.config.overlap:
        enough = max(enough, charter.config.label_slots + math.ceil(selection_size(charter) / 2))
    return state.pending("train") < enough


def heldout_pool(state: CampaignState) -> list[FrameState]:
    """Return the frames that may be drawn: taken at a random step of a held-out walker, not for what they are.

    A frame whose label was imported is trained on and not among them.
    """
    return sorted(state.pool_heldout.values(), key=lambda frame: (frame.segment, frame.walker))


def stalled(state: CampaignState, charter: Charter) -> bool:
    """Return whether the walkers have run long without a selection, under the same committee."""
    return state.stalled_segments >= STALLED_SEGMENTS_PER_WALKER * len(charter.walkers("train"))


def heldout_walkers(state: CampaignState, charter: Charter) -> dict[str, Walker]:
    """Return the held-out walkers by id, but those that have run long without a frame under the same leader."""
    known = state.walkers
    return {
        walker.id: walker
        for walker in charter.walkers("heldout")
        if walker.id not in known or known[walker.id].fruitless < STALLED_SEGMENTS_PER_WALKER
    }


def heldout_leader(state: CampaignState, charter: Charter) -> GenerationState | None:
    """Return the generation whose leader draws held-out frames, or None while a better one is still to come."""
    active = state.active()
    if active is None or active.number >= charter.config.heldout.from_generation:
        return active
    coming = training_need(state, charter) or state.pending("train") or under_way(state)
    return None if coming else active
