"""All orderings of a small cell, one for each class that symmetry joins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from alloop.materials.orderings.crystal import OrderingError, symmetry
from alloop.materials.orderings.lattice import Configuration, OrderingLattice, Sublattice

MOST_ORDERINGS = 50_000
"""Orderings of the largest cell that is enumerated."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Orderings that no symmetry of the disordered crystal joins.

    Attributes
    ----------
    configurations : ndarray of int8, shape (classes, mixed sites)
        One ordering of each.
    multiplicities : ndarray of int, shape (classes,)
        Orderings in each; they sum to all orderings.
    """

    configurations: NDArray[np.int8]
    multiplicities: NDArray[np.int_]


def enumerated(lattice: OrderingLattice) -> Classes:
    """Return all orderings up to symmetry.

    Raises
    ------
    OrderingError
        If there are more than `MOST_ORDERINGS`.
    """
    many = lattice.orderings()
    if many > MOST_ORDERINGS:
        what = f"{_shown(many)} orderings are too many to enumerate ({MOST_ORDERINGS} at most)"
        raise OrderingError(("orderings", "method"), f"{what}; write `method: monte_carlo`, or a smaller cell")
    configurations = _all(lattice)
    names = _canonical(configurations, permutations(lattice))
    _, first, counts = np.unique(names, return_index=True, return_counts=True)
    order = np.argsort(first)
    return Classes(configurations[first[order]], counts[order])


def permutations(lattice: OrderingLattice) -> NDArray[np.int_]:
    """Return where every symmetry of the disordered cell moves the mixed sites, shape (operations, mixed sites)."""
    mixed = lattice.mixed
    if not len(mixed):
        return np.zeros((1, 0), dtype=int)
    rotations, translations = symmetry(lattice.cell_A, lattice.scaled, lattice.kinds)
    places = lattice.scaled[mixed] % 1.0 % 1.0
    tree = cKDTree(places, boxsize=1.0)
    operations = zip(rotations, translations, strict=True)
    images = [(places @ rotation.T + translation) % 1.0 % 1.0 for rotation, translation in operations]
    moved = np.array([tree.query(image)[1] for image in images], dtype=int)
    return np.unique(moved[[len(set(row)) == len(row) for row in moved.tolist()]], axis=0)


def _all(lattice: OrderingLattice) -> NDArray[np.int8]:
    result = np.zeros((1, len(lattice.mixed)), dtype=np.int8)
    for sublattice in lattice.sublattices:
        own = np.array(list(_of(sublattice)), dtype=np.int8)
        result = np.repeat(result, len(own), axis=0)
        result[:, sublattice.members] = np.tile(own, (len(result) // len(own), 1))
    return result


def _of(sublattice: Sublattice) -> Iterator[Configuration]:
    """Yield every way to put the ions of a sublattice on its sites."""
    (first, _), *others = sublattice.counts.items()
    start = np.full(len(sublattice.members), first, dtype=np.int8)
    yield from _placed(start, first, others)


def _placed(start: Configuration, filler: int, others: list[tuple[int, int]]) -> Iterator[Configuration]:
    if not others:
        yield start
        return
    (species, count), *rest = others
    for chosen in combinations(np.flatnonzero(start == filler).tolist(), count):
        placed = start.copy()
        placed[list(chosen)] = species
        yield from _placed(placed, filler, rest)


def _canonical(configurations: NDArray[np.int8], moves: NDArray[np.int_]) -> NDArray[np.uint64]:
    """Return a number for every ordering, equal for those that a symmetry joins.

    It is the least of the hashes of all images; two of 64 bits are alike by chance once in 10⁹ cells of that size.
    """
    sites = configurations.shape[1]
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 2**64, size=(sites, int(configurations.max(initial=0)) + 1), dtype=np.uint64)
    least = np.full(len(configurations), np.iinfo(np.uint64).max, dtype=np.uint64)
    columns = np.arange(sites)
    for move in moves:
        image = marks[columns, configurations[:, move]] if sites else np.zeros((len(configurations), 0), np.uint64)
        least = np.minimum(least, image.sum(axis=1, dtype=np.uint64))
    return least


def _shown(number: int) -> str:
    return str(number) if number < 10**9 else f"more than 10^{len(str(number)) - 1}"
