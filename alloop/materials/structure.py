"""A structure as plain data, exact through JSON."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from ase.formula import Formula
from pydantic import BaseModel, ConfigDict, model_validator

from alloop.files.canonical_json import canonical_json, sha256_text

Vector = tuple[float, float, float]


class Structure(BaseModel):
    """A periodic configuration of atoms: positions and cell in Å."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: tuple[int, ...]
    positions_A: tuple[Vector, ...]
    cell_A: tuple[Vector, Vector, Vector]

    @model_validator(mode="after")
    def _of_known_atoms(self) -> Structure:
        if len(self.positions_A) != len(self.numbers):
            raise ValueError("as many positions as atoms are needed")
        if any(not 0 < z < len(chemical_symbols) for z in self.numbers):
            raise ValueError("an atomic number is not that of an element")
        return self

    @classmethod
    def from_atoms(cls, atoms: Atoms) -> Structure:
        """Read the species, positions (Å) and cell (Å) of an ASE object; everything else is left behind."""
        return cls(
            numbers=tuple(int(z) for z in atoms.numbers),
            positions_A=tuple(tuple(map(float, row)) for row in atoms.positions),
            cell_A=tuple(tuple(map(float, row)) for row in atoms.cell.array),
        )

    def to_atoms(self) -> Atoms:
        """Return a periodic ASE object with these positions and cell (Å)."""
        return Atoms(
            numbers=list(self.numbers),
            positions=np.array(self.positions_A, dtype=float).reshape(-1, 3),
            cell=np.array(self.cell_A, dtype=float),
            pbc=True,
        )

    def digest(self) -> str:
        """Return the SHA-256 of species, positions and cell, to the last bit of every float."""
        return sha256_text(canonical_json(self.model_dump(mode="json")))

    def elements(self) -> tuple[str, ...]:
        """Return the chemical symbols, by atomic number."""
        return symbols_of(self.numbers)

    def formula(self) -> str:
        """Return the reduced formula, for instance ``Li3InCl6``."""
        counts = self.to_atoms().symbols.formula.reduce()[0].count()
        return str(Formula.from_dict({symbol: counts[symbol] for symbol in sorted(counts, key=place_in_formula)}))


def symbols_of(numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the chemical symbols of atomic numbers, each once, in the order of the numbers.

    Examples
    --------
    >>> symbols_of([17, 3, 17])
    ('Li', 'Cl')
    """
    return tuple(chemical_symbols[z] for z in sorted({int(z) for z in numbers}))


def place_in_formula(symbol: str) -> tuple[float, int]:
    """Return what sorts symbols as in a chemist's formula.

    Along the groups, upwards in each, hydrogen between nitrogen and oxygen.

    Examples
    --------
    >>> "".join(sorted(["Cl", "In", "Li"], key=place_in_formula))
    'LiInCl'
    >>> "".join(sorted(["O", "H", "N", "La", "Zr", "F", "Xe"], key=place_in_formula))
    'XeLaZrNHOF'
    """
    number = atomic_numbers[symbol]
    if symbol == "H":
        return 15.5, -number
    before, closed = next((a, b) for a, b in pairwise((0, 2, 10, 18, 36, 54, 86, 118)) if number <= b)
    main = number - before <= 2
    group = number - before if main else max(3, 18 - (closed - number))
    return group % 18, -number
