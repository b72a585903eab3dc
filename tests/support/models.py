"""Small models, cheap labels and requests for tests of the potential."""

from __future__ import annotations

import copy
import functools
import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.morse import MorsePotential

from alloop.materials.structure import Structure
from alloop.potential.committee import Committee
from alloop.potential.graphs import labelled_frame
from alloop.potential.mace_api import Irreps, ScaleShiftMACE, interaction_classes
from alloop.potential.models.architecture import dtype_of, new_model
from alloop.potential.models.foundation_committee import write_committee
from alloop.potential.models.runtime import DTYPES, building
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import Workspace

SMALL = {"channels": 4, "max_L": 0, "max_ell": 1, "correlation": 2, "layers": 2, "cutoff_A": 4.0, "radial_functions": 6}
E0S = {"Li": -0.5, "Cl": -1.25}
E0S_BY_NUMBER = {3: -0.5, 17: -1.25}


def lithium_chloride(seed: int = 0, rattle_A: float = 0.1) -> Atoms:
    """Eight atoms of rattled rock salt, LiCl."""
    atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True)
    atoms.positions += np.random.default_rng(seed).normal(scale=rattle_A, size=(8, 3))
    return atoms


def labelled(atoms: Atoms) -> Atoms:
    """Label a frame with a Morse pair potential: energy, forces and stress agree with each other."""
    atoms.calc = MorsePotential(epsilon=0.3, r0=2.6, rho0=4.0, rcut1=3.5, rcut2=3.9)
    return labelled_frame(atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress())


def frames(count: int, first_seed: int = 0) -> list[Atoms]:
    """Labelled rattled frames."""
    return [labelled(lithium_chloride(seed)) for seed in range(first_seed, first_seed + count)]


def put_labels(workspace: Workspace, labels: Iterable[Atoms]) -> tuple[str, ...]:
    """Write labels into a workspace as the label task does, and return their keys."""
    keys = []
    for frame in labels:
        structure = Structure.from_atoms(frame)
        data = LabelData(
            structure=structure,
            energy_eV=frame.info["REF_energy"],
            forces_eV_per_A=tuple(map(tuple, frame.arrays["REF_forces"].tolist())),
            stress_eV_per_A3=tuple(frame.info["REF_stress"].tolist()),
        )
        keys.append(structure.digest()[:40])
        workspace.write(Result(key=keys[-1], kind="label", status="ok", data=data.model_dump(mode="json")))
    return tuple(keys)


def small_model(seed: int = 0, dtype: str = "float32", **architecture: Any) -> torch.nn.Module:
    """A random model of LiCl; building one takes long, so every shape is built once and copied with other weights."""
    model = copy.deepcopy(_small_model(tuple(architecture.items()))).to(DTYPES[dtype])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.requires_grad:
                weights *= 1 + 0.5 * torch.randn(weights.shape, generator=generator, dtype=torch.float64)
    return model


@functools.cache
def _small_model(architecture: tuple[tuple[str, Any], ...]) -> torch.nn.Module:
    return new_model(
        {**SMALL, **dict(architecture)},
        E0S_BY_NUMBER,
        average_neighbours=14.0,
        scale_eV_per_A=0.7,
        shift_eV=-1.0,
        dtype="float32",
        seed=0,
    ).eval()


def make_small_foundation(
    path: Path,
    numbers: Sequence[int] = (3, 8, 9, 15, 17, 49),
    *,
    heads: Sequence[str] = ("Default",),
    channels: int = 8,
    max_L: int = 1,
    seed: int = 0,
) -> str:
    """Write a foundation model as MACE saves them (a pickled module), and return the file's SHA-256."""
    content = pickled(small_foundation(numbers, heads=heads, channels=channels, max_L=max_L, seed=seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def place_foundation(workspace: Workspace, **shape: Any) -> str:
    """Put a foundation model where a campaign keeps it, and return its name in requests."""
    path = workspace.root / "x.model"
    sha256 = make_small_foundation(path, **shape)
    target = workspace.model_path(f"foundation:{sha256}")
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    return f"foundation:{sha256}"


def e0s_in(model: torch.nn.Module) -> dict[int, float]:
    """Return the energies (eV) of isolated atoms that a model of one head holds, by atomic number."""
    energies = model.atomic_energies_fn.atomic_energies[0].tolist()
    return dict(zip(model.atomic_numbers.tolist(), energies, strict=True))


def forces_of(model: torch.nn.Module) -> np.ndarray:
    """Return the forces (eV/Å) of a model in its own precision on a frame of LiCl."""
    return Committee([model], device="cpu", dtype=dtype_of(model)).forces(lithium_chloride()).forces_eV_per_A


def make_small_committee(path: Path, members: int = 2, **architecture: Any) -> str:
    """Write a foundation that is a committee of small models of LiCl, with seeds 0, 1, …; return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_committee(path, [small_model(seed, **architecture) for seed in range(members)])


def small_foundation(
    numbers: Sequence[int] = (3, 8, 9, 15, 17, 49),
    *,
    heads: Sequence[str] = ("Default",),
    channels: int = 8,
    max_L: int = 1,
    seed: int = 0,
) -> torch.nn.Module:
    """A random model in the style of MACE-MP: density-normalised blocks, Agnesi radial transform, ZBL."""
    return copy.deepcopy(_small_foundation(tuple(numbers), tuple(heads), channels, max_L, seed))


@functools.cache
def _small_foundation(
    numbers: tuple[int, ...], heads: tuple[str, ...], channels: int, max_L: int, seed: int
) -> torch.nn.Module:
    rng = np.random.default_rng(seed)
    with building("float32", seed):
        module: torch.nn.Module = ScaleShiftMACE(
            r_max=4.5,
            num_bessel=6,
            num_polynomial_cutoff=5,
            max_ell=2,
            interaction_cls=interaction_classes["RealAgnosticDensityResidualInteractionBlock"],
            interaction_cls_first=interaction_classes["RealAgnosticDensityInteractionBlock"],
            num_interactions=2,
            num_elements=len(numbers),
            hidden_irreps=Irreps("+".join(f"{channels}x{ell}{'eo'[ell % 2]}" for ell in range(max_L + 1))),
            MLP_irreps=Irreps("16x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=rng.normal(-3, 1, (len(heads), len(numbers))),
            avg_num_neighbors=61.96,
            atomic_numbers=list(numbers),
            correlation=3,
            radial_type="bessel",
            distance_transform="Agnesi",
            pair_repulsion=True,
            use_reduced_cg=False,
            heads=list(heads),
            atomic_inter_scale=[0.8] * len(heads),
            atomic_inter_shift=[0.1] * len(heads),
        )
    return module


def pickled(value: Any) -> bytes:
    """The bytes that ``torch.save`` writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def fit_request(train: Sequence[str], **changes: Any) -> FitRequest:
    """A short fit of a small model."""
    fields: dict[str, Any] = {
        "train": tuple(train),
        "valid": (),
        "init": None,
        "architecture": SMALL,
        "e0s_eV": E0S,
        "max_steps": 20,
        "batch_size": 4,
        "learning_rate": 0.01,
        "energy_weight": 1.0,
        "forces_weight": 10.0,
        "stress_weight": 0.0,
        "patience": None,
        "check_every_steps": 10,
        "ema_decay": 0.9,
        "dtype": "float32",
        "seed": 3,
    }
    return FitRequest(**{**fields, **changes})
