"""Gather the frames that the report shows as pictures: those with the largest errors and disagreements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.materials.structure import Structure
from alloop.report.heldout.data import UNREADABLE, Heldout, HeldoutFrame
from alloop.state.records import FrameState
from alloop.state.state import CampaignState
from alloop.status.numbers import finite
from alloop.tasks.contract.label import LABEL, LabelData
from alloop.tasks.contract.select import SELECT, FrameView
from alloop.tasks.workspace import Workspace

Floats = NDArray[np.float64]
MOST_FRAMES = 2
"""Frames with the largest errors, and as many with the largest disagreements."""


@dataclass(frozen=True, eq=False)
class StrangeFrame:
    """A labelled frame that is worth a look.

    Attributes
    ----------
    id, system : str
        Name of the frame, and of its system.
    why : str
        What is large, with its value, in words.
    structure : Structure
        Its atoms.
    atom : int or None
        The atom where it is largest; None where that was not kept.
    error_eV_per_A : ndarray, shape (atoms, 3), or None
        Predicted force less that of the label (eV/Å); None where no prediction was kept.
    by : str
        Whose prediction that is.
    """

    id: str
    system: str
    why: str
    structure: Structure
    atom: int | None = None
    error_eV_per_A: Floats | None = None
    by: str = ""


def strange_frames(state: CampaignState, workspace: Workspace, heldout: Heldout) -> tuple[StrangeFrame, ...]:
    """Return the held-out frames with the largest force errors, and training frames with the largest disagreements.

    Parameters
    ----------
    state : CampaignState
        The campaign.
    workspace : Workspace
        Its files; what cannot be read is left out.
    heldout : Heldout
        What the exported model predicts for the held-out frames.
    """
    return (*largest_errors(heldout), *_largest_disagreements(state, workspace))


def largest_errors(heldout: Heldout, most: int = MOST_FRAMES) -> tuple[StrangeFrame, ...]:
    """Return the held-out frames with the largest error of the force on one atom, the largest first."""
    found = [_of_heldout(frame, frame.predicted_eV_per_A) for frame in heldout.frames]
    kept = [one for one in found if one is not None]
    return tuple(one for _, one in sorted(kept, key=lambda pair: -pair[0])[:most])


def _of_heldout(frame: HeldoutFrame, predicted_eV_per_A: Floats | None) -> tuple[float, StrangeFrame] | None:
    if predicted_eV_per_A is None:
        return None
    error = predicted_eV_per_A - frame.forces_eV_per_A
    sizes = np.linalg.norm(error, axis=1)
    atom = int(sizes.argmax())
    why = f"held out; largest force error of the exported model: {sizes[atom]:.3g} eV/Å"
    by = "the exported model"
    return float(sizes[atom]), StrangeFrame(frame.id, frame.system, why, frame.structure, atom, error, by)


def _largest_disagreements(state: CampaignState, workspace: Workspace) -> Iterator[StrangeFrame]:
    known = [(finite(frame.offer.disagreement_eV_per_A), frame) for frame in state.labelled_frames("train")]
    order = sorted(((value, frame) for value, frame in known if value is not None), key=lambda pair: -pair[0])
    for disagreement, frame in order[:MOST_FRAMES]:
        try:
            label = workspace.data(LABEL, str(frame.label))
        except UNREADABLE:
            continue
        yield _of_training(frame, disagreement, label, _view(frame, workspace))


def _of_training(
    frame: FrameState, disagreement_eV_per_A: float, label: LabelData, view: FrameView | None
) -> StrangeFrame:
    why = f"trained on; disagreement when it was offered: {disagreement_eV_per_A:.3g} eV/Å"
    forces = np.array(label.forces_eV_per_A, dtype=float).reshape(-1, 3)
    predicted = np.array(view.forces_eV_per_A if view else (), dtype=float).reshape(-1, 3)
    if view is None or predicted.shape != forces.shape or len(view.disagreement_eV_per_A) != len(forces):
        return StrangeFrame(frame.id, frame.system, why, label.structure)
    atom = int(np.argmax(view.disagreement_eV_per_A))
    by = "the leader of the committee that chose it"
    return StrangeFrame(frame.id, frame.system, why, label.structure, atom, predicted - forces, by)


def _view(frame: FrameState, workspace: Workspace) -> FrameView | None:
    """Return what the committee said of a frame when it was chosen."""
    if frame.selection is None:
        return None
    try:
        return workspace.data(SELECT, frame.selection).views.get(frame.id)
    except UNREADABLE:
        return None
