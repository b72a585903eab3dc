"""Evaluate frames with a fitted committee: energies, forces, disagreement and expected errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes
from numpy.typing import NDArray

from alloop.outputs.errors import AbsentError, absent, told
from alloop.potential.committee import Committee, LeaderCalculator
from alloop.potential.models.model_files import ModelFileError
from alloop.state.records import GenerationState
from alloop.state.state import CampaignState
from alloop.tasks.contract.fit import FIT
from alloop.tasks.models import load_committee
from alloop.tasks.workspace import Workspace
from policies.calibration.scales import Calibration

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CommitteeLook:
    """What a committee predicts for one frame.

    Attributes
    ----------
    energy_eV : float
        Total energy by the leader (eV).
    forces_eV_per_A : numpy.ndarray, shape (atoms, 3)
        Forces by the leader (eV/Å).
    disagreement_eV_per_A : numpy.ndarray, shape (atoms,), or None
        Length of the vector of the members' standard deviations of x, y and z force (eV/Å); None for one member.
    expected_error_eV_per_A : numpy.ndarray, shape (atoms,), or None
        Expected length of the error of the leader's force (eV/Å), by the newest calibration, NaN for atoms of elements
        for which it cannot be trusted; None if it can for no element. See `policies.calibration.scales`.
    """

    energy_eV: float
    forces_eV_per_A: Floats
    disagreement_eV_per_A: Floats | None
    expected_error_eV_per_A: Floats | None


class FittedCommittee:
    """A committee of a campaign, its leader first.

    Parameters
    ----------
    committee : Committee
        The models.
    generation : GenerationState
        What they were fitted for.
    calibration : policies.calibration.scales.Calibration or None
        What their disagreement means; None if that is not known.

    Attributes
    ----------
    generation : int
        Number of the generation.
    rung : int or None
        The rung whose first fit is the leader.
    labels : int
        Training labels of the leader.
    """

    def __init__(self, committee: Committee, generation: GenerationState, calibration: Calibration | None) -> None:
        self._committee, self._calibration = committee, calibration
        self.generation, self.rung, self.labels = generation.number, generation.rung, len(generation.frames)

    def __len__(self) -> int:
        return len(self._committee)

    def look(self, atoms: Atoms) -> CommitteeLook:
        """Return the leader's prediction, the members' disagreement and the expected errors.

        Parameters
        ----------
        atoms : ase.Atoms
            A frame that is periodic along all three lattice vectors.

        Raises
        ------
        UnknownElementError
            If the models lack an element of the frame.
        ValueError
            If the frame is not periodic.
        """
        found = self._committee.look(atoms)
        disagreement, expected = found.disagreement_eV_per_A, None
        if disagreement is not None and self._calibration is not None:
            elements = atoms.get_chemical_symbols()
            trusted = [element in self._calibration.maps for element in elements]
            expected = np.where(trusted, self._calibration.expected_error(elements, disagreement), np.nan)
        return CommitteeLook(found.leader.energy_eV, found.leader.forces_eV_per_A, disagreement, expected)

    def calculator(self) -> CommitteeCalculator:
        """Return a new ASE calculator: energy (eV), forces (eV/Å) and stress (eV/Å³) of the leader.

        Its `results` also hold ``disagreement_eV_per_A`` and ``expected_error_eV_per_A``, as in `CommitteeLook`.
        """
        return CommitteeCalculator(self)


class CommitteeCalculator(LeaderCalculator):
    """The leader of a committee as an ASE calculator, with how far its forces can be believed.

    Parameters
    ----------
    fitted : FittedCommittee
        The committee.
    """

    def __init__(self, fitted: FittedCommittee) -> None:
        super().__init__(fitted._committee)
        self._fitted = fitted

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV), forces (eV/Å) and, if asked for, stress (eV/Å³, Voigt order); look at the rest."""
        super().calculate(atoms, properties, system_changes)
        look = self._fitted.look(self.atoms)
        self.results["disagreement_eV_per_A"] = look.disagreement_eV_per_A
        self.results["expected_error_eV_per_A"] = look.expected_error_eV_per_A


def fitted_committee(
    workspace: Workspace,
    state: CampaignState,
    rung: int | None = None,
    *,
    device: str = "cpu",
    dtype: str | None = None,
) -> FittedCommittee:
    """Return the active committee of a campaign, or that of a rung.

    Parameters
    ----------
    workspace : Workspace
        The campaign's files.
    state : CampaignState
        The fold of its journal.
    rung : int or None
        Training labels of the rung; None for the committee that is fitted on most labels.
    device : str
        ``cpu`` or ``cuda``.
    dtype : str or None
        ``float32`` or ``float64``; None for that of the campaign.

    Raises
    ------
    AbsentError
        If there is no such committee, or it is the foundation, which may be a pickle and is not opened here.
    UnreadableError
        If the file of a model is missing or damaged.
    """
    generation = _generation(workspace, state, rung)
    models = tuple(model for _, model in sorted(generation.models.items()))
    if any(not model.startswith("fit:") for model in models):
        mend = "run the campaign on until the first committee is fitted"
        raise AbsentError(f"{workspace.root}: only the foundation is there, which is not opened here; {mend}")
    precision = dtype or str(state.config["potential"]["dtype"])
    with told(workspace.root, f"a model of generation {generation.number}", ModelFileError):
        for model in models:
            workspace.summary(FIT, model.removeprefix("fit:"))  # a file without a result has no checksum to match
        committee = load_committee(workspace, models, device, precision)
    return FittedCommittee(committee, generation, state.calibration())


def _generation(workspace: Workspace, state: CampaignState, rung: int | None) -> GenerationState:
    if rung is None:
        active = state.active()
        if active is None:
            raise AbsentError(f"{workspace.root}: no committee is fitted yet; continue the campaign with `alloop run`")
        return active
    fitted = {one.rung: one for one in state.generations if len(one.models) == state.members() and one.rung is not None}
    if rung not in fitted:
        raise absent(workspace.root, "rung with a fitted committee", rung, sorted(fitted))
    return fitted[rung]
