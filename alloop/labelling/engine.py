"""The protocol of a label engine.

A new engine takes two files: a model of its settings in ``alloop/config/label.py``, and a file
``alloop/labelling/NAME_engine.py`` with a subclass of `LabelEngine` or `PythonEngine` and its one instance, `ENGINE`.
``docs/own_engine.md`` shows one.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from ase import Atoms

from alloop.config.label import LabelCommon
from alloop.labelling.answers import from_answer
from alloop.labelling.errors import SCIENTIFIC_ERRORS, check_code
from alloop.labelling.ranks import Launch, run
from alloop.labelling.singlepoint import AtomPoint, SinglePoint
from alloop.materials.structure import Structure

S = TypeVar("S", bound=LabelCommon)
Finding = tuple[str, str]
"""A key of the ``label`` section, and what is wrong there."""
Follow = Callable[[Atoms], SinglePoint]
"""Returns the single point of the next of frames that follow each other."""

_BOX_RATIOS = (1.0, 1.05, 1.1)


@dataclass(frozen=True)
class PlaneWaves:
    """Settings of labels in plane waves: the cutoff (eV), and the grid of k-points of one cell."""

    cutoff_eV: float
    kpts: tuple[int, int, int]


class LabelEngine(ABC, Generic[S]):
    """A method that labels frames. It holds no state, so that one instance serves all campaigns.

    Attributes
    ----------
    settings : type
        Its model of the ``label`` section.
    packages : tuple of str
        Distributions whose versions a campaign records.
    logs : tuple of str
        Files that it writes into its folder; the first that holds anything is kept after a failure.
    answers : tuple of type
        Errors that mean "this frame has no label"; the machine is blamed for any other.
    """

    settings: ClassVar[type[LabelCommon]]
    packages: ClassVar[tuple[str, ...]] = ()
    logs: ClassVar[tuple[str, ...]] = ()
    answers: ClassVar[tuple[type[Exception], ...]] = SCIENTIFIC_ERRORS

    @abstractmethod
    def words(self, label: S) -> str:
        """Return the settings in a few words."""

    @abstractmethod
    def check(self, label: S, elements: Iterable[str]) -> list[str]:
        """Return what is wrong with the settings for systems of these elements, without a calculation.

        Returns
        -------
        list of str
            Lines of the form ``label.key: what is wrong; the mend``; empty if a calculation can start.
        """

    @abstractmethod
    def identity(self, label: S, elements: Iterable[str]) -> dict[str, str]:
        """Return the versions of everything apart from the settings that decides a label; they enter its key.

        Raises
        ------
        ValueError, FileNotFoundError
            If the settings do not pass `check`.
        """

    @abstractmethod
    def single_point(
        self, atoms: Atoms, label: S, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> SinglePoint:
        """Return the single point of a frame.

        Parameters
        ----------
        atoms : ase.Atoms
            The frame; it is not changed.
        label : LabelCommon
            Settings.
        code : dict
            The part of an `identity` with which it must be computed.
        folder : pathlib.Path
            A folder for files.
        launch : Launch or None
            How to start a program for it; None to compute in this process.

        Raises
        ------
        NotConvergedError
            If self-consistency is not reached.
        CodeMismatchError
            If this machine has other code.
        """

    @contextmanager
    def following(self, label: S, code: dict[str, str], folder: Path, launch: Launch | None = None) -> Iterator[Follow]:
        """Give what computes frames of molecular dynamics, one after the other; see `single_point`.

        An engine may begin each frame where the one before ended, here every frame begins anew. The stress may be
        missing.
        """
        yield partial(self.single_point, label=label, code=code, folder=folder, launch=launch)

    def atom(
        self, element: str, label: S, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> AtomPoint:
        """Return the isolated atom, by the settings of a frame; see `single_point`."""
        atoms = isolated_atom(element, label.isolated_atom_box_A)
        return AtomPoint(self.single_point(atoms, label, code, folder, launch).energy_eV)

    def code_for(self, code: Mapping[str, str], elements: Iterable[str]) -> dict[str, str]:
        """Return what of an `identity` decides a label of these elements."""
        return dict(code)

    def for_system(self, label: S, structure: Structure) -> S:
        """Return the settings of all labels of a system, where they depend on its cell.

        Parameters
        ----------
        label : LabelCommon
            Settings of the campaign.
        structure : Structure
            The system as the campaign begins with it, not a frame of it.
        """
        return label

    def per_cell(self, label: S, structure: Structure) -> str:
        """Return in words what of the settings depends on the cell of a system; empty if nothing does."""
        return ""

    def plane_waves(self, label: S, structure: Structure) -> PlaneWaves | None:
        """Return cutoff and k-points of a system's labels; None where the settings do not name them."""
        return None

    def charge(self, label: S) -> float:
        """Return the charge of the cell, in elementary charges."""
        return 0.0

    def check_frame(self, label: S, atoms: Atoms) -> None:
        """Refuse a frame that the settings do not allow.

        Raises
        ------
        TaskFailure
            With a reason that can be counted.
        """

    def check_systems(self, label: S, structures: Mapping[str, Structure]) -> Iterator[Finding]:
        """Yield a problem for each system that the settings do not allow."""
        yield from ()

    def ranks_problem(self, ranks: int) -> str | None:
        """Return why a label cannot run on several MPI ranks that alloop starts, with the mend; None if it can."""
        return f"a label of this engine runs on one core, not on {ranks}; delete this line"

    def launch_problem(self, label: S, elements: Iterable[str], launch: Launch, folder: Path) -> str | None:
        """Return why the ranks of a label do not start on this machine; nothing is computed."""
        return None

    def stress_problem(self, label: S) -> str | None:
        """Return the key of the setting that leaves labels without a stress; None if they have one."""
        return None


class PythonEngine(LabelEngine[S]):
    """An engine whose single point is a Python function, run in the worker or as a program with a limit of time."""

    @abstractmethod
    def compute(self, atoms: Atoms, label: S, folder: Path) -> SinglePoint:
        """Return the single point of a frame, computed in this process."""

    def single_point(
        self, atoms: Atoms, label: S, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> SinglePoint:
        """Return the single point of a frame; see `LabelEngine.single_point`."""
        check_code(code, self.identity(label, set(atoms.symbols)))
        if launch is None:
            return self.compute(atoms, label, folder)
        job = {
            "structure": Structure.from_atoms(atoms).model_dump(mode="json"),
            "settings": label.model_dump(mode="json"),
            "path": [str(Path(place).resolve()) for place in sys.path],
        }
        words = launch.words("-P", "-m", "alloop.labelling.engine_job", str(folder))
        return from_answer(run(job, folder, words, launch), len(atoms))


def isolated_atom(element: str, box_A: float) -> Atoms:
    """Return one atom in the middle of a box of three unequal sides (Å), the shortest `box_A` long.

    Unequal sides split the degenerate p and d levels, so that an open shell converges.
    """
    atoms = Atoms(element, cell=[box_A * ratio for ratio in _BOX_RATIOS], pbc=True)
    atoms.center()
    return atoms
