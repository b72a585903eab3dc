"""Labelled frames that existed before the campaign, turned into results like any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from alloop.canonical import content_key
from alloop.materials.structure import Structure
from alloop.tasks.results import LabelData, LabelSummary, Result
from alloop.tasks.workspace import Workspace


def imported_label(atoms: Atoms, energy_key: str, forces_key: str, stress_key: str) -> Result:
    """Return a labelled frame as the result of a label.

    Parameters
    ----------
    atoms : ase.Atoms
        Frame with its energy (eV) and stress (eV/Å³, optional, Voigt order) in `info` and forces (eV/Å) in `arrays`.
    energy_key, forces_key, stress_key : str
        Where they stand.

    Returns
    -------
    Result
        Keyed by everything in the label, so the same frame is never imported twice.

    Raises
    ------
    KeyError
        If the energy or the forces are missing.
    """
    stress = atoms.info.get(stress_key)
    data = LabelData(
        structure=Structure.from_atoms(atoms),
        energy_eV=float(atoms.info[energy_key]),
        forces_eV_per_A=tuple(tuple(map(float, row)) for row in atoms.arrays[forces_key]),
        stress_eV_per_A3=None if stress is None else _voigt(np.asarray(stress, dtype=float)),
    ).model_dump(mode="json")
    summary = LabelSummary(
        energy_eV=data["energy_eV"],
        atoms=len(atoms),
        max_force_eV_per_A=float(np.abs(atoms.arrays[forces_key]).max()),
    )
    key = content_key({"imported": data})
    return Result(key=key, kind="label", status="ok", summary=summary.model_dump(mode="json"), data=data)


def store(workspace: Workspace, results: Sequence[Result]) -> dict[str, bytes]:
    """Write imported labels as result files and return their contents by key."""
    for result in results:
        workspace.write(result)
    return {result.key: workspace.result_path("label", result.key).read_bytes() for result in results}


def _voigt(stress: np.ndarray) -> tuple[float, float, float, float, float, float]:
    if stress.size == 9:
        full = stress.reshape(3, 3)
        stress = np.array([full[0, 0], full[1, 1], full[2, 2], full[1, 2], full[0, 2], full[0, 1]])
    xx, yy, zz, yz, xz, xy = (float(value) for value in stress.reshape(6))
    return xx, yy, zz, yz, xz, xy
