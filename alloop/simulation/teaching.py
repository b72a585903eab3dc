"""Plausible answers to the requests of teaching."""

from __future__ import annotations

import numpy as np

from alloop.materials.structure import Structure
from alloop.tasks.contract.choose import ChooseRequest
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.teach import TEACH, TeachRequest
from alloop.tasks.workspace import Workspace


def teach(request: TeachRequest, workspace: Workspace) -> Answer:
    """Answer with displaced copies, random forces and walkers that stand where they began."""
    rng, atoms = np.random.default_rng(request.seed), len(request.structure.numbers)
    temperatures_K = [request.temperatures_K[i % len(request.temperatures_K)] for i in range(request.frames)]
    moves = request.student is not None
    labels = [
        {
            "structure": _moved(request.structure, rng),
            "energy_eV": -3.0 * atoms,
            "forces_eV_per_A": rng.normal(0, 0.5, (atoms, 3)).tolist(),
            "stress_eV_per_A3": [0.0] * 6,
        }
        for _ in range(request.frames)
    ]
    standing = {"structure": request.structure.model_dump(mode="json"), "momenta": [[0.0] * 3] * atoms}
    summary = {
        "frames": request.frames,
        "refused": 0,
        "largest_force_eV_per_A": 1.5,
        "student_rmse_meV_per_A": 80.0 if moves else None,
        "walkers": [{"temperature_K": T, "broken": False} for T in temperatures_K] if moves else [],
    }
    data = {
        "labels": labels,
        "temperatures_K": temperatures_K if moves else [None] * request.frames,
        "last_good": [standing for _ in temperatures_K] if moves else [],
    }
    return summary, data


def choose(request: ChooseRequest, workspace: Workspace) -> Answer:
    """Answer with the first frames."""
    labels = [label for key in request.sources for label in workspace.data(TEACH, key).labels][: request.frames]
    offers = [
        {
            "index": index,
            "why": "initial",
            "step": 0,
            "temperature_K": request.hottest_K,
            "disagreement_eV_per_A": None,
            "min_contact": 0.9,
            "structure_sha256": label.structure.digest(),
        }
        for index, label in enumerate(labels)
    ]
    return {"offers": offers}, {"structures": [label.structure.model_dump(mode="json") for label in labels]}


def _moved(structure: Structure, rng: np.random.Generator) -> dict[str, object]:
    atoms = structure.to_atoms()
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    return Structure.from_atoms(atoms).model_dump(mode="json")
