"""Draw a structure: polyhedra around the cations of its framework, all other atoms as spheres."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray
from PIL import Image

from alloop.materials.polyhedra import Polyhedron, polyhedra
from alloop.materials.structure import symbols_of

Floats = NDArray[np.float64]

_VIEWS = {"onto a and b": ((1, 0, 0), (0, 1, 0)), "onto a and c": ((1, 0, 0), (0, 0, 1))}
"""Which Cartesian directions lie right and up, with a along x and b in the xy plane."""
_SIZE, _CORNER, _MARGIN_A = 0.5, 0.25, 1.2
"""Radius of a sphere, and of a sphere at a corner, in covalent radii; space around the structure."""
_LIGHT = np.array([-0.35, 0.5, 0.8])
"""Where the light comes from: right, up, towards the eye."""
_CIRCLE = np.array([[np.cos(angle), np.sin(angle)] for angle in np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False)])


@dataclass(frozen=True, eq=False)
class _Shape:
    """A polygon on the paper (Å), how near it is to the eye (Å), its colour and the width of its outline (pt)."""

    outline_A: Floats
    depth_A: float
    colour: tuple[float, float, float]
    width_pt: float


def draw(atoms: Atoms, title: str, path: Path, mobile: Collection[str] = ()) -> None:
    """Write a picture of a structure, seen onto the vectors a and b of its cell, and onto a and c.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    title : str
        What stands above the picture.
    path : pathlib.Path
        The file.
    mobile : collection of str
        Elements of the mobile ions, which are spheres.
    """
    from matplotlib.figure import Figure

    upright = Atoms(atoms.numbers, scaled_positions=atoms.get_scaled_positions(), cell=atoms.cell.cellpar(), pbc=True)
    found = polyhedra(upright, mobile)
    figure = Figure(figsize=(10, 5.5))
    figure.suptitle(title)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.12, top=0.86, wspace=0.05)
    for axes, (view, (right, up)) in zip(figure.subplots(1, len(_VIEWS)), _VIEWS.items(), strict=True):
        _draw_view(axes, upright, found, np.array([right, up, np.cross(right, up)], dtype=float))
        axes.set_title(view)
    _legend(figure, upright, {upright.symbols[one.centre] for one in found})
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    """Write a figure with as many colours as need one byte."""
    file = io.BytesIO()
    figure.savefig(file, dpi=120)
    Image.open(file).convert("RGB").quantize(128).save(path, format="PNG", optimize=True)


def _legend(figure: Any, atoms: Atoms, centres: Collection[str]) -> None:
    axes = figure.axes[0]
    shown = [(symbol, symbol in centres) for symbol in symbols_of(sorted(set(atoms.numbers.tolist())))]
    dots = [
        axes.scatter(
            [], [], s=90, c=[jmol_colors[atomic_numbers[symbol]]], edgecolors="black", marker="s" if solid else "o"
        )
        for symbol, solid in shown
    ]
    names = [f"{symbol} polyhedra" if solid else symbol for symbol, solid in shown]
    figure.legend(dots, names, loc="lower center", ncols=len(dots), frameon=False)


def _draw_view(axes: Any, atoms: Atoms, found: Sequence[Polyhedron], view: Floats) -> None:
    """Draw what is seen along the third row of `view`, whose first two rows lie right and up."""
    from matplotlib.collections import LineCollection, PolyCollection

    shapes = sorted([*_faces(atoms, found, view), *_spheres(atoms, found, view)], key=lambda shape: shape.depth_A)
    corners = np.array(list(product((0, 1), repeat=3)))
    edges = [(one, other) for one, other in combinations(corners, 2) if np.abs(one - other).sum() == 1]
    lines = (np.array(edges) @ atoms.cell.array) @ view[:2].T
    drawn = PolyCollection([one.outline_A for one in shapes], facecolors=[one.colour for one in shapes])
    drawn.set(edgecolor="black", linewidth=[one.width_pt for one in shapes])
    axes.add_collection(drawn)
    axes.add_collection(LineCollection(lines, colors="grey", linewidths=0.8, linestyles="dotted"))
    axes.set_aspect("equal")
    axes.set_axis_off()
    shown = np.concatenate([*(one.outline_A for one in shapes), lines.reshape(-1, 2)])
    (left, low), (far, high) = shown.min(axis=0) - _MARGIN_A, shown.max(axis=0) + _MARGIN_A
    axes.set(xlim=(left, far), ylim=(low, high))


def _faces(atoms: Atoms, found: Sequence[Polyhedron], view: Floats) -> Iterator[_Shape]:
    """Yield the faces that look towards the eye, the darker the more they turn from the light."""
    for one in found:
        seen = one.positions_A @ view.T
        middle = seen.mean(axis=0)
        colour = jmol_colors[atoms.numbers[one.centre]]
        for face in one.faces:
            points = seen[list(face)]
            normal = np.cross(points[1] - points[0], points[2] - points[0])
            normal *= np.sign(normal @ (points.mean(axis=0) - middle)) / np.linalg.norm(normal)
            if normal[2] > 0.0:
                light = 0.6 + 0.4 * max(0.0, float(normal @ _LIGHT) / float(np.linalg.norm(_LIGHT)))
                red, green, blue = (float(part) * light for part in colour)
                yield _Shape(points[:, :2], float(points[:, 2].mean()), (red, green, blue), 0.3)


def _spheres(atoms: Atoms, found: Sequence[Polyhedron], view: Floats) -> Iterator[_Shape]:
    """Yield the corners of the polyhedra, small, and all atoms that belong to none."""
    corners = {corner for one in found for corner in one.corners}
    placed = {
        (atoms.numbers[corner], *np.round(position_A, 2).tolist()): position_A
        for one in found
        for corner, position_A in zip(one.corners, one.positions_A, strict=True)
    }
    for (number, *_), position_A in placed.items():
        yield _sphere(number, position_A @ view.T, _CORNER, 0.2)
    for i in sorted(set(range(len(atoms))) - corners - {one.centre for one in found}):
        yield _sphere(atoms.numbers[i], atoms.positions[i] @ view.T, _SIZE, 0.6)


def _sphere(number: int, seen_A: Floats, size: float, width_pt: float) -> _Shape:
    red, green, blue = map(float, jmol_colors[number])
    outline_A = seen_A[:2] + size * covalent_radii[number] * _CIRCLE
    return _Shape(outline_A, float(seen_A[2]), (red, green, blue), width_pt)
