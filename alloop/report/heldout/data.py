"""Gather what the exported model predicts for the held-out frames, from the journal and the files of the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alloop.materials.structure import Structure
from alloop.state.records import FrameState, segments_of
from alloop.state.state import CampaignState
from alloop.tasks.contract.evaluate import EVALUATE, EvaluateSummary
from alloop.tasks.contract.label import LABEL, LabelData
from alloop.tasks.workspace import DamagedResultError, Workspace

Floats = NDArray[np.float64]
UNREADABLE = (DamagedResultError, FileNotFoundError, OSError, ValueError)
"""A file that cannot be read is left out of the figures; the verdict does not need it."""


@dataclass(frozen=True, eq=False)
class HeldoutFrame:
    """A held-out frame with its label and what one model predicts for it.

    Attributes
    ----------
    id, system : str
        Name of the frame, and of its system.
    temperature_K : float or None
        Temperature of the thermostat of its walker (K).
    energy_eV_per_atom, predicted_eV_per_atom : float
        Energy of the label and of the model (eV/atom).
    forces_eV_per_A : ndarray, shape (atoms, 3)
        Forces of the label (eV/Å).
    predicted_eV_per_A : ndarray, shape (atoms, 3), or None
        Forces of the model (eV/Å); None where the evaluation was made before alloop kept them.
    forces_squared_error : float
        Mean squared error of its force components ((eV/Å)²).
    structure : Structure
        Its atoms.
    """

    id: str
    system: str
    temperature_K: float | None
    energy_eV_per_atom: float
    predicted_eV_per_atom: float
    forces_eV_per_A: Floats
    predicted_eV_per_A: Floats | None
    forces_squared_error: float
    structure: Structure

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the element of every atom."""
        return tuple(chemical_symbols[number] for number in self.structure.numbers)


@dataclass(frozen=True, eq=False)
class Heldout:
    """Held-out frames as the first fit of a rung predicts them; `size` is its number of training labels."""

    size: int = 0
    frames: tuple[HeldoutFrame, ...] = ()


def heldout_data(state: CampaignState, workspace: Workspace) -> Heldout:
    """Return what the first fit of the largest judged rung predicts for the held-out frames; nothing before one.

    Parameters
    ----------
    state : CampaignState
        The campaign.
    workspace : Workspace
        Its files.
    """
    size = max((event.size for event in state.judged if event.size in state.rungs), default=None)
    model = None if size is None else state.rungs[size].models.get(0)
    known = [heldout for name, heldout in state.evaluations if name == model and heldout > 0]
    if size is None or model is None or not known:
        return Heldout()
    return Heldout(size, tuple(_frames(state, workspace, model, max(known))))


def _frames(state: CampaignState, workspace: Workspace, model: str, heldout: int) -> Iterator[HeldoutFrame]:
    errors = state.evaluations[model, heldout]
    predicted = _predictions(state, workspace, model, heldout)
    temperatures_K = {
        segment.name: segment.temperature_K
        for explored in state.tasks.values()
        if explored.task == "explore"
        for segment in segments_of(explored.context)
    }
    for index, frame in enumerate(state.labelled_frames("heldout")[:heldout]):
        label = _label(workspace, str(frame.label))
        if label is not None:
            kelvin = temperatures_K.get(f"{frame.walker}/{frame.segment}")
            yield _frame(frame, label, kelvin, errors, index, predicted[index] if index < len(predicted) else None)


def _frame(
    frame: FrameState,
    label: LabelData,
    temperature_K: float | None,
    errors: EvaluateSummary,
    index: int,
    predicted: Floats | None,
) -> HeldoutFrame:
    forces = np.array(label.forces_eV_per_A, dtype=float).reshape(-1, 3)
    energy = label.energy_eV / len(forces)
    return HeldoutFrame(
        id=frame.id,
        system=frame.system,
        temperature_K=temperature_K,
        energy_eV_per_atom=energy,
        predicted_eV_per_atom=energy + errors.energy_error_eV_per_atom[index],
        forces_eV_per_A=forces,
        predicted_eV_per_A=predicted if predicted is not None and predicted.shape == forces.shape else None,
        forces_squared_error=errors.forces_squared_error[index],
        structure=label.structure,
    )


def _predictions(state: CampaignState, workspace: Workspace, model: str, heldout: int) -> list[Floats]:
    """Return the forces that a model predicts for the present held-out frames; none where they were not kept."""
    asked = {"model": model, "heldout": heldout, "retirements": state.retirements}
    done = [task for task in state.tasks.values() if task.task == EVALUATE.name and task.status == "ok"]
    own = [task for task in done if {"retirements": 0, **task.context}.items() >= asked.items()]
    try:
        data = workspace.data(EVALUATE, own[-1].key) if own else EVALUATE.data()
    except UNREADABLE:
        return []
    return [np.array(forces, dtype=float).reshape(-1, 3) for forces in data.forces_eV_per_A]


def _label(workspace: Workspace, key: str) -> LabelData | None:
    try:
        return workspace.data(LABEL, key)
    except UNREADABLE:
        return None
