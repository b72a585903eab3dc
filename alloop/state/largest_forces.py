"""The largest forces of labels, which tell thermal structures from walls and debris. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from alloop.state.records import FrameState
from alloop.state.state import CampaignState


def largest_forces(state: CampaignState, frames: Iterable[FrameState]) -> dict[str, dict[str, float]]:
    """Return the largest force (eV/Å) of every frame with a label of this campaign, by system and frame."""
    found: dict[str, dict[str, float]] = {}
    for frame in frames:
        task = state.tasks.get(f"label/{frame.id}")
        label = task.finished.summary if task is not None and task.finished is not None else {}
        force = label.get("max_force_eV_per_A")
        if isinstance(force, int | float) and math.isfinite(force):
            found.setdefault(frame.system, {})[frame.id] = float(force)
    return found
