"""GPAW in plane waves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from alloop.config.science import GpawLabel
from alloop.labelling.dispersion import with_dispersion
from alloop.labelling.keywords import (
    ATOM_FALLBACKS,
    atom_keywords,
    gpaw_keywords,
    initial_moments,
    isolated_atom,
)
from alloop.labelling.singlepoint import NotConvergedError, SinglePoint


@dataclass(frozen=True)
class AtomPoint:
    """Free energy (eV) and magnetic moment (μB) of an isolated atom."""

    energy_eV: float
    magnetic_moment_muB: float


def gpaw_single_point(atoms: Atoms, label: GpawLabel, log: Path) -> SinglePoint:
    """Return the single point of a frame.

    Parameters
    ----------
    atoms : ase.Atoms
        The frame; it is not changed.
    label : GpawLabel
        Settings.
    log : pathlib.Path
        Where GPAW writes what it does.

    Raises
    ------
    NotConvergedError
        If the SCF does not converge in ``label.maxiter`` iterations.
    """
    frame = atoms.copy()
    frame.set_initial_magnetic_moments(initial_moments(label, frame))
    calculator = _converged(frame, gpaw_keywords(label), log)
    point = SinglePoint(
        energy_eV=float(calculator.get_potential_energy(frame, force_consistent=True)),
        forces_eV_per_A=np.asarray(calculator.get_forces(frame), dtype=float),
        stress_eV_per_A3=np.asarray(calculator.get_stress(frame), dtype=float),
        scf_iterations=int(calculator.get_number_of_iterations()),
    )
    return with_dispersion(point, atoms, label.xc) if label.dispersion == "d3" else point


def gpaw_atom(element: str, label: GpawLabel, log: Path) -> AtomPoint:
    """Return the spin-polarised isolated atom; slower density mixing is tried where the default fails.

    D3 adds nothing to a free atom.

    Raises
    ------
    NotConvergedError
        If no mixing converges.
    """
    atoms = isolated_atom(element, label.isolated_atom_box_A)
    keywords = atom_keywords(label, element)
    for mixing in ATOM_FALLBACKS:
        try:
            calculator = _converged(atoms, keywords | mixing, log)
        except NotConvergedError:
            continue
        return AtomPoint(
            energy_eV=float(calculator.get_potential_energy(atoms, force_consistent=True)),
            magnetic_moment_muB=float(calculator.get_magnetic_moment(atoms)),
        )
    raise NotConvergedError(f"no self-consistency with any of {len(ATOM_FALLBACKS)} density mixings")


def _converged(atoms: Atoms, keywords: dict[str, Any], log: Path) -> Any:
    from gpaw import GPAW, ConvergenceError

    calculator = GPAW(**keywords, txt=str(log))
    try:
        calculator.get_potential_energy(atoms)
    except ConvergenceError as error:
        raise NotConvergedError(f"no self-consistency in {keywords['maxiter']} iterations") from error
    return calculator
