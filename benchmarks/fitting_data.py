"""The frames, members and requests of the benchmark of fitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.morse import MorsePotential
from ase.io import read

from alloop.files.canonical_json import content_key
from alloop.materials.structure import Structure
from alloop.tasks.contract.fit import FitRequest, FitSummary
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import Workspace

CELL = Path(__file__).parent.parent / "configs" / "structures" / "Li3InCl6.extxyz"
MEMBERS = 4
SHAPE = {"channels": 32, "max_L": 0, "max_ell": 2, "correlation": 2, "layers": 2, "cutoff_A": 5.0}
BATCH, RATE, ENERGY_WEIGHT, FORCES_WEIGHT, EMA_DECAY, CHECK_STEPS = 5, 0.02, 3.0, 10.0, 0.99, 50


@dataclass(frozen=True)
class Data:
    """Frames of every member, frames to validate on, and one energy per atom for all elements (eV)."""

    members: tuple[tuple[Atoms, ...], ...]
    valid: tuple[Atoms, ...]
    e0_eV: float

    @property
    def symbols(self) -> list[str]:
        """The elements."""
        return sorted({symbol for frame in self.valid for symbol in frame.get_chemical_symbols()})


def dataset(path: Path | None, train: int, valid: int) -> Data:
    """Return frames of a file in a random order, or rattled cells labelled by a pair potential."""
    rng = np.random.default_rng(0)
    frames = stand_ins(train + valid, rng) if path is None else [plain(frame) for frame in read(path, ":")]
    frames = [frames[index] for index in rng.permutation(len(frames))]
    if len(frames) < train + valid:
        raise SystemExit(f"{path}: has {len(frames)} frames; ask for less with --train and --valid")
    fitted = frames[:train]
    drawn = [range(train), *(sorted(rng.integers(train, size=train)) for _ in range(MEMBERS - 1))]
    mean_eV = float(np.mean([frame.info["REF_energy"] / len(frame) for frame in fitted]))
    members = tuple(tuple(fitted[index] for index in some) for some in drawn)
    return Data(members, tuple(frames[train : train + valid]), mean_eV)


def plain(frame: Atoms) -> Atoms:
    """Return a copy of a frame with nothing but its energy (eV) and forces (eV/Å)."""
    copied = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    copied.info["REF_energy"] = float(frame.info["REF_energy"])
    copied.arrays["REF_forces"] = frame.arrays["REF_forces"].copy()
    return copied


def stand_ins(count: int, rng: np.random.Generator, rattle_A: float = 0.12) -> list[Atoms]:
    """Return rattled Li3InCl6 cells with a Morse potential between all atoms."""
    frames = []
    for _ in range(count):
        frame = read(CELL)
        frame.positions += rng.normal(scale=rattle_A, size=frame.positions.shape)
        frame.calc = MorsePotential(epsilon=0.4, r0=2.6, rho0=4.0, rcut1=4.2, rcut2=4.8)
        frame.info["REF_energy"] = frame.get_potential_energy()
        frame.arrays["REF_forces"] = frame.get_forces()
        frames.append(plain(frame))
    return frames


def summary(workspace: Workspace, key: str) -> FitSummary:
    """Return how a fit went."""
    result = workspace.read("fit", key)
    assert result is not None
    return FitSummary.model_validate(result.summary)


def put(workspace: Workspace, frames: Sequence[Atoms], mark: str = "") -> tuple[str, ...]:
    """Write labels as the label task does, and return their keys, which hold the mark."""
    keys = []
    for frame in frames:
        structure = Structure.from_atoms(frame)
        data = LabelData(
            structure=structure,
            energy_eV=frame.info["REF_energy"],
            forces_eV_per_A=tuple(map(tuple, frame.arrays["REF_forces"].tolist())),
            stress_eV_per_A3=None,
        )
        keys.append(content_key({"structure": structure.digest(), "mark": mark}))
        workspace.write(Result(key=keys[-1], kind="label", status="ok", data=data.model_dump(mode="json")))
    return tuple(keys)


def request(train: Sequence[str], valid: Sequence[str], data: Data, steps: int, **changes: Any) -> FitRequest:
    """Return the request for a fit of the whole schedule."""
    fields: dict[str, Any] = {
        "train": tuple(train),
        "valid": tuple(valid),
        "init": None,
        "architecture": SHAPE,
        "e0s_eV": dict.fromkeys(data.symbols, data.e0_eV),
        "max_steps": steps,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "energy_weight": ENERGY_WEIGHT,
        "forces_weight": FORCES_WEIGHT,
        "stress_weight": 0.0,
        "patience": None,
        "check_every_steps": CHECK_STEPS,
        "ema_decay": EMA_DECAY,
        "dtype": "float32",
        "seed": 0,
    }
    return FitRequest.model_validate({**fields, **changes})
