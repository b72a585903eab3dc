"""A campaign for a notebook: finished, stopped or running, and only read.

Nothing here takes a lock or writes into the campaign's folder, and nothing in the folder is executed.
"""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from alloop.campaign.folders import folder_of
from alloop.journal.journal import Entry, JournalError, KeptLabels, living_driver, read_journal
from alloop.state.fold import fold
from alloop.state.state import CampaignState
from alloop.status.summary import Status, summary
from alloop.tasks.workspace import Workspace

if TYPE_CHECKING:
    from ase import Atoms

    from alloop.dynamics.trajectory import Trajectory
    from alloop.outputs.committee import FittedCommittee
    from alloop.report.transport.by_system import Chosen, TransportOfSystems
    from alloop.studies.study import Table

Use = Literal["train", "heldout"]


def read(path: Path | str) -> ReadCampaign:
    """Open a campaign for reading, a running one too.

    Parameters
    ----------
    path : pathlib.Path or str
        The campaign's folder, or the config that made it: then the folder is ``runs/<name>`` below the working
        directory.

    Returns
    -------
    ReadCampaign
        What the journal holds now. It does not follow a running campaign; read again for what is new.

    Raises
    ------
    JournalError
        If there is no campaign in the folder, or its journal cannot be read.
    ConfigError
        If `path` is a file that is not a config, or does not exist.

    Examples
    --------
    >>> import alloop
    >>> campaign = alloop.read("runs/li3incl6")  # doctest: +SKIP
    >>> campaign.status.verdict  # doctest: +SKIP
    'converged'
    """
    return ReadCampaign(folder_of(Path(path)))


class ReadCampaign:
    """A campaign as its journal tells it.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.

    Attributes
    ----------
    driver : str or None
        The driver that ran the campaign when it was read (process and host).
    entries : list of Entry
        The events of the journal.
    state : CampaignState
        Their fold. It serves alloop's own commands and may change from version to version.
    workspace : Workspace
        The files of the results.

    Raises
    ------
    JournalError
        If there is no campaign in the folder, or its journal cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.driver = living_driver(self.root)
        found = read_journal(self.root)
        self.entries: list[Entry] = found.entries
        self.state: CampaignState = fold(self.entries)
        self.workspace = Workspace(self.root, KeptLabels(self.root))
        self._lost = found.lost
        if self.state.created is None:
            raise JournalError(f"{root}: no campaign has begun here yet; start one with `alloop run CONFIG`")

    def __repr__(self) -> str:
        verdict = self.status.verdict or ("running" if self.driver else "no verdict")
        return f"<campaign {self.status.name}: {verdict}, {self.status.labels.train} training labels>"

    @property
    def notes(self) -> list[str]:
        """What was found damaged or missing until now and did no harm, in one line each."""
        from alloop.status.messages import kept_text

        kept = [f"{self.root}: {text}" for text in kept_text(self.workspace.kept_only)]
        return kept if self._lost is None else [self._lost, *kept]

    @property
    def systems(self) -> dict[str, Atoms]:
        """The structures in which the campaign began, by the name of the system."""
        assert self.state.created is not None
        return {system.name: system.structure.to_atoms() for system in self.state.created.systems}

    @cached_property
    def status(self) -> Status:
        """The status of the campaign: what `alloop status --json` prints."""
        from alloop.report.core_time import time_split

        return summary(self.state, time.time(), time_split(self.entries))

    def labels(self, use: Use | None = None) -> list[Atoms]:
        """Return the labelled frames: those for training in the order of their selection, then the held-out ones.

        Parameters
        ----------
        use : {"train", "heldout"} or None
            Only labels of that use; None for all.

        Returns
        -------
        list of ase.Atoms
            Without a calculator. `info` holds ``REF_energy`` (force-consistent free energy, eV), ``REF_stress`` (eV/Å³,
            shape (6,), ASE's sign and Voigt order) where there is one, and where the frame comes from: ``use``,
            ``why``, ``system``, ``walker``, ``generation``, …; `arrays` holds ``REF_forces`` (eV/Å, shape (atoms, 3)).

        Raises
        ------
        AbsentError
            If there is no such use.
        UnreadableError
            If the file of a label is missing or damaged.
        """
        from alloop.outputs.dataset import USES, labelled_frames
        from alloop.outputs.errors import absent

        if use is not None and use not in USES:
            raise absent(self.root, "use of labels", use, USES)
        return list(labelled_frames(self.workspace, self.state, USES if use is None else (use,)))

    def committee(
        self, rung: int | None = None, *, device: str = "cpu", dtype: Literal["float32", "float64"] | None = None
    ) -> FittedCommittee:
        """Return the committee that is fitted on most labels, or that of a rung.

        Parameters
        ----------
        rung : int or None
            Training labels of the rung; None for the committee fitted on most labels.
        device : str
            ``cpu`` or ``cuda``.
        dtype : {"float32", "float64"} or None
            Precision; None for that of the campaign.

        Returns
        -------
        FittedCommittee
            `calculator()` is an ASE calculator, `look(atoms)` gives disagreement and expected error of every atom.

        Raises
        ------
        AbsentError
            If there is no such committee, or it is the foundation: a pickle, which is not opened here.
        UnreadableError
            If the file of a model is missing or damaged.
        """
        from alloop.outputs.committee import fitted_committee

        return fitted_committee(self.workspace, self.state, rung, device=device, dtype=dtype)

    def transport(self, rung: int = -1, *, chosen: Chosen = "acquired") -> TransportOfSystems:
        """Return what was measured of transport on a rung, by system.

        Parameters
        ----------
        rung : int
            Training labels of the rung, 0 for the foundation as it is; -1 for the largest that was measured.
        chosen : {"acquired", "random subset"}
            How the labels of the rung were chosen.

        Returns
        -------
        TransportOfSystems
            Activation energy (eV) and conductivities (S/cm) of every system, mean over the fits with standard errors;
            `fits` of each holds the `TransportSummary` of every fit.

        Raises
        ------
        AbsentError
            If nothing was measured, or not that rung.
        """
        from alloop.report.transport.by_system import transport_of_systems

        return transport_of_systems(self.workspace, self.state, rung, chosen)

    def trajectory(
        self, system: str, temperature_K: float, *, rung: int = -1, fit: int = 0, replica: int = 0
    ) -> Trajectory:
        """Return a production run, its segments joined.

        Parameters
        ----------
        system : str
            Name of the system.
        temperature_K : float
            Target temperature of the run (K).
        rung : int
            Training labels of the rung, 0 for the foundation as it is; -1 for the largest that has runs.
        fit, replica : int
            Number of the fit of the rung, and of the run among those of one temperature.

        Returns
        -------
        Trajectory
            `mobile_A`, unwrapped positions of the mobile ions (Å, shape (samples, ions, 3)) at `times_ps` (ps);
            `snapshots_A`, those of all atoms (Å, shape (snapshots, atoms, 3)) at `snapshot_times_ps`; `cell_A` (Å,
            shape (3, 3)), and more.

        Raises
        ------
        AbsentError
            If there is no such run.
        UnreadableError
            If a file of the run is missing or damaged.
        """
        from alloop.outputs.trajectories import production_trajectory

        return production_trajectory(
            self.workspace, self.state, system, temperature_K, rung=rung, fit=fit, replica=replica
        )

    @property
    def studies(self) -> dict[str, Table]:
        """What the studies of the campaign found, by name: `columns` and `rows`, `texts()` in words, `to_json()`.

        Raises
        ------
        JournalError
            If the journal says of a task of a study what the study does not.
        """
        from alloop.studies.study import tables

        return tables(self.state)
