"""Counting electrons."""

from __future__ import annotations

from ase import Atoms


def electron_count(atoms: Atoms, charge: float = 0.0) -> int:
    """Return the number of electrons of a cell.

    Parameters
    ----------
    atoms : ase.Atoms
        The atoms of one cell.
    charge : float
        Charge of the cell, in elementary charges; positive means that electrons are missing.

    Raises
    ------
    ValueError
        If the charge is not a whole number.

    Examples
    --------
    >>> electron_count(Atoms("LiCl"))
    20
    >>> electron_count(Atoms("LiCl"), charge=1)
    19
    """
    if not float(charge).is_integer():
        raise ValueError(f"a charge of {charge} is not a whole number of electrons")
    return int(atoms.numbers.sum()) - int(charge)


def is_odd(atoms: Atoms, charge: float = 0.0) -> bool:
    """Return whether the number of electrons is odd, so that not all of them can be paired."""
    return electron_count(atoms, charge) % 2 == 1
