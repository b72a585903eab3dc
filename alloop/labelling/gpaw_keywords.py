"""Translate the ``label`` section into keywords of GPAW."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alloop.config.label import GpawLabel, KptSpacing
from alloop.labelling.gpaw_scf_ladder import ATOM_MAXITER, atom_ladder, frame_ladder
from alloop.materials.kpoints import grid_for
from alloop.materials.structure import Structure

FUNCTIONAL_ALIASES = {"r2SCAN": "MGGA_X_R2SCAN+MGGA_C_R2SCAN", "SCAN": "MGGA_X_SCAN+MGGA_C_SCAN"}
_OF_ONE_CELL = ("nbands", "gpts")


def functional_name(xc: str) -> str:
    """Return GPAW's name of a functional."""
    return FUNCTIONAL_ALIASES.get(xc, xc)


def gpaw_keywords(label: GpawLabel) -> dict[str, Any]:
    """Return the keywords of GPAW for a frame; the same for every frame of a system.

    Raises
    ------
    ValueError
        If k-points are a spacing: `with_grid` makes them a grid.

    Examples
    --------
    >>> gpaw_keywords(GpawLabel())["mode"]
    {'name': 'pw', 'ecut': 340.0}
    """
    if isinstance(label.kpts, KptSpacing):
        raise ValueError("a spacing of k-points is a grid only in a cell")
    return {
        **label.gpaw,
        "mode": {"name": "pw", "ecut": label.cutoff_eV},
        "xc": functional_name(label.xc),
        "kpts": {"size": label.kpts, **({"gamma": True} if label.gamma_centred else {})},
        "occupations": {"name": "fermi-dirac", "width": label.smearing_eV},
        "symmetry": {"point_group": label.point_group_symmetry},
        "maxiter": label.maxiter,
        "charge": label.charge,
        "spinpol": bool(label.spin),
        "legacy_gpaw": False,
    }


def with_grid(label: GpawLabel, structure: Structure) -> GpawLabel:
    """Return the settings with the grid of k-points of a cell."""
    if not isinstance(label.kpts, KptSpacing):
        return label
    return label.model_copy(update={"kpts": grid_for(structure, label.kpts.spacing_per_A)})


def initial_moments(label: GpawLabel, atoms: Atoms) -> NDArray[np.float64]:
    """Return the magnetic moment (μB) that each atom starts from, shape (atoms,)."""
    return np.array([label.magmoms.get(symbol, 0.0) if label.spin else 0.0 for symbol in atoms.symbols])


def gpaw_job(atoms: Atoms, label: GpawLabel, *, isolated: bool = False) -> dict[str, Any]:
    """Return the calculation of a frame, or of an isolated atom, in the words of `alloop.labelling.gpaw_job`."""
    label = with_grid(label, Structure.from_atoms(atoms))
    keywords = atom_keywords(label, atoms.symbols[0]) if isolated else gpaw_keywords(label)
    return {
        "numbers": atoms.numbers.tolist(),
        "positions_A": atoms.positions.tolist(),
        "cell_A": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "moments_muB": None if isolated else initial_moments(label, atoms).tolist(),
        "keywords": keywords,
        "ladder": atom_ladder() if isolated else frame_ladder(label),
        "derivatives": not isolated,
    }


def atom_keywords(label: GpawLabel, element: str) -> dict[str, Any]:
    """Return the keywords of GPAW for an isolated atom: Γ only, spin-polarised by Hund's rule, neutral."""
    keywords = {key: value for key, value in gpaw_keywords(label).items() if key not in _OF_ONE_CELL}
    if isinstance(setups := keywords.get("setups"), dict):
        keywords["setups"] = {key: value for key, value in setups.items() if key in (element, "default")}
    return keywords | {
        "kpts": (1, 1, 1),
        "symmetry": {"point_group": False},
        "maxiter": max(label.maxiter, ATOM_MAXITER),
        "charge": 0.0,
        "spinpol": True,
        "hund": True,
    }
