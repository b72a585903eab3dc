"""Frames with labels of a potential that costs nothing, and what spoils them."""

from functools import cache

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT


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
