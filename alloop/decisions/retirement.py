"""Decide which held-out frames leave the set, because the leader that drew them was too far off. Pure.

Held-out frames come from molecular dynamics of the leader of their time. One that is far off does not see the states
that a good one sees, and an error on its frames is not the error in production. Its frames are trained on from then
on, and others are drawn in their place.
"""

from __future__ import annotations

import numpy as np

from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import leader_of
from alloop.decisions.label_budget import heldout_complete, training_need
from alloop.journal.events import Event, HeldoutDrawn
from alloop.state.records import FrameState
from alloop.state.state import CampaignState

TOO_FAR = 2.0
"""How many times larger the force RMSE of a leader may be than that of the newest one, on the same held-out frames."""


def retire(state: CampaignState, charter: Charter) -> list[Event]:
    """Return the frames that leave the held-out set, as an event, or nothing.

    They count as training labels, so none leaves that the ladder does not need any more: it would be paid for in vain.
    """
    outgrown = _outgrown(state, charter)
    frames = [frame.id for frame in _settled(state) if frame.generation in outgrown]
    if not frames or len(frames) > training_need(state, charter):
        return []
    return [HeldoutDrawn(frames=(), retired=tuple(frames))]


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
