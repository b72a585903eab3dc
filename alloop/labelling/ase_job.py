"""A single point of any ASE calculator as a program: ``python -m alloop.labelling.ase_job FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from alloop.config.science import AseLabel
from alloop.labelling.ase_engine import ase_single_point
from alloop.labelling.gpaw_job import ANSWER, JOB, SCIENTIFIC_ERRORS
from alloop.labelling.messages import one_line
from alloop.labelling.singlepoint import SinglePoint
from alloop.materials.structure import Structure


def main(folder: Path) -> None:
    """Answer the job of a folder; its `path` says where the calculator may lie."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    sys.path[:] = [*job["path"], *(place for place in sys.path if place not in job["path"])]
    atoms = Structure.model_validate(job["structure"]).to_atoms()
    answer: dict[str, Any]
    try:
        point = ase_single_point(atoms, AseLabel.model_validate(job["settings"]), folder)
    except SCIENTIFIC_ERRORS as error:
        answer = {"error": type(error).__name__, "detail": one_line(error)}
    else:
        answer = _dumped(point)
    draft = folder / f"{ANSWER}.new"
    draft.write_text(json.dumps(answer), encoding="utf-8")
    draft.replace(folder / ANSWER)


def _dumped(point: SinglePoint) -> dict[str, Any]:
    stress = point.stress_eV_per_A3
    return {
        "energy_eV": point.energy_eV,
        "forces_eV_per_A": np.asarray(point.forces_eV_per_A).tolist(),
        "stress_eV_per_A3": None if stress is None else np.asarray(stress).tolist(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
