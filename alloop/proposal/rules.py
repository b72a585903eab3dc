"""Settings of a first campaign by the elements and the cell of a crystal, each with its reason. Pure.

The errors of forces that reasons name were measured with GPAW and PBE against 700 eV, over all force components.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from ase.data import atomic_numbers

from alloop.materials.structure import Structure
from alloop.materials.supercell import face_distances, repeats_for

T = TypeVar("T")
Place = Literal["laptop", "slurm"]
Grid = tuple[int, int, int]

KPOINT_LENGTH_A = 11.0
"""The least length of crystal that a row of k-points stands for: 2 × 2 × 2 on 6 Å was measured, and Γ on 9 Å."""
MIN_FACES_A = 4.95
"""Distance between periodic faces below which a cell is repeated for labels and exploration.

It is 5 Å in the digits that reasons show: of faces at 4.998 and 5.002 Å, neither is repeated.
"""
MOST_LABELLED_ATOMS = 100
PRODUCTION_FACES_A = 12.0
MOST_PRODUCED_ATOMS: MappingProxyType[Place, int] = MappingProxyType({"laptop": 400, "slurm": 2000})

_MEASURED_SOFT = frozenset(("Li", "In", "Y", "Cl", "Br", "P", "S"))
_SECOND_ROW = frozenset(("B", "C", "N", "O", "F"))
_MOMENTS_muB = MappingProxyType({"V": 2.0, "Cr": 3.0, "Mn": 5.0, "Fe": 5.0, "Co": 3.0, "Ni": 2.0})
_ANIONS = MappingProxyType(
    {
        "O": ("oxide", "hard"),
        "F": ("fluoride", "hard"),
        "N": ("nitride", "hard"),
        "S": ("sulfide", "soft"),
        "Se": ("selenide", "soft"),
        "Te": ("telluride", "soft"),
        "Cl": ("chloride", "soft"),
        "Br": ("bromide", "soft"),
        "I": ("iodide", "soft"),
    }
)
_TEMPERATURES_K = MappingProxyType({"hard": (600, 900, 1200), "soft": (500, 750, 1000)})
_CONDUCTED = ("Li", "Na", "Ag", "K", "Cu")


@dataclass(frozen=True)
class Advised(Generic[T]):
    """A value for a key of the config, and in one line why."""

    value: T
    why: str


def cutoff(elements: Iterable[str]) -> Advised[int]:
    """Return a plane-wave cutoff (eV) for forces that are good to about 10 meV/Å.

    Examples
    --------
    >>> cutoff(["Li", "In", "Cl"]).value, cutoff(["Li", "P", "S"]).value, cutoff(["Li", "Ge", "O"]).value
    (340, 400, 600)
    """
    found = sorted(set(elements), key=lambda symbol: atomic_numbers[symbol])
    hard = [symbol for symbol in found if symbol in _SECOND_ROW]
    if "O" in hard:
        return Advised(600, "O needs it: forces of an oxide were 124 meV/Å off at 340 eV, 15 at 500 and 3 at 600")
    if hard:
        return Advised(600, f"{_and(hard)}: taken as hard as O, which needs 600 eV; compare forces with 700 eV once")
    if unknown := [symbol for symbol in found if symbol not in _MEASURED_SOFT]:
        return Advised(500, f"no error is known here for {_and(unknown)}; compare forces with 600 eV once")
    if {"P", "S"} & set(found):
        return Advised(400, "P or S: forces of the thiophosphate Li3PS4 were 2.4 meV/Å off at 340 eV and 0.4 at 500")
    if not {"Cl", "Br"} & set(found):
        return Advised(500, f"no error is known here for a compound of {_and(found)}; compare forces with 600 eV once")
    return Advised(340, "enough for halides: forces of Li3YBr6 were 0.4 meV/Å off; stress is 0.1 to 0.7 GPa off")


def kpoints(faces_A: Sequence[float]) -> Advised[Grid]:
    """Return a Monkhorst-Pack grid of an insulator by the distances between opposite faces of its cell (Å).

    Examples
    --------
    >>> kpoints((6.1, 6.1, 12.3)).value
    (2, 2, 1)
    """
    first, second, third = (max(1, math.ceil(KPOINT_LENGTH_A / width - 1e-9)) for width in faces_A)
    widths = " × ".join(f"{width:.1f}" for width in faces_A)
    what = f"faces are {widths} Å apart; k-points times that are at least {KPOINT_LENGTH_A:g} Å, for an insulator"
    return Advised((first, second, third), what)


def labelled_repeat(structure: Structure) -> Advised[Grid]:
    """Return how often to repeat a cell for labels and exploration."""
    atoms, narrowest = len(structure.numbers), min(face_distances(structure))
    repeat = repeats_for(structure, MIN_FACES_A)
    many = atoms * math.prod(repeat)
    if repeat == (1, 1, 1):
        size = f"{atoms} atoms, {narrowest:.1f} Å between its nearest faces"
        small = "labels of so many atoms take long" if atoms > MOST_LABELLED_ATOMS else "small enough for DFT"
        return Advised(repeat, f"{size}: {small}")
    if many > MOST_LABELLED_ATOMS:
        what = f"{narrowest:.1f} Å between its nearest faces is little, but {many} atoms are too many for DFT"
        return Advised((1, 1, 1), what)
    return Advised(repeat, f"{narrowest:.1f} Å between the nearest faces of one cell is too little; {many} atoms")


def production_repeat(structure: Structure, place: Place) -> Advised[Grid]:
    """Return the supercell in which diffusion is measured: the widest that this place can afford."""
    atoms, most = len(structure.numbers), MOST_PRODUCED_ATOMS[place]
    width_A = PRODUCTION_FACES_A
    repeat = repeats_for(structure, width_A)
    while atoms * math.prod(repeat) > most and width_A > 1.0:
        width_A -= 0.5
        repeat = repeats_for(structure, width_A)
    apart = min(n * width for n, width in zip(repeat, face_distances(structure), strict=True))
    size = f"{atoms * math.prod(repeat)} atoms, {apart:.1f} Å between faces"
    if apart >= PRODUCTION_FACES_A:
        return Advised(repeat, size)
    limit = f"{PRODUCTION_FACES_A:g} Å takes more than {most} atoms"
    return Advised(repeat, f"{size}: flagged as limited by size ({limit})")


def explored_temperatures(elements: Iterable[str]) -> Advised[tuple[int, ...]]:
    """Return the temperatures of the exploring walkers (K)."""
    anions, temperatures = _framework(elements)
    return Advised(temperatures, f"{anions}: from a solid at rest to the hottest of `measure`")


def measured_temperatures(elements: Iterable[str]) -> Advised[tuple[int, ...]]:
    """Return the temperatures of production (K)."""
    anions, explored = _framework(elements)
    top = explored[-1]
    low, middle = (10 * round(share * top / 10) for share in (0.7, 0.85))
    what = f"{anions}: hot, for hops within picoseconds; where the framework melts, a temperature does not count"
    return Advised((low, middle, top), what)


def _framework(elements: Iterable[str]) -> tuple[str, tuple[int, int, int]]:
    """Return what the anions make of a framework, and temperatures to explore it at (K)."""
    found = set(elements)
    here = [(name, group) for symbol, (name, group) in _ANIONS.items() if symbol in found]
    if not here:
        return "no common anion", _TEMPERATURES_K["soft"]
    temperatures = _TEMPERATURES_K["hard" if any(group == "hard" for _, group in here) else "soft"]
    return _and([name for name, _ in here]), temperatures


def rungs(atoms: int, place: Place) -> Advised[tuple[int, ...]]:
    """Return the ladder for cells of so many atoms: large cells teach more per label, and cost more."""
    smallest = 24 if atoms <= 30 else 16 if atoms <= 60 else 10
    count = 3 if place == "laptop" else 4
    sizes = tuple(smallest * 2**k for k in range(count))
    return Advised(sizes, f"for cells of {atoms} atoms; larger ones can be added later")


def timestep_fs(elements: Iterable[str]) -> Advised[float]:
    """Return the step of the integrator (fs): shorter with hydrogen."""
    if "H" in set(elements):
        return Advised(0.5, "vibrations of H have periods of about 10 fs")
    return Advised(2.0, "no hydrogen, whose vibrations would want 0.5 fs")


def magnetic_moments(elements: Iterable[str]) -> dict[str, float]:
    """Return initial magnetic moments (μB) by element: high spin of 3d ions that have unpaired electrons."""
    return {symbol: _MOMENTS_muB[symbol] for symbol in sorted(set(elements)) if symbol in _MOMENTS_muB}


def mobile_elements(elements: Iterable[str]) -> tuple[str, ...]:
    """Return which elements may be the mobile ion."""
    found = set(elements)
    return tuple(symbol for symbol in _CONDUCTED if symbol in found)


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
