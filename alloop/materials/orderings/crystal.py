"""A crystal whose sites may hold several species, and what is substituted in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import spglib
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

VACANCY = "vacancy"
"""The species of a site that holds no ion."""
SYMPREC_A = 0.01
"""How far sites may be from their symmetric places (Å)."""
_SUM_TOLERANCE = 2e-3
_LEAST_SHARE = 1e-6
_ELEMENTS = frozenset(chemical_symbols[1:])
Occupancy = Mapping[str, float]
"""Share of every species of a site; the shares of a site, those of vacancies included, sum to 1."""


class OrderingError(ValueError):
    """A crystal that cannot be ordered as asked.

    Parameters
    ----------
    where : tuple of str
        The key of a system that must be mended, for instance ``("substitute", "In", "Y")``.
    what : str
        What is wrong and the mend, in one line.
    """

    def __init__(self, where: tuple[str, ...], what: str) -> None:
        super().__init__(where, what)
        self.where, self.what = where, what

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, eq=False)
class Crystal:
    """A periodic crystal with partial occupancies.

    Attributes
    ----------
    cell_A : ndarray, shape (3, 3)
        Cell vectors as rows (Å).
    scaled : ndarray, shape (sites, 3)
        Fractional coordinates.
    occupancies : tuple of mapping
        Share of every species of each site.
    labels : tuple of str
        What the file calls each site.
    oxidation_states : mapping
        Those that the file gives, by element.
    """

    cell_A: NDArray[np.float64]
    scaled: NDArray[np.float64]
    occupancies: tuple[Occupancy, ...]
    labels: tuple[str, ...]
    oxidation_states: Mapping[str, float] = field(default_factory=dict)

    def kinds(self) -> NDArray[np.int_]:
        """Return a number for each site, equal for sites of equal occupancy."""
        known: dict[tuple[tuple[str, float], ...], int] = {}
        return np.array([known.setdefault(_kind(site), len(known)) for site in self.occupancies], dtype=int)

    def composition(self) -> dict[str, float]:
        """Return the mean number of ions of every element in the cell."""
        total: dict[str, float] = {}
        for species, share in ((s, share) for site in self.occupancies for s, share in site.items() if s != VACANCY):
            total[species] = total.get(species, 0.0) + share
        return total

    def is_ordered(self) -> bool:
        """Return whether every site holds one species."""
        return all(len(site) == 1 for site in self.occupancies)


def from_atoms(atoms: Atoms) -> Crystal:
    """Return an ordered crystal; symmetry-equivalent sites get one label, such as ``Li1``."""
    symbols = atoms.get_chemical_symbols()
    cell_A, scaled = np.asarray(atoms.cell.array, dtype=float), atoms.get_scaled_positions(wrap=True)
    found = spglib.get_symmetry_dataset((cell_A.tolist(), scaled.tolist(), atoms.numbers.tolist()), symprec=SYMPREC_A)
    orbits = range(len(atoms)) if found is None else map(int, found.equivalent_atoms)
    return Crystal(
        cell_A=cell_A,
        scaled=np.asarray(scaled, dtype=float),
        occupancies=tuple({symbol: 1.0} for symbol in symbols),
        labels=tuple(_numbered(symbols, orbits)),
    )


def from_pymatgen(structure: Any) -> Crystal:
    """Return the crystal of a ``pymatgen.core.Structure``.

    Raises
    ------
    OrderingError
        If a site holds more than one ion, something that is no element, or an element has two oxidation states.
    """
    states: dict[str, float] = {}
    sites = []
    for site in structure:
        shares: dict[str, float] = {}
        for species, share in site.species.items():
            symbol = getattr(species, "symbol", str(species))
            _note_state(states, symbol, getattr(species, "oxi_state", None))
            shares[symbol] = shares.get(symbol, 0.0) + float(share)
        sites.append(_whole(shares, ("structure",), f"the site `{site.label}`"))
    return Crystal(
        cell_A=np.array(structure.lattice.matrix, dtype=float),
        scaled=np.array(structure.frac_coords, dtype=float) % 1.0,
        occupancies=tuple(sites),
        labels=tuple(str(site.label) for site in structure),
        oxidation_states=states,
    )


def substituted(crystal: Crystal, substitute: Mapping[str, Mapping[str, float]]) -> Crystal:
    """Return a crystal in which sites or elements are replaced.

    Parameters
    ----------
    crystal : Crystal
        The parent.
    substitute : mapping
        By the label of a site: its whole occupancy. By an element: what takes the place of each of its ions, wherever
        they are. What is missing to 1 is vacancies.

    Raises
    ------
    OrderingError
        If an element or site is unknown, or shares are not between 0 and 1.
    """
    known = {species for site in crystal.occupancies for species in site} - {VACANCY}
    occupancies = list(crystal.occupancies)
    for name, shares in substitute.items():
        where = ("substitute", name)
        for species, share in shares.items():
            _refuse_strange(species, share, (*where, species))
        given = _whole(dict(shares), where, f"`{name}`")
        if name in known:
            occupancies = [
                _replaced(old, now, name, given) for old, now in zip(crystal.occupancies, occupancies, strict=True)
            ]
        elif name in crystal.labels:
            occupancies = [
                given if label == name else now for label, now in zip(crystal.labels, occupancies, strict=True)
            ]
        else:
            raise OrderingError(where, f"`{name}` is no element and no site of the structure; {_known(crystal, known)}")
    return replace(crystal, occupancies=tuple(occupancies))


def symmetry(
    cell_A: NDArray[np.float64], scaled: NDArray[np.float64], kinds: NDArray[np.int_]
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Return the rotations and translations (fractional) that keep a cell whose sites are of several kinds."""
    found = spglib.get_symmetry((cell_A.tolist(), scaled.tolist(), kinds.tolist()), symprec=SYMPREC_A)
    if found is None:
        return np.eye(3, dtype=int)[None], np.zeros((1, 3))
    return np.asarray(found["rotations"], dtype=int), np.asarray(found["translations"], dtype=float)


def _replaced(old: Occupancy, now: Occupancy, name: str, given: Occupancy) -> Occupancy:
    """Return an occupancy in which the share that an element had in the parent is handed to others."""
    share = old.get(name, 0.0)
    if not share:
        return now
    result = dict(now)
    result[name] -= share
    for species, part in given.items():
        result[species] = result.get(species, 0.0) + share * part
    return {species: part for species, part in result.items() if part > _LEAST_SHARE}


def _whole(shares: dict[str, float], where: tuple[str, ...], what: str) -> Occupancy:
    """Return shares that sum to 1 with those of vacancies."""
    for species in shares:
        if species not in _ELEMENTS and species != VACANCY:
            raise OrderingError(where, f"{what} holds `{species}`, which is no element; name one, or `{VACANCY}`")
    total = sum(shares.values())
    if total > 1.0 + _SUM_TOLERANCE:
        mend = "is a site listed twice?" if where == ("structure",) else "vacancies fill the rest"
        raise OrderingError(where, f"gives shares of {what} that sum to {total:.4g}; they are 1 at most, {mend}")
    if total < 1.0 - _SUM_TOLERANCE:
        shares[VACANCY] = shares.get(VACANCY, 0.0) + 1.0 - total
    norm = sum(shares.values())
    return {species: share / norm for species, share in shares.items() if share > _LEAST_SHARE}


def _refuse_strange(species: str, share: float, where: tuple[str, ...]) -> None:
    if not 0.0 <= share <= 1.0:
        raise OrderingError(where, f"is {share:g}; a share is between 0 and 1")
    if species not in _ELEMENTS and species != VACANCY:
        raise OrderingError(where, f"`{species}` is no element; write its symbol, or `{VACANCY}`")


def _note_state(states: dict[str, float], symbol: str, state: float | None) -> None:
    if state is None:
        return
    if states.setdefault(symbol, float(state)) != state:
        both = f"{states[symbol]:+g} and {state:+g}"
        raise OrderingError(("structure",), f"gives {symbol} the oxidation states {both}; give an element one of them")


def _known(crystal: Crystal, elements: set[str]) -> str:
    labels = sorted(set(crystal.labels))
    shown = ", ".join(labels[:12]) + (", …" if len(labels) > 12 else "")
    return f"elements are {', '.join(sorted(elements))}; sites are {shown}"


def _kind(site: Occupancy) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((species, round(share, 3)) for species, share in site.items()))


def _numbered(symbols: Sequence[str], orbits: Iterable[int]) -> Iterator[str]:
    numbers: dict[int, int] = {}
    seen: Counter[str] = Counter()
    for symbol, orbit in zip(symbols, orbits, strict=True):
        if orbit not in numbers:
            seen[symbol] += 1
            numbers[orbit] = seen[symbol]
        yield f"{symbol}{numbers[orbit]}"
