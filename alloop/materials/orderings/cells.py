"""Cells in which all fractions of a disordered crystal are whole numbers of ions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from alloop.materials.orderings.crystal import Crystal, Occupancy, OrderingError, symmetry

MOST_SITES = 20_000
"""Sites of the largest cell that is ordered."""
_MOST_SHAPES = 250_000
_LARGEST_ADVISED = 500
_NEAR_WHOLE = 0.1
_FRACTION_TOLERANCE = 0.005
Matrix = NDArray[np.int_]


def primitive(crystal: Crystal) -> Crystal:
    """Return the primitive cell of a crystal with its occupancies; nothing is rotated or moved."""
    rotations, translations = symmetry(crystal.cell_A, crystal.scaled, crystal.kinds())
    pure = translations[(rotations == np.eye(3, dtype=int)).all(axis=(1, 2))]
    if len(pure) <= 1:
        return crystal
    cell_A = _shortest_basis(pure, crystal.cell_A)
    scaled = crystal.scaled @ crystal.cell_A @ np.linalg.inv(cell_A)
    keep = _distinct(scaled % 1.0, cell_A, crystal.kinds())
    return Crystal(
        cell_A=cell_A,
        scaled=scaled[keep] % 1.0,
        occupancies=tuple(crystal.occupancies[i] for i in keep),
        labels=tuple(crystal.labels[i] for i in keep),
        oxidation_states=crystal.oxidation_states,
    )


def supercell(crystal: Crystal, matrix: Matrix) -> Crystal:
    """Return a supercell.

    Parameters
    ----------
    crystal : Crystal
        The unit cell.
    matrix : ndarray of int, shape (3, 3)
        Vectors of the supercell as rows, in units of the cell's vectors.

    Raises
    ------
    OrderingError
        If the matrix has no volume, or the supercell has more than `MOST_SITES` sites.
    """
    times = round(float(np.linalg.det(matrix)))
    if times < 0:
        matrix, times = -matrix, -times
    if times == 0:
        raise OrderingError(("cell", "matrix"), "its rows are not independent; give three vectors that span a volume")
    if times * len(crystal.scaled) > MOST_SITES:
        what = f"makes {times * len(crystal.scaled)} sites, and at most {MOST_SITES} are ordered"
        raise OrderingError(("cell", "matrix"), f"{what}; give a smaller one")
    places = Atoms(np.ones(len(crystal.scaled)), scaled_positions=crystal.scaled, cell=crystal.cell_A, pbc=True)
    places.set_tags(np.arange(len(places)))
    many = make_supercell(places, matrix)
    order = np.argsort(many.get_tags(), kind="stable")
    sources = many.get_tags()[order]
    return Crystal(
        cell_A=np.asarray(many.cell.array, dtype=float),
        scaled=many.get_scaled_positions(wrap=True)[order],
        occupancies=tuple(crystal.occupancies[i] for i in sources),
        labels=tuple(crystal.labels[i] for i in sources),
        oxidation_states=crystal.oxidation_states,
    )


def cell_of_atoms(crystal: Crystal, atoms: int) -> Crystal:
    """Return the largest cell of up to so many atoms that makes all fractions whole, in its most cubic shape.

    Parameters
    ----------
    crystal : Crystal
        The disordered crystal, in any cell.
    atoms : int
        Most atoms, vacancies not counted.

    Raises
    ------
    OrderingError
        If there is no such cell.
    """
    unit = primitive(crystal)
    per_cell = sum(unit.composition().values())
    most = min(int((atoms + 0.5) / per_cell), MOST_SITES // len(unit.scaled))
    for times in range(most, 0, -1):
        if whole_in(unit, times):
            return supercell(unit, most_cubic(unit.cell_A, times))
    raise OrderingError(("cell", "atoms"), _impossible(unit, most, f"no cell of up to {atoms} atoms"))


def whole_counts(crystal: Crystal) -> dict[int, dict[str, int]]:
    """Return how many ions of every species the sites of each kind hold, by the number of the kind.

    Raises
    ------
    OrderingError
        If a fraction is not a whole number of ions in this cell.
    """
    if not whole_in(crystal, 1):
        raise OrderingError(("cell",), _impossible(crystal, 1, f"no cell of {len(crystal.scaled)} sites"))
    return {kind: _rounded(occupancy, sites) for kind, occupancy, sites in _kinds(crystal)}


def whole_in(crystal: Crystal, times: int) -> bool:
    """Return whether so many cells hold whole numbers of ions."""
    return all(_is_whole(share, times * sites) for _, site, sites in _kinds(crystal) for share in site.values())


def most_cubic(cell_A: NDArray[np.float64], times: int) -> Matrix:
    """Return the supercell of so many cells that is nearest to a cube: the least sum of its squared edges.

    Of all cells of one volume, a cube has the least sum of squared edges (inequality of the means, and Hadamard's).
    Every lattice of that index is tried, each in a reduced basis.

    Raises
    ------
    OrderingError
        If there are too many such lattices.
    """
    if _shapes(times) > _MOST_SHAPES:
        what = f"{times} primitive cells have {_shapes(times)} shapes, too many to try"
        raise OrderingError(("cell", "atoms"), f"{what}; write the supercell as `cell: {{matrix: …}}`")
    found = _reduced(np.array(list(_hermite_forms(times))), cell_A)
    score = (np.einsum("nij,jk->nik", found, cell_A) ** 2).sum(axis=(1, 2))
    best = found[int(np.argmin(np.round(score, 6)))]
    return np.asarray(best if np.linalg.det(best) > 0 else -best, dtype=int)


def _kinds(crystal: Crystal) -> Iterator[tuple[int, Occupancy, int]]:
    """Yield every kind of site with its occupancy and its number of sites."""
    kinds = crystal.kinds()
    for kind in range(kinds.max() + 1):
        sites = np.flatnonzero(kinds == kind)
        yield kind, crystal.occupancies[int(sites[0])], len(sites)


def _is_whole(share: float, sites: int) -> bool:
    off = abs(share * sites - round(share * sites))
    return off <= min(_NEAR_WHOLE, _FRACTION_TOLERANCE * sites) and (round(share * sites) > 0)


def _rounded(occupancy: Occupancy, sites: int) -> dict[str, int]:
    counts = {species: round(share * sites) for species, share in occupancy.items()}
    most = max(counts, key=lambda species: counts[species])
    counts[most] += sites - sum(counts.values())
    return counts


def _impossible(crystal: Crystal, times: int, cell: str) -> str:
    """Return which fraction is not whole in a cell, and the mend: a cell in which all are, or simpler fractions."""
    unit = primitive(crystal)
    per_cell = sum(unit.composition().values())
    enough = next((n for n in range(1, int(_LARGEST_ADVISED / per_cell) + 1) if whole_in(unit, n)), None)
    if times < 1:
        return f"{cell} is whole: the primitive cell has {per_cell:.4g}; write `cell: {{atoms: {math.ceil(per_cell)}}}`"
    label, species, share = next(_not_whole(crystal, times))
    what = f"{cell} holds {share:.4g} {species} on `{label}` as whole ions"
    if enough is not None:
        return f"{what}; write `cell: {{atoms: {math.ceil(enough * per_cell - 0.5)}}}`"
    return f"{what}; write a simple fraction, as in `substitute: {{{label}: {{{species}: {_simple(share)}}}}}`"


def _not_whole(crystal: Crystal, times: int) -> Iterator[tuple[str, str, float]]:
    """Yield label, species and share of every fraction that is not whole in so many cells."""
    kinds = crystal.kinds()
    for kind, site, sites in _kinds(crystal):
        for species, share in site.items():
            if not _is_whole(share, times * sites):
                yield crystal.labels[int(np.flatnonzero(kinds == kind)[0])], species, share


def _simple(share: float) -> str:
    return f"{round(share * 8) / 8 or 0.125:g}"


def _hermite_forms(times: int) -> Iterator[list[list[int]]]:
    """Yield one matrix for every sublattice of an index, its vectors as rows."""
    for a, d in product(_divisors(times), repeat=2):
        if times % (a * d) == 0:
            f = times // (a * d)
            for b, c, e in product(range(d), range(f), range(f)):
                yield [[a, b, c], [0, d, e], [0, 0, f]]


def _shapes(times: int) -> int:
    pairs = product(_divisors(times), repeat=2)
    return sum(d * (times // (a * d)) ** 2 for a, d in pairs if times % (a * d) == 0)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _reduced(matrices: Matrix, cell_A: NDArray[np.float64]) -> Matrix:
    """Return bases of the same lattices from which no vector can be taken off another to shorten it."""
    matrices = matrices.copy()
    for _ in range(100):
        before = matrices.copy()
        for i, j in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
            vectors = matrices @ cell_A
            parts = (vectors[:, i] * vectors[:, j]).sum(axis=1) / (vectors[:, j] ** 2).sum(axis=1)
            matrices[:, i] -= (
                np.rint(np.where(np.abs(parts) > 0.5 + 1e-9, parts, 0.0)).astype(int)[:, None] * matrices[:, j]
            )
        if (before == matrices).all():
            break
    return matrices


def _shortest_basis(pure: NDArray[np.float64], cell_A: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return three short vectors (Å) that span the lattice of pure translations (fractional)."""
    steps = np.array(list(product((-1, 0, 1), repeat=3)))
    vectors = (pure[:, None, :] + steps[None]).reshape(-1, 3) @ cell_A
    lengths = np.linalg.norm(vectors, axis=1)
    near = vectors[np.argsort(np.round(lengths, 6), kind="stable")]
    near = near[np.linalg.norm(near, axis=1) > 1e-3][:60]
    volume = abs(float(np.linalg.det(cell_A))) / len(pure)
    for triple in combinations(range(len(near)), 3):
        basis = near[list(triple)]
        if math.isclose(abs(float(np.linalg.det(basis))), volume, rel_tol=1e-3):
            return np.asarray(basis if np.linalg.det(basis) > 0 else -basis)
    return cell_A


def _distinct(scaled: NDArray[np.float64], cell_A: NDArray[np.float64], kinds: NDArray[np.int_]) -> list[int]:
    """Return the first of all sites that lie on each other."""
    nearby = cKDTree(scaled % 1.0, boxsize=1.0).query_ball_point(scaled % 1.0, r=0.05)
    keep = []
    for i, others in enumerate(nearby):
        away = scaled[[j for j in others if j < i and kinds[j] == kinds[i]]] - scaled[i]
        away -= np.rint(away)
        if not len(away) or np.linalg.norm(away @ cell_A, axis=1).min() > 0.1:
            keep.append(i)
    return keep
