"""Frames with labels of a potential that costs nothing, and what spoils them."""

from collections.abc import Callable
from functools import cache

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.config.loading import LoadedConfig, load_config
from tests.support.configs import BASE, Folder


def emt_frames(count: int, strain: float = 0.0, rattle_A: float = 0.08) -> list[Atoms]:
    """Return rattled copies of AlCu3 with energy, forces and stress of EMT under MACE's names."""
    return [atoms.copy() for atoms in _emt_frames(count, strain, rattle_A)]


@cache
def _emt_frames(count: int, strain: float, rattle_A: float) -> list[Atoms]:
    random, frames = np.random.default_rng(1), []
    for _ in range(count):
        atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
        atoms.symbols[0] = "Al"
        if strain:
            change = strain * random.standard_normal((3, 3))
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + (change + change.T) / 2), scale_atoms=True)
        atoms.rattle(rattle_A, rng=random)
        atoms.calc = EMT()
        label = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
        atoms.calc = None
        atoms.info["REF_energy"], atoms.arrays["REF_forces"], atoms.info["REF_stress"] = label
        frames.append(atoms)
    return frames


def scaled(frames: list[Atoms], energy: float = 1.0, forces: float = 1.0, stress: float = 1.0) -> list[Atoms]:
    """Return frames whose labels are multiplied, as by another unit."""
    for atoms in frames:
        atoms.info["REF_energy"] *= energy
        atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"] * forces
        atoms.info["REF_stress"] = atoms.info["REF_stress"] * stress
    return frames


def isolated(symbol: str, **info: object) -> Atoms:
    """Return an atom alone in a box, as files for MACE begin with."""
    atoms = Atoms(symbol, cell=[12, 12, 12], pbc=True)
    atoms.info |= {"REF_energy": 1.0, "config_type": "IsolatedAtom", **info}
    atoms.arrays["REF_forces"] = np.zeros((1, 3))
    return atoms


def boxed(symbol: str, length_A: float, config_type: str = "sweep") -> Atoms:
    """Return an atom in a box of some length, under some name."""
    atoms = isolated(symbol, config_type=config_type)
    atoms.set_cell([length_A] * 3)
    return atoms


def config_with_frames(
    folder: Folder,
    frames: list[Atoms],
    reference: str = "same",
    text: Callable[[str], str] | None = None,
    config: str = BASE,
) -> LoadedConfig:
    """Return a config whose systems are AlCu3, with labelled frames in a file; `text` changes what the file holds."""
    path = folder.frames("known.extxyz", *frames, format="extxyz")
    if text is not None:
        path.write_text(text(path.read_text()))
    folder.frames("structures/LiCl.extxyz", emt_frames(1)[0])
    return load_config(
        folder.config(config.replace("initial: []", f"initial: [known.extxyz]\n  reference: {reference}"))
    )
