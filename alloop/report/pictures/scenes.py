"""Atoms in their cell as a scene that the page draws: spheres by element, edges of the cell, force errors. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray

from alloop.materials.polyhedra import corner_numbers, polyhedra
from alloop.materials.structure import Structure, place_in_formula
from alloop.report.figure_style import Figure
from alloop.report.pictures.data import StrangeFrame

Floats = NDArray[np.float64]

RADIUS = 0.5
"""Radius of a sphere in covalent radii of its element."""
LONGEST_A = 2.5
"""Length of the line of the largest force error (Å)."""
LEAST_EV_PER_A = 0.01
"""Force errors below this have no line."""
EDGE, ERROR = "edge", "error"
"""Colours of lines; the page has one of each for a light and a dark ground."""


def structure_scene(structure: Structure, mobile: Collection[str]) -> Figure:
    """Return a scene of a structure, with polyhedra around the cations of its framework.

    Parameters
    ----------
    structure : Structure
        The atoms.
    mobile : collection of str
        Elements of the mobile ions, which have no polyhedra.
    """
    figure, atoms = scene(structure), _wrapped(structure)
    found = polyhedra(atoms, mobile)
    for series in figure["data"]:
        own = [one for one in found if atoms.symbols[one.centre] == series.get("name")]
        if own:
            series["faces"] = [[_short(one.positions_A[place]) for place in face] for one in own for face in one.faces]
    return figure


def _wrapped(structure: Structure) -> Atoms:
    atoms = structure.to_atoms()
    atoms.wrap(eps=1e-3)
    return atoms


def scene(structure: Structure, error_eV_per_A: Floats | None = None, atom: int | None = None) -> Figure:
    """Return a scene: a series of atoms for each element, the edges of the cell, and lines along force errors.

    Parameters
    ----------
    structure : Structure
        The atoms; they are shown inside of the cell.
    error_eV_per_A : ndarray, shape (atoms, 3), optional
        Force errors (eV/Å); the largest one has a line of `LONGEST_A`.
    atom : int, optional
        An atom that is marked with a ring.
    """
    atoms = _wrapped(structure)
    cell = np.asarray(atoms.cell.array)
    notes = _notes(len(atoms), error_eV_per_A)
    data = [_element(number, atoms.numbers, atoms.positions, notes, atom) for number in sorted(set(atoms.numbers))]
    data.append(_lines(_edges(cell), EDGE))
    if error_eV_per_A is not None:
        data.append(_lines(_errors(atoms.positions, error_eV_per_A), ERROR))
    axes = {f"{name}axis": {"title": {"text": f"{name} (Å)"}} for name in "xy"}
    return {"data": data, "layout": axes, "centre": _short(cell.sum(axis=0) / 2)}


def _notes(atoms: int, error_eV_per_A: Floats | None) -> list[str]:
    if error_eV_per_A is None:
        return [""] * atoms
    return [f"force error {size:.3g} eV/Å" for size in np.linalg.norm(error_eV_per_A, axis=1)]


def _element(
    number: int, numbers: NDArray[np.int_], positions_A: Floats, notes: Sequence[str], marked: int | None
) -> Figure:
    own = np.flatnonzero(numbers == number)
    x, y, z = (_short(column) for column in positions_A[own].T)
    red, green, blue = (round(255 * float(part)) for part in jmol_colors[number])
    ring = [int(place) for place in np.flatnonzero(own == marked)] if marked is not None else []
    return {
        "name": chemical_symbols[number],
        "x": x,
        "y": y,
        "z": z,
        "text": [notes[place] for place in own.tolist()],
        "marker": {"color": f"#{red:02x}{green:02x}{blue:02x}", "radius": round(RADIUS * covalent_radii[number], 3)},
        "ring": ring,
    }


def _lines(pairs: Sequence[tuple[Floats, Floats]], colour: str) -> Figure:
    """Return lines from point to point."""
    return {"hoverinfo": "skip", "color": colour, "lines": [[*_short(start), *_short(end)] for start, end in pairs]}


def _edges(cell: Floats) -> list[tuple[Floats, Floats]]:
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    steps = np.eye(3)
    return [(one @ cell, (one + steps[k]) @ cell) for one in corners for k in range(3) if not one[k]]


def _errors(positions_A: Floats, error_eV_per_A: Floats) -> list[tuple[Floats, Floats]]:
    sizes = np.linalg.norm(error_eV_per_A, axis=1)
    largest = float(sizes.max(initial=0.0))
    shown = np.flatnonzero(sizes >= LEAST_EV_PER_A)
    return [(positions_A[i], positions_A[i] + error_eV_per_A[i] * LONGEST_A / largest) for i in shown]


def _short(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]


# -- what is read out in place of a scene ------------------------------------------------------------------------


def structure_words(name: str, structure: Structure, mobile: Collection[str] = ()) -> str:
    """Return what a picture of a structure shows: its atoms by element, its cell, and its polyhedra."""
    atoms = structure.to_atoms()
    a, b, c, alpha, beta, gamma = atoms.cell.cellpar()
    cell = f"cell {a:.2f} × {b:.2f} × {c:.2f} Å, angles {alpha:.4g}°, {beta:.4g}°, {gamma:.4g}°"
    told = corner_numbers(polyhedra(_wrapped(structure), mobile), structure.numbers)
    corners = ", ".join(f"{symbol} ({' or '.join(map(str, counts))} corners)" for symbol, counts in told.items())
    solid = f" Polyhedra: {corners}." if corners else ""
    return f"{name}: {structure.formula()}, {_atom_words(structure)}; {cell}.{solid}"


def frame_words(frame: StrangeFrame) -> str:
    """Return what a picture of a frame shows: why it is there, its atoms, and its force errors."""
    words = f"{frame.id} ({frame.system}; {frame.why}), {_atom_words(frame.structure)}."
    if frame.atom is not None:
        symbol = chemical_symbols[frame.structure.numbers[frame.atom]]
        words += f" Ring: the {symbol} atom where it is largest."
    if frame.error_eV_per_A is not None:
        largest = float(np.linalg.norm(frame.error_eV_per_A, axis=1).max())
        if largest >= LEAST_EV_PER_A:
            words += f" Lines: force errors of {frame.by}; the longest is {largest:.3g} eV/Å."
    return words


def _atom_words(structure: Structure) -> str:
    counts = Counter(chemical_symbols[number] for number in structure.numbers)
    named = (f"{counts[symbol]} {symbol}" for symbol in sorted(counts, key=place_in_formula))
    return f"{len(structure.numbers)} atoms ({', '.join(named)})"
