"""Pairs of atoms: distribution functions, coordination numbers and shortest contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SMOOTH_A = 0.1


@dataclass(frozen=True, eq=False)
class PairFunction:
    """What is known of one pair of elements, or of one with itself.

    Attributes
    ----------
    centres_A : ndarray, shape (bins,)
        Middles of the bins (Å).
    g_r : ndarray, shape (bins,)
        Density of the one about the other, over their mean density.
    first_minimum_A : float or None
        Where g(r) is lowest behind its first peak (Å); None without a peak.
    coordination : (float, float) or None
        Mean number of atoms of the second element about one of the first up to there, and the other way round.
    """

    centres_A: Floats
    g_r: Floats
    first_minimum_A: float | None
    coordination: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """Pairs in a series of snapshots, by names such as ``Cl-Li``.

    Attributes
    ----------
    functions : dict of PairFunction
        Averages over the snapshots.
    shortest_A : dict of ndarray, shape (snapshots,)
        Shortest distance in each snapshot (Å); infinite where none is within reach.
    """

    functions: dict[str, PairFunction]
    shortest_A: dict[str, Floats]


def pair_statistics(
    snapshots: Iterable[tuple[Floats, Floats]], numbers: NDArray[np.int_], reach_A: float, bin_A: float
) -> PairStatistics:
    """Return what periodic snapshots say of each pair of elements.

    Every image within reach counts, beyond half of the cell too, except an atom's own images; pairs of one element are
    therefore normalised with N - 1, and g(r) tends to 1.

    Parameters
    ----------
    snapshots : iterable of (positions_A, cell_A)
        Positions, shape (atoms, 3), and lattice vectors, one per row (Å).
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    reach_A, bin_A : float
        Longest distance, and width of a bin (Å).
    """
    bins = max(1, round(reach_A / bin_A))
    edges = np.linspace(0.0, reach_A, bins + 1)
    found, kinds = np.unique(numbers, return_inverse=True)
    pairs = list(combinations_with_replacement(range(len(found)), 2))
    counts = np.zeros((len(found), len(found), bins))
    shortest: dict[tuple[int, int], list[float]] = {pair: [] for pair in pairs}
    density = 0.0
    for taken, (positions_A, cell_A) in enumerate(snapshots, start=1):
        i, j, distances_A = _neighbours(positions_A, cell_A, reach_A)
        one, other = kinds[i], kinds[j]
        bin_of = np.minimum((distances_A / reach_A * bins).astype(int), bins - 1)
        code = (one * len(found) + other) * bins + bin_of
        counts += np.bincount(code, minlength=counts.size).reshape(counts.shape)
        for a, b in pairs:
            between = distances_A[(one == a) & (other == b)]
            shortest[a, b].append(float(between.min()) if len(between) else np.inf)
        density += (1.0 / abs(np.linalg.det(cell_A)) - density) / taken
    taken = len(shortest[pairs[0]]) if pairs else 0
    functions, by_name = {}, {}
    for a, b in pairs:
        atoms = (int(np.sum(kinds == a)), int(np.sum(kinds == b)))
        name, swapped = _name(int(found[a]), int(found[b]))
        by_name[name] = np.array(shortest[a, b])
        ordered_pairs = atoms[0] * (atoms[1] - (a == b))
        if taken and ordered_pairs:
            both = atoms[::-1] if swapped else atoms
            functions[name] = _function(counts[a, b] / taken, both, ordered_pairs * density, edges)
    return PairStatistics(functions, by_name)


def closest(shortest_A: dict[str, Floats]) -> tuple[str, float, float] | None:
    """Return the pair that ever came closest for its size: its name, distance (Å), and that over its covalent radii."""
    ratios = [(name, float(d.min()), float(d.min()) / _radii(name)) for name, d in shortest_A.items() if d.size]
    return min(ratios, key=lambda known: known[2], default=None)


def split(name: str) -> tuple[str, str]:
    """Return the two elements of a pair's name."""
    one, other = name.split("-")
    return one, other


def _radii(name: str) -> float:
    return float(sum(covalent_radii[chemical_symbols.index(symbol)] for symbol in split(name)))


def _name(one: int, other: int) -> tuple[str, bool]:
    symbols = [chemical_symbols[one], chemical_symbols[other]]
    return "-".join(sorted(symbols)), symbols[0] > symbols[1]


def _neighbours(
    positions_A: Floats, cell_A: Floats, reach_A: float
) -> tuple[NDArray[np.int_], NDArray[np.int_], Floats]:
    fractional = positions_A @ np.linalg.inv(cell_A)
    i, j, distances_A = neighbour_list(
        "ijd", positions=(fractional % 1.0) @ cell_A, cell=cell_A, pbc=[True] * 3, cutoff=reach_A
    )
    others = i != j
    return i[others], j[others], distances_A[others]


def _function(ordered: Floats, atoms: tuple[int, int], pairs_per_A3: float, edges: Floats) -> PairFunction:
    shells_A3 = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    g_r = ordered / (pairs_per_A3 * shells_A3)
    minimum = _first_minimum(g_r, float(edges[1] - edges[0]))
    centres = (edges[1:] + edges[:-1]) / 2
    if minimum is None:
        return PairFunction(centres, g_r, None, None)
    within = float(ordered[: minimum + 1].sum())
    return PairFunction(centres, g_r, float(centres[minimum]), (within / atoms[0], within / atoms[1]))


def _first_minimum(g_r: Floats, bin_A: float) -> int | None:
    """Return the bin of the lowest point between the first peak above 1 and the next, of a smoothed curve."""
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(g_r, _SMOOTH_A / bin_A)
    peaks = [k for k in _peaks(smooth) if smooth[k] > 1.0]
    if not peaks:
        return None
    rest = smooth[peaks[0] :]
    for step in range(1, len(rest)):
        # A rise to halfway up again ends the valley.
        if rest[step] > (lowest := float(rest[:step].min())) + 0.5 * max(1.0 - lowest, 0.0) and lowest < 1.0:
            return peaks[0] + int(rest[:step].argmin())
    return peaks[0] + int(rest.argmin()) if rest.min() < 1.0 else None


def _peaks(curve: Floats) -> Iterator[int]:
    for k in range(1, len(curve) - 1):
        if curve[k - 1] < curve[k] >= curve[k + 1]:
            yield k
