"""Decide which held-out frames leave the set, because they are not what production sees. Pure.

Held-out frames come from molecular dynamics of the leader of their time. One that is far off does not see the states
that a good one sees, and an error on its frames is not the error in production. A young leader may also let a structure
break without noticing: the error on one such frame is larger than those on all others together, so that rungs seem to
agree. Such frames are trained on from then on, and others are drawn in their place.
"""

from __future__ import annotations

from statistics import median

import numpy as np

from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import leader_of
from alloop.decisions.label_budget import heldout_complete, training_need
from alloop.journal.events import Event, HeldoutDrawn
from alloop.state.largest_forces import largest_forces
from alloop.state.records import FrameState
from alloop.state.state import CampaignState

TOO_FAR = 2.0
"""How many times larger the force RMSE of a leader may be than that of the newest one, on the same held-out frames."""

BROKEN = 5.0
"""Largest force of a broken structure's label, over the median of its system; that of thermal frames is at most 3."""
WALL_eV_PER_A = 5.0
"""Smallest such force (eV/Å): in cells of few atoms or next to the relaxed structure, the median itself is near 0."""
FEWEST_LABELS = 4
"""Labels of a system whose median tells."""


def retire(state: CampaignState, charter: Charter) -> list[Event]:
    """Return the frames that leave the held-out set, as an event, or nothing.

    Frames of a leader that is far off count as training labels, so none of them leaves that the ladder does not need
    any more: it would be paid for in vain.
    """
    if charter.rules >= 5 and (broken := _broken(state)):
        return [HeldoutDrawn(frames=(), retired=tuple(broken), broken=True)]
    outgrown = _outgrown(state, charter)
    frames = [frame.id for frame in _settled(state) if frame.generation in outgrown]
    if not frames or len(frames) > training_need(state, charter):
        return []
    return [HeldoutDrawn(frames=(), retired=tuple(frames))]


def _broken(state: CampaignState) -> list[str]:
    """Return the held-out frames of broken structures, by the largest force of their label."""
    known = largest_forces(state, [*state.labelled_frames("train"), *state.labelled_frames("heldout")])
    limits_eV_per_A = {
        system: max(WALL_eV_PER_A, BROKEN * median(own.values()))
        for system, own in known.items()
        if len(own) >= FEWEST_LABELS
    }
    held_out = ((state.frames[name].system, name) for name in state.heldout_order)
    return [
        name
        for system, name in held_out
        if system in limits_eV_per_A and known[system].get(name, 0.0) > limits_eV_per_A[system]
    ]


def _settled(state: CampaignState) -> list[FrameState]:
    """Return the held-out frames that have a label or wait for it."""
    frames = (state.frames[name] for name in state.heldout_order)
    return [frame for frame in frames if frame.status in ("heldout", "labelled")]


def _outgrown(state: CampaignState, charter: Charter) -> set[int]:
    """Return the generations whose leader is too far off, compared with the newest that was evaluated."""
    complete = heldout_complete(state, charter)
    errors: dict[int, float] = {}
    for generation in state.generations:
        known = state.evaluations.get((leader_of(state, generation) or "", complete or 0))
        if known is not None:
            errors[generation.number] = float(np.sqrt(np.mean(known.forces_squared_error)))
    newest = errors[max(errors)] if errors else 0.0
    return {number for number, error in errors.items() if error > TOO_FAR * newest}
