"""Let the present committee look at candidates: their expected errors, and how unlike labelled frames they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alloop.potential.committee import Committee, Look
from alloop.potential.descriptors import environments
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.select import Candidate, FrameView, SelectRequest
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee, load_member
from alloop.tasks.workspace import DamagedResultError, Workspace
from policies.calibration.scales import Calibration
from policies.selection.distances import novelty_and_separation

LARGEST_POOL = 1000
"""Candidates beyond this number are not compared with each other: the table of their distances would not fit."""


@dataclass(frozen=True, eq=False)
class Viewed:
    """Candidates as the committee sees them now.

    Attributes
    ----------
    views : mapping of str to FrameView
        By frame.
    worst : mapping of str to mapping of str to float
        By frame and element: largest expected error of a force (eV/Å).
    rows : mapping of str to int
        Place of a frame in the arrays.
    novelty, separation : ndarray or None
        See `policies.selection.Candidates`.
    unreadable : frozenset of str
        Frames whose structure is damaged or gone.
    """

    views: Mapping[str, FrameView] = field(default_factory=dict)
    worst: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    novelty: NDArray[np.float64] | None = None
    separation: NDArray[np.float64] | None = None
    unreadable: frozenset[str] = frozenset()


def view(request: SelectRequest, workspace: Workspace, machine: Machine, frames: Sequence[Candidate]) -> Viewed:
    """Let the committee of a request look at all candidates, and compare them with what is labelled and ordered.

    Parameters
    ----------
    request : SelectRequest
        Who looks, the calibration, and what is known.
    workspace : Workspace
        Holds structures, labels and models.
    machine : Machine
        Where to compute.
    frames : sequence of Candidate
        The candidates.
    """
    atoms = {frame.id: found for frame in frames if (found := _structure(frame.source, workspace)) is not None}
    committee = load_committee(workspace, request.members, machine.device, request.dtype)
    calibration = Calibration({}) if request.calibration is None else request.calibration
    # A foundation alone has nobody to disagree with.
    looked_at = atoms if len(committee) > 1 else {}
    views = {name: frame_view(committee, one, request.calibration) for name, one in looked_at.items()}
    worst = {name: _worst(views[name], one, calibration) for name, one in looked_at.items()}
    novelty, separation = _distances(request, workspace, machine, list(atoms.values()))
    return Viewed(
        views=views,
        worst=worst,
        rows={name: row for row, name in enumerate(atoms)},
        novelty=novelty,
        separation=separation,
        unreadable=frozenset(frame.id for frame in frames if frame.id not in atoms),
    )


def _structure(source: OfferRef | None, workspace: Workspace) -> Atoms | None:
    if source is None:
        return None
    try:
        return workspace.offered(source).to_atoms()
    except (DamagedResultError, FileNotFoundError, ValueError):
        return None


def frame_view(committee: Committee, atoms: Atoms, calibration: Calibration | None) -> FrameView:
    """Return what a committee of several members says of a frame, with expected errors if there is a calibration."""
    look: Look = committee.look(atoms)
    disagreement = look.disagreement_eV_per_A
    assert disagreement is not None
    elements = atoms.get_chemical_symbols()
    expected = () if calibration is None else calibration.expected_error(elements, disagreement)
    bound = () if calibration is None else calibration.bound(elements, disagreement)
    return FrameView(
        disagreement_eV_per_A=tuple(float(value) for value in disagreement),
        forces_eV_per_A=tuple((float(x), float(y), float(z)) for x, y, z in look.leader.forces_eV_per_A),
        expected_error_eV_per_A=tuple(float(value) for value in expected),
        bound_eV_per_A=tuple(float(value) for value in bound),
        trusted=() if calibration is None else tuple(sorted(calibration.maps)),
    )


def _worst(seen: FrameView, atoms: Atoms, calibration: Calibration) -> dict[str, float]:
    elements = np.array(atoms.get_chemical_symbols())
    expected = calibration.expected_error(elements.tolist(), seen.disagreement_eV_per_A)
    return {str(element): float(expected[elements == element].max()) for element in np.unique(elements)}


def _distances(
    request: SelectRequest, workspace: Workspace, machine: Machine, frames: Sequence[Atoms]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    if not frames or len(frames) > LARGEST_POOL:
        return None, None
    leader = load_member(workspace, request.members[0], machine.device, request.dtype)
    known = [workspace.data(LABEL, key).structure.to_atoms() for key in request.known]
    known += [found for source in request.ordered if (found := _structure(source, workspace)) is not None]
    described = environments([*frames, *known], leader, device=machine.device)
    return novelty_and_separation(described[: len(frames)], described[len(frames) :])
