"""Coordination polyhedra: the anions around each cation of a framework, and the faces of their convex hull."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

Floats = NDArray[np.float64]

REACH = 1.9
"""Anions are looked for up to this many sums of covalent radii: beyond the second shell of an octahedron."""
BONDED = 1.8
"""The atom that another one is bonded to is looked for up to this many sums of covalent radii."""
FEWEST, MOST = 4, 12
"""Corners of a polyhedron."""
FLAT = 1e-3
"""Triangles whose planes differ by less than this are one face."""


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """The anions around a cation.

    Attributes
    ----------
    centre : int
        Index of the cation.
    corners : tuple of int
        Indices of the anions, the nearest first.
    positions_A : ndarray, shape (corners, 3)
        Where they are around the cation (Å): the images next to it, which may lie outside of the cell.
    faces : tuple of tuple of int
        Corners of each face, as places in `corners`, in order around the face.
    """

    centre: int
    corners: tuple[int, ...]
    positions_A: Floats
    faces: tuple[tuple[int, ...], ...]


def polyhedra(atoms: Atoms, mobile: Collection[str] = ()) -> list[Polyhedron]:
    """Return the polyhedra around the cations of the framework.

    The corners are the anions before the largest relative gap in the sorted distances, which are in sums of covalent
    radii, as anions may differ. This needs no radius of an ion, and holds for atoms that vibrate: in close packing of
    anions the second shell is 1.7 times as far as the first. Voronoi cells with weights (pymatgen's CrystalNN) were
    not used: they are slow in cells of thousands of atoms.

    Parameters
    ----------
    atoms : ase.Atoms
        A periodic structure.
    mobile : collection of str
        Elements that have no polyhedra: the mobile ions.
    """
    anions = anion_elements(atoms)
    cations = set(atoms.get_chemical_symbols()) - anions - set(mobile)
    if not anions or not cations:
        return []
    reach_A = {(one, other): REACH * _bond(one, other) for one in cations for other in anions}
    centre, corner, shift = neighbour_list("ijD", atoms, reach_A)
    wanted = np.isin(atoms.get_chemical_symbols(), sorted(cations))[centre]
    centre, corner, shift = centre[wanted], corner[wanted], shift[wanted]
    found = (_around(atoms, i, corner[centre == i], shift[centre == i]) for i in np.unique(centre).tolist())
    return [one for one in found if one is not None]


def anion_elements(atoms: Atoms) -> set[str]:
    """Return the elements most of whose atoms are more electronegative than the atom they are bonded to.

    That is the nearest atom of another element, in sums of covalent radii. So P is a cation beside O or S, and Cl an
    anion beside In. Electronegativities are Pauling's (pymatgen).
    """
    symbols = atoms.get_chemical_symbols()
    reach_A = {(one, other): BONDED * _bond(one, other) for one, other in permutations(set(symbols), 2)}
    first, second, distance_A = neighbour_list("ijd", atoms, reach_A)
    nearest: dict[int, tuple[float, int]] = {}
    for i, j, length in zip(first.tolist(), second.tolist(), distance_A.tolist(), strict=True):
        nearest[i] = min(nearest.get(i, (np.inf, -1)), (length / _bond(symbols[i], symbols[j]), j))
    more = Counter(symbols[i] for i, (_, j) in nearest.items() if _pauling(symbols[i]) > _pauling(symbols[j]))
    all_of = Counter(symbols)
    return {symbol for symbol, number in more.items() if 2 * number > all_of[symbol]}


@cache
def _bond(one: str, other: str) -> float:
    """Return the sum of two covalent radii (Å)."""
    return float(sum(covalent_radii[chemical_symbols.index(symbol)] for symbol in (one, other)))


@cache
def _pauling(symbol: str) -> float:
    """Return the electronegativity, 0 where none is known."""
    from pymatgen.core.periodic_table import Element

    data = Element(symbol).data.get("X")
    return float(data) if isinstance(data, int | float) else 0.0


def corner_numbers(found: Iterable[Polyhedron], numbers: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return how many corners the polyhedra have, by the element of their centre; `numbers` are atomic numbers."""
    seen: dict[str, set[int]] = {}
    for one in found:
        seen.setdefault(chemical_symbols[numbers[one.centre]], set()).add(len(one.corners))
    return {symbol: tuple(sorted(corners)) for symbol, corners in seen.items()}


def _around(atoms: Atoms, centre: int, corners: NDArray[np.int_], shifts_A: Floats) -> Polyhedron | None:
    symbols = atoms.symbols
    bonds_A = [_bond(symbols[centre], symbols[corner]) for corner in corners.tolist()]
    lengths = np.linalg.norm(shifts_A, axis=1) / bonds_A
    order = np.argsort(lengths, kind="stable")
    number = first_shell(lengths[order])
    if number < FEWEST:
        return None
    kept = order[:number]
    positions_A = atoms.positions[centre] + shifts_A[kept]
    faces = hull_faces(positions_A)
    return Polyhedron(centre, tuple(corners[kept].tolist()), positions_A, faces) if faces else None


def first_shell(lengths: Floats) -> int:
    """Return how many sorted lengths, in sums of covalent radii, come before the largest relative gap up to `REACH`."""
    seen = np.append(lengths, REACH)[: MOST + 1]
    return int(np.argmax(seen[1:] / seen[:-1])) + 1 if len(lengths) else 0


def hull_faces(points_A: Floats) -> tuple[tuple[int, ...], ...]:
    """Return the faces of the convex hull of points (Å), each as places of its corners in order; none if it is flat."""
    try:
        hull = ConvexHull(points_A)
    except QhullError:
        return ()
    return tuple(_ordered(points_A, sorted(set(hull.simplices[own].ravel().tolist()))) for own in _planes(hull))


def _planes(hull: ConvexHull) -> Iterator[list[int]]:
    """Yield the triangles that lie in one plane."""
    left = list(range(len(hull.equations)))
    while left:
        own = [i for i in left if np.abs(hull.equations[i] - hull.equations[left[0]]).max() < FLAT]
        yield own
        left = [i for i in left if i not in own]


def _ordered(points_A: Floats, corners: list[int]) -> tuple[int, ...]:
    """Return the corners of a face in order around it."""
    around = points_A[corners] - points_A[corners].mean(axis=0)
    right = around[0] / np.linalg.norm(around[0])
    normal = np.cross(around[0], around[1])
    up = np.cross(normal / np.linalg.norm(normal), right)
    return tuple(corners[i] for i in np.argsort(np.arctan2(around @ up, around @ right)).tolist())
