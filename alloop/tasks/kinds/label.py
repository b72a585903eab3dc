"""Compute a label: the single point of a frame, or the energy of an isolated atom."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from alloop.config.label import LabelCommon
from alloop.failures import DISK_FULL, OutOfTimeError, TaskFailure, first_line, message
from alloop.files.redaction import redacted
from alloop.files.room import has_room
from alloop.labelling.answers import check_answer, check_atom
from alloop.labelling.calculator_server import class_name, told
from alloop.labelling.engine import LabelEngine
from alloop.labelling.errors import CodeMismatchError, EngineError, NotConvergedError, RanksError
from alloop.labelling.process_state import process_as_before
from alloop.labelling.ranks import OUTPUT
from alloop.labelling.registry import engine_of, label_settings
from alloop.labelling.singlepoint import SinglePoint
from alloop.materials.contacts import is_finite, min_contact
from alloop.materials.structure import Structure
from alloop.tasks.contract.label import AtomRequest, AtomSummary, LabelData, LabelRequest, LabelSummary
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.relabel import RelabelRequest
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import DamagedResultError, Workspace

LONGEST_WORDS = 500
"""Characters of what an engine says that are kept."""


def label(request: LabelRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Label a frame: gates on the geometry, the single point, gates on the answer.

    Parameters
    ----------
    request : LabelRequest
        Which frame, and with which settings.
    workspace : Workspace
        Files of the campaign; the engine's log of a failed label stays under ``logs/label``.
    machine : Machine
        Ranks and limit of time.

    Returns
    -------
    summary, data : dict
        A dumped `LabelSummary` and `LabelData`.

    Raises
    ------
    TaskFailure
        ``nonfinite``, ``contact`` or ``odd_electrons`` before the calculation; ``scf`` (not converged), ``dft`` (the
        engine gave up) or ``forces`` (not finite, or beyond the limit) after it.
    CodeMismatchError
        If the machine has other code or datasets than the request was made for.
    RanksError, OutOfTimeError
        If the ranks of the calculation were lost, or did not answer in time.
    """
    return label_structure(_structure(request, workspace), request, workspace, machine)


def label_structure(
    structure: Structure, request: LabelRequest | RelabelRequest, workspace: Workspace, machine: Machine
) -> Answer:
    """Label a structure as a request says; see `label`."""
    atoms, settings = structure.to_atoms(), label_settings(request.settings)
    engine = engine_of(settings)
    check_geometry(atoms, settings)
    with scratch(engine, workspace, request.kind, request.key()) as folder:
        answer = engine.single_point(atoms, settings, request.code, folder, machine.launch())
        point = check_answer(answer, structure.to_atoms(), settings)
    largest = float(np.abs(point.forces_eV_per_A).max())
    summary = LabelSummary(
        energy_eV=point.energy_eV,
        atoms=len(atoms),
        max_force_eV_per_A=largest,
        scf_iterations=point.scf_iterations,
        scf_rung=point.scf_attempt,
    )
    return summary.model_dump(mode="json"), label_data(structure, point).model_dump(mode="json")


def label_data(structure: Structure, point: SinglePoint) -> LabelData:
    """Return the label of a structure from its single point."""
    stress = point.stress_eV_per_A3
    return LabelData.model_validate(
        {
            "structure": structure,
            "energy_eV": point.energy_eV,
            "forces_eV_per_A": point.forces_eV_per_A.tolist(),
            "stress_eV_per_A3": None if stress is None else stress.tolist(),
        }
    )


def atom(request: AtomRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Compute the reference energy of an isolated atom with the settings of the labels.

    Returns
    -------
    summary, data : dict
        A dumped `AtomSummary`, and nothing.

    Raises
    ------
    TaskFailure
        ``scf`` or ``dft``.
    """
    settings = label_settings(request.settings)
    engine = engine_of(settings)
    with scratch(engine, workspace, request.kind, request.key()) as folder:
        answer = engine.atom(request.element, settings, request.code, folder, machine.launch())
        found = check_atom(answer, request.element)
    summary = AtomSummary(energy_eV=found.energy_eV, magnetic_moment_muB=found.magnetic_moment_muB)
    return summary.model_dump(mode="json"), {}


def check_geometry(atoms: Atoms, settings: LabelCommon) -> None:
    """Refuse a frame with a geometry that cannot be labelled with these settings.

    Raises
    ------
    TaskFailure
        ``nonfinite``, ``contact``, or what the engine refuses, such as ``odd_electrons``.
    """
    if not is_finite(atoms):
        raise TaskFailure("nonfinite", "a position or cell vector is not a finite number, or the cell has no volume")
    if (contact := min_contact(atoms)) < settings.min_contact:
        raise TaskFailure("contact", f"shortest contact {contact:.3f} covalent radii, limit {settings.min_contact:g}")
    engine_of(settings).check_frame(settings, atoms)


def _structure(request: LabelRequest, workspace: Workspace) -> Structure:
    structure = workspace.offered(request.source)
    if structure.digest() != request.structure_sha256:
        raise DamagedResultError(f"{request.source} is not the structure that was asked for")
    return structure


@contextmanager
def scratch(engine: LabelEngine[Any], workspace: Workspace, kind: str, key: str) -> Iterator[Path]:
    """Give a scratch folder that ends with the task; after a failure its log is kept and named in the detail."""
    folder = workspace.scratch(key)
    _remove_leftovers(folder, key)

    def kept_log() -> str:
        return _keep_log([folder / name for name in (*engine.logs, OUTPUT)], workspace, kind, key)

    try:
        with threadpool_limits(1), process_as_before():
            yield folder
    except NotConvergedError as error:
        raise TaskFailure("scf", _words(error) + kept_log()) from error
    except TaskFailure as failure:
        raise TaskFailure(failure.reason, f"{failure.detail}{kept_log()}") from failure
    except OutOfTimeError as error:
        raise OutOfTimeError(f"{message(error)}, the limit of execution.label_timeout_min{kept_log()}") from error
    except EngineError as error:
        raise EngineError(error.kind, error.detail + kept_log(), error.number) from error
    except RanksError as error:
        raise RanksError(message(error) + kept_log()) from error
    except engine.answers as error:
        raise TaskFailure("dft", f"{class_name(error)}: {_words(error)}{kept_log()}") from error
    except (CodeMismatchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _raised(error, folder, kept_log()) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _words(error: Exception) -> str:
    """Return what an engine says, in one line of limited length."""
    return redacted(first_line(error))[:LONGEST_WORDS]


def _raised(error: BaseException, folder: Path, log: str) -> EngineError:
    """Return an error that the code of an engine raised, for the driver to judge.

    A disk that an engine calls full is the campaign's or the machine's only if it is found full.
    """
    what = told(error)
    full = _full_disk(error, folder) if what["number"] in DISK_FULL else ""
    kind = "raised" if what["number"] in DISK_FULL and not full else what["kind"]
    return EngineError(kind, redacted(what["detail"]) + full + log, what["number"])


def _full_disk(error: BaseException, folder: Path) -> str:
    """Return which of the places where an engine writes has no room, in brackets; empty if all have."""
    named = vars(OSError)["filename"].__get__(error)
    places = [folder, Path(tempfile.gettempdir()), *([Path(named).parent] if isinstance(named, str) else [])]
    full = next((place for place in places if not has_room(place)), None)
    return "" if full is None else f" (no room in {full})"


def _remove_leftovers(folder: Path, key: str) -> None:
    """Remove the scratch folders of killed attempts; the caller must hold the lock of the key."""
    for leftover in folder.parent.glob(f"{key}.*"):
        if leftover != folder:
            shutil.rmtree(leftover, ignore_errors=True)


def _keep_log(logs: Iterable[Path], workspace: Workspace, kind: str, key: str) -> str:
    """Keep the first file that holds anything, and return the words that say where."""
    for log in logs:
        if log.is_file() and log.stat().st_size:
            return f" (log: {workspace.keep_log(log, kind, key)})"
    return ""
