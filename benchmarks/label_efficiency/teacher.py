"""A teacher: a MACE model of another shape than the students, fitted to GPAW labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import read

from alloop.potential.evaluation.batched import BatchedModel
from alloop.potential.fitting.training import Check
from alloop.potential.models.model_files import read_model, write_model
from benchmarks.label_efficiency.fitting import fitted

SHAPE = {"channels": 32, "max_L": 0, "max_ell": 3, "correlation": 3, "layers": 2, "cutoff_A": 5.5}
STEPS, LEARNING_RATE, SEED = 3000, 0.01, 0
MODEL_FILE, ABOUT_FILE = "teacher.pt", "teacher.json"


@dataclass(frozen=True)
class Dataset:
    """Labelled frames as ``alloop export`` writes them, and the isolated-atom energies (eV) by atomic number."""

    train: tuple[Atoms, ...]
    heldout: tuple[Atoms, ...]
    e0s_eV: dict[int, float]


def read_dataset(path: Path) -> Dataset:
    """Read ``dataset.extxyz`` of an export, with the ``README.json`` beside it."""
    frames = _frames(path)
    about = json.loads((path.parent / "README.json").read_text(encoding="utf-8"))
    return Dataset(
        train=tuple(frame for frame in frames if frame.info["use"] == "train"),
        heldout=tuple(frame for frame in frames if frame.info["use"] == "heldout"),
        e0s_eV={atomic_numbers[symbol]: float(energy) for symbol, energy in about["e0s_eV"].items()},
    )


def make_teacher(dataset: Path, folder: Path, *, steps: int = STEPS) -> dict[str, object]:
    """Fit a teacher, write it below a folder and return what is known of it.

    It is fitted to the training frames alone, so that its error on the held-out ones is one.
    """
    data = read_dataset(dataset)
    model = fitted(
        data.train, data.e0s_eV, SHAPE, steps=steps, learning_rate=LEARNING_RATE, seed=SEED, watched=data.heldout,
        on_check=_say,
    )  # fmt: skip
    sha256 = write_model(folder / MODEL_FILE, model)
    about = {
        "model": MODEL_FILE,
        "sha256": sha256,
        "shape": SHAPE,
        "steps": steps,
        "train": len(data.train),
        "heldout": len(data.heldout),
        "e0s_eV": {str(z): energy for z, energy in data.e0s_eV.items()},
        "rmse_forces_train_eV_per_A": rmse(forces_of(model, data.train), labels_of(data.train)),
        "rmse_forces_heldout_eV_per_A": rmse(forces_of(model, data.heldout), labels_of(data.heldout)),
        "rms_forces_heldout_eV_per_A": rmse(labels_of(data.heldout), np.zeros(1)),
    }
    (folder / ABOUT_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return about


def load_teacher(folder: Path, dtype: str = "float64") -> torch.nn.Module:
    """Return the teacher of a folder."""
    about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    return read_model(folder / MODEL_FILE, sha256=about["sha256"], dtype=dtype)


def forces_of(model: torch.nn.Module, frames: Sequence[Atoms], dtype: str = "float32") -> np.ndarray:
    """Return a model's forces (eV/Å) on frames of one composition and cell, shape (frames, atoms, 3)."""
    return evaluated(model, frames, dtype)[1]


def evaluated(model: torch.nn.Module, frames: Sequence[Atoms], dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Return energies (eV), shape (frames,), and forces (eV/Å), shape (frames, atoms, 3)."""
    field = BatchedModel(model, frames[0], device="cpu", dtype=dtype)
    found = field(torch.tensor(np.stack([frame.positions for frame in frames])), range(len(frames)))
    return found.energies_eV.numpy(), found.forces_eV_per_A.numpy()


def labels_of(frames: Sequence[Atoms]) -> np.ndarray:
    """Return the labelled forces (eV/Å), shape (frames, atoms, 3)."""
    return np.stack([frame.arrays["REF_forces"] for frame in frames])


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the root mean squared difference."""
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def _frames(path: Path) -> list[Atoms]:
    return list(read(path, index=":", format="extxyz"))


def _say(check: Check) -> None:
    print(f"step {check.step}: held-out force RMSE {1000 * check.rmse_forces_eV_per_A:.1f} meV/Å", flush=True)
