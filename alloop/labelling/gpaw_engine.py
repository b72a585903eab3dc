"""GPAW in plane waves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from alloop.config.science import GpawLabel
from alloop.labelling.dispersion import dispersion_version, with_dispersion
from alloop.labelling.gpaw_job import LOG, calculate, check_code
from alloop.labelling.identity import code_identity, dataset_names
from alloop.labelling.keywords import gpaw_job, isolated_atom
from alloop.labelling.ranks import Launch, run_gpaw
from alloop.labelling.singlepoint import SinglePoint, from_answer


@dataclass(frozen=True)
class AtomPoint:
    """Free energy (eV) and magnetic moment (μB) of an isolated atom."""

    energy_eV: float
    magnetic_moment_muB: float


def gpaw_single_point(
    atoms: Atoms, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
) -> SinglePoint:
    """Return the single point of a frame.

    Parameters
    ----------
    atoms : ase.Atoms
        The frame; it is not changed.
    label : GpawLabel
        Settings.
    code : dict
        Versions of the code and its datasets that must compute it.
    folder : pathlib.Path
        Where GPAW writes what it does.
    launch : Launch or None
        How to start a program for it; None to compute in this process.

    Raises
    ------
    NotConvergedError
        If no rung of the SCF ladder converges.
    CodeMismatchError
        If the code is another one.
    """
    point = from_answer(_computed(gpaw_job(atoms, label), atoms, label, code, folder, launch))
    return with_dispersion(point, atoms, label.xc) if label.dispersion == "d3" else point


def gpaw_atom(
    element: str, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
) -> AtomPoint:
    """Return the spin-polarised isolated atom; D3 adds nothing to it.

    Raises
    ------
    NotConvergedError, CodeMismatchError
        As `gpaw_single_point`.
    """
    atoms = isolated_atom(element, label.isolated_atom_box_A)
    answer = _computed(gpaw_job(atoms, label, isolated=True), atoms, label, code, folder, launch)
    return AtomPoint(energy_eV=answer["energy_eV"], magnetic_moment_muB=answer["magnetic_moment_muB"])


def _computed(
    job: dict[str, Any], atoms: Atoms, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None
) -> dict[str, Any]:
    """Check the code where the calculation will run, and return what it answers."""
    symbols = set(atoms.symbols)
    if launch is None:
        check_code(code, code_identity(label, symbols))
        return calculate(job, folder / LOG)
    if label.dispersion == "d3":
        check_code(code, {"dftd3": dispersion_version()})
    return run_gpaw({**job, "code": code, "datasets": dataset_names(label, symbols)}, folder, launch)
