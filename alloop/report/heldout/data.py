"""Gather what the exported model predicts for the held-out frames, from the journal and the files of the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alloop.state.records import FrameState, TaskState, segments_of
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
    symbols : tuple of str
        Element of every atom.
    energy_eV_per_atom, predicted_eV_per_atom : float
        Energy of the label and of the model (eV/atom).
    forces_eV_per_A : ndarray, shape (atoms, 3)
        Forces of the label (eV/Å).
    predicted_eV_per_A : ndarray, shape (atoms, 3), or None
        Forces of the model (eV/Å); None where the evaluation was made before alloop kept them.
    forces_squared_error : float
        Mean squared error of its force components ((eV/Å)²).
    """

    id: str
    system: str
    temperature_K: float | None
    symbols: tuple[str, ...]
    energy_eV_per_atom: float
    predicted_eV_per_atom: float
    forces_eV_per_A: Floats
    predicted_eV_per_A: Floats | None
    forces_squared_error: float


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
    task = None if model is None else _newest(state, model)
    if size is None or task is None:
        return Heldout()
    return Heldout(size, tuple(_frames(state, workspace, task)))


def _newest(state: CampaignState, model: str) -> TaskState | None:
    """Return the evaluation of a model on most held-out frames, the newest of several."""
    done = [t for t in state.tasks.values() if t.task == EVALUATE.name and t.status == "ok" and not t.of_study]
    own = [task for task in done if task.request.get("model") == model]
    return max(own, key=lambda task: (len(task.request["frames"]), task.planned_t), default=None)


def _frames(state: CampaignState, workspace: Workspace, task: TaskState) -> Iterator[HeldoutFrame]:
    assert task.finished is not None
    errors = EvaluateSummary.model_validate(task.finished.summary)
    by_label = {frame.label: frame for frame in state.frames.values() if frame.label is not None}
    temperatures_K = {
        segment.name: segment.temperature_K
        for explored in state.tasks.values()
        if explored.task == "explore"
        for segment in segments_of(explored.context)
    }
    predicted = _predictions(workspace, task.key)
    for index, key in enumerate(task.request["frames"]):
        frame = by_label.get(key)
        label = None if frame is None else _label(workspace, key)
        if frame is None or label is None:
            continue
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
        symbols=tuple(chemical_symbols[number] for number in label.structure.numbers),
        energy_eV_per_atom=energy,
        predicted_eV_per_atom=energy + errors.energy_error_eV_per_atom[index],
        forces_eV_per_A=forces,
        predicted_eV_per_A=predicted if predicted is not None and predicted.shape == forces.shape else None,
        forces_squared_error=errors.forces_squared_error[index],
    )


def _predictions(workspace: Workspace, key: str) -> list[Floats]:
    try:
        data = workspace.data(EVALUATE, key)
    except UNREADABLE:
        return []
    return [np.array(forces, dtype=float).reshape(-1, 3) for forces in data.forces_eV_per_A]


def _label(workspace: Workspace, key: str) -> LabelData | None:
    try:
        return workspace.data(LABEL, key)
    except UNREADABLE:
        return None
