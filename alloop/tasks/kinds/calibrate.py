"""Fit a calibration: compare labels with the disagreements that committees had on the same frames before."""

from __future__ import annotations

from typing import Any

import numpy as np

from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrateSummary, CalibrationFrame
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.select import SELECT, FrameView
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from policies.calibration.reliability import calibrate as fitted_and_tried
from policies.calibration.reliability import reliability
from policies.calibration.scales import Floats, Points, memory


def calibrate(request: CalibrateRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Fit the map from disagreement to error, and try it on labels that were held back.

    Parameters
    ----------
    request : CalibrateRequest
        The labelled frames, and the selections that chose them.
    workspace : Workspace
        Holds labels and selections.
    machine : Machine
        Not used.

    Returns
    -------
    summary, data : dict
        A dumped `CalibrateSummary`, and no data.
    """
    usable = labelled_frames(request, workspace)
    predicted = [one for one in usable if one.view.expected_error_eV_per_A]
    made = reliability(
        points_of(predicted),
        _joined([one.view.expected_error_eV_per_A for one in predicted]),
        _joined([one.view.bound_eV_per_A for one in predicted]),
    )
    probes = sum(one.frame.probe for one in usable)
    report = fitted_and_tried(points_of(usable, memory(len(usable))))
    summary = CalibrateSummary.of(report, made, frames=len(usable), probes=probes)
    return summary.model_dump(mode="json"), {}


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
    )


def _joined(parts: list[Any]) -> Floats:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts]) if parts else np.empty(0)
