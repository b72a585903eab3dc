"""Fit a calibration: compare labels with the disagreements of committees that had not been fitted on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrateSummary, CalibrationFrame
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.select import SELECT, FrameView
from alloop.tasks.kinds.viewing import frame_view
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee
from alloop.tasks.workspace import Workspace
from policies.calibration.reliability import ReliabilityRow, reliability
from policies.calibration.reliability import calibrate as fitted_and_tried
from policies.calibration.scales import Floats, Points, memory

HELDOUT_PROBABILITY = 0.1
"""A held-out frame counts like a probe that was drawn with this probability, as most are."""


def calibrate(request: CalibrateRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Fit the map from disagreement to error, and try it on labels that were held back.

    Parameters
    ----------
    request : CalibrateRequest
        The labelled frames, the selections that chose them, and who looks at held-out frames.
    workspace : Workspace
        Holds labels, selections and models.
    machine : Machine
        Where to compute.

    Returns
    -------
    summary, data : dict
        A dumped `CalibrateSummary`, and no data.
    """
    usable = labelled_frames(request, workspace)
    made = as_predicted([one for one in usable if one.view.expected_error_eV_per_A])
    heldout = heldout_frames(request, workspace, machine)
    everything = [*usable, *heldout]
    report = fitted_and_tried(points_of(everything, counted(request, everything)))
    probes = sum(one.frame.probe for one in usable)
    summary = CalibrateSummary.of(report, made, frames=len(everything), probes=probes, heldout=len(heldout))
    return summary.model_dump(mode="json"), {}


def as_predicted(frames: list[Labelled]) -> tuple[ReliabilityRow, ...]:
    """Return how the expected errors fared that frames were chosen by, of the elements that were trusted then."""
    known = [element in one.view.trusted or not one.view.trusted for one in frames for element in one.elements]
    points, mask = points_of(frames), np.array(known, dtype=bool)
    expected = _joined([one.view.expected_error_eV_per_A for one in frames])
    bound = _joined([one.view.bound_eV_per_A for one in frames])
    return reliability(points.take(mask), expected[mask], bound[mask])


def counted(request: CalibrateRequest, frames: Sequence[Labelled]) -> Floats:
    """Return what frames count for the labels that their committee had, against those of the present one."""
    if request.labels is None:
        return np.ones(len(frames))
    labels = [request.labels if one.frame.labels is None else one.frame.labels for one in frames]
    return memory(labels, request.labels)


def heldout_frames(request: CalibrateRequest, workspace: Workspace, machine: Machine) -> list[Labelled]:
    """Return the held-out frames of a request as the present committee sees them; it was fitted on none of them."""
    if not request.heldout:
        return []
    committee = load_committee(workspace, request.members, machine.device, request.dtype)
    looked = []
    walkers = request.heldout_walkers or (None,) * len(request.heldout)
    for key, walker in zip(request.heldout, walkers, strict=True):
        frame = CalibrationFrame(
            id=f"heldout/{key}",
            selection="",
            label=key,
            probability=HELDOUT_PROBABILITY,
            probe=True,
            labels=request.labels,
            walker=walker,
        )
        atoms = workspace.data(LABEL, key).structure.to_atoms()
        looked.append(Labelled(frame, frame_view(committee, atoms, None), workspace))
    return [one for one in looked if one.is_finite()]


def labelled_frames(request: CalibrateRequest, workspace: Workspace) -> list[Labelled]:
    """Return the frames of a request with label and view, without those that no committee looked at."""
    selections = {frame.selection: workspace.data(SELECT, frame.selection) for frame in request.frames}
    seen = [(frame, view) for frame in request.frames if (view := selections[frame.selection].views.get(frame.id))]
    labelled = [Labelled(frame, view, workspace) for frame, view in seen]
    return [one for one in labelled if one.is_finite()]


class Labelled:
    """A labelled frame with what was said of it before."""

    def __init__(self, frame: CalibrationFrame, view: FrameView, workspace: Workspace) -> None:
        label = workspace.data(LABEL, frame.label)
        self.frame, self.view = frame, view
        self.elements = label.structure.to_atoms().get_chemical_symbols()
        wrong = np.asarray(label.forces_eV_per_A) - np.asarray(view.forces_eV_per_A)
        self.error_eV_per_A: Floats = np.linalg.norm(wrong, axis=1)

    def is_finite(self) -> bool:
        """Return whether errors and disagreements are numbers."""
        return bool(np.isfinite([*self.error_eV_per_A, *self.view.disagreement_eV_per_A]).all())


def points_of(labelled: list[Labelled], counted: Floats | None = None) -> Points:
    """Return the atoms of labelled frames as the calibration sees them, each frame counted as told, or as 1."""
    sizes = [len(one.elements) for one in labelled]
    return Points(
        disagreement_eV_per_A=_joined([one.view.disagreement_eV_per_A for one in labelled]),
        error_eV_per_A=_joined([one.error_eV_per_A for one in labelled]),
        species=tuple(element for one in labelled for element in one.elements),
        frame=tuple(one.frame.id for one, size in zip(labelled, sizes, strict=True) for _ in range(size)),
        probability=np.repeat([one.frame.probability for one in labelled], sizes),
        probe=np.repeat([one.frame.probe for one in labelled], sizes),
        memory=np.repeat(np.ones(len(labelled)) if counted is None else counted, sizes),
        walker=tuple(one.frame.walker or one.frame.id for one in labelled for _ in one.elements),
    )


def _joined(parts: list[Any]) -> Floats:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts]) if parts else np.empty(0)
