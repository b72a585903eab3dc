"""Rattled copies of a structure."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from alloop.failures import TaskFailure
from alloop.materials.contacts import min_contact as shortest_contact
from alloop.materials.structure import Structure

TRIES = 100
AMPLITUDES = 4
"""Where copies shall know small and large displacements, the largest over 1, 2, 3 and 4, equally many each."""


def rattled(
    structure: Structure, n: int, rattle_A: float, strain: float, seed: int, min_contact: float
) -> tuple[Structure, ...]:
    """Return copies with random displacements and strains, none of them with a short contact.

    Parameters
    ----------
    structure : Structure
        What is copied; it is not changed.
    n : int
        Number of copies. Copy k depends on `seed` and k alone, so a longer list starts with the shorter one.
    rattle_A : float
        Standard deviation of each Cartesian displacement (Å).
    strain : float
        Standard deviation of each of the six strain components; 0 keeps the cell.
    seed : int
        Seed of the random numbers.
    min_contact : float
        A copy with a shorter contact, in sums of covalent radii, is drawn again.

    Raises
    ------
    TaskFailure
        ``contact``, if `TRIES` draws of one copy all have a short contact.
    """
    return tuple(_one(structure, [seed, k], rattle_A, strain, min_contact) for k in range(n))


def _one(structure: Structure, seed: list[int], rattle_A: float, strain: float, min_contact: float) -> Structure:
    random = np.random.default_rng(seed)
    for _ in range(TRIES):
        atoms = _draw(structure, random, rattle_A, strain)
        if shortest_contact(atoms) >= min_contact:
            return Structure.from_atoms(atoms)
    raise TaskFailure(
        "contact",
        f"{TRIES} rattled copies of {structure.formula()} in a row have a contact below {min_contact:g} covalent radii "
        f"(it has {shortest_contact(structure.to_atoms()):.2f} itself); lower rattle_A ({rattle_A:g} Å) or strain",
    )


def strained(structure: Structure, strain: float, random: np.random.Generator) -> Atoms:
    """Return the atoms in a cell with six random strain components of a standard deviation; 0 keeps the cell."""
    atoms = structure.to_atoms()
    xx, yy, zz, yz, xz, xy = strain * random.standard_normal(6)
    deformation = np.eye(3) + np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    if strain:
        atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return atoms


def _draw(structure: Structure, random: np.random.Generator, rattle_A: float, strain: float) -> Atoms:
    atoms = strained(structure, strain, random)
    atoms.positions += rattle_A * random.standard_normal((len(atoms), 3))
    return atoms
