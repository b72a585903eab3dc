"""Measure how unlike frames are, by distances between the environments of their atoms, element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Environments = Mapping[str, NDArray[np.floating]]
"""Of one frame, by element: features of the atoms of that element, shape (atoms, features)."""

_ROWS, _COLUMNS = 1024, 8192
_SAMPLE, _SEED = 2000, 0


def novelty_and_separation(
    candidates: Sequence[Environments],
    known: Sequence[Environments],
    units: Mapping[str, float] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how unlike candidates are to what is known, and to each other.

    The distance of an atom is the Euclidean one, in features, to the nearest atom of its element. That of a frame is
    the largest of its atoms, so that one strange ion in a familiar framework makes a strange frame.

    Parameters
    ----------
    candidates : sequence of Environments
        Frames that are asked about, n of them.
    known : sequence of Environments
        Labelled and ordered frames.
    units : mapping of str to float, optional
        By element: the distance that counts as 1; without, `typical_distances` of the known frames, or of all frames
        where fewer than two known ones have the element.

    Returns
    -------
    novelty : ndarray, shape (n,)
        Distance of each candidate to the known frames; infinite where none has an element of it.
    separation : ndarray, shape (n, n)
        Distance of candidate i to candidate j alone; infinite where j lacks an element of i, 0 on the diagonal.

    Frames with features that are not finite are infinitely far from all others, and not known.
    """
    n = len(candidates)
    novelty, separation = np.zeros(n), np.zeros((n, n))
    broken = [place for place, frame in enumerate(candidates) if not _finite(frame)]
    candidates = [frame if _finite(frame) else {} for frame in candidates]
    known = [frame for frame in known if _finite(frame)]
    usual = typical_distances(known)
    for element in sorted({element for frame in candidates for element in frame}):
        asked, seen = _Atoms.of(element, candidates), _Atoms.of(element, known)
        if units is not None:
            unit = units[element]
        else:
            unit = usual[element] if element in usual else _typical(_Atoms.of(element, [*known, *candidates]))
        _raise_to(novelty, asked.frame, _to_nearest(asked, seen) / unit)
        _separate(separation, asked, unit)
    novelty[broken], separation[broken] = np.inf, np.inf
    np.fill_diagonal(separation, 0.0)
    return novelty, separation


def farthest_points(separation: NDArray[np.float64], count: int, first: Sequence[int] = ()) -> list[int]:
    """Return frames far from each other: those given, then always the one farthest from all before.

    Parameters
    ----------
    separation : ndarray, shape (n, n)
        Distances of frames.
    count : int
        Frames wanted, those given included; all where there are fewer.
    first : sequence of int
        The first frames; without any, the most central one is the first.
    """
    distance = np.maximum(separation, separation.T)
    chosen = list(first) or [int(distance.mean(axis=1).argmin())]
    nearest = distance[chosen].min(axis=0)
    while len(chosen) < min(count, len(distance)):
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return chosen


def typical_distances(frames: Sequence[Environments]) -> dict[str, float]:
    """Return, by element, the median distance of an atom to the nearest of its element in another frame.

    Copies, at a distance of 0, do not count; an element without any other atom has a typical distance of 1.
    The median is over at most 2000 atoms of an element, always the same ones. Elements that fewer than two frames have
    are left out.
    """
    elements = sorted({element for frame in frames for element in frame})
    atoms = {element: _Atoms.of(element, frames) for element in elements}
    return {element: _typical(found) for element, found in atoms.items() if len(np.unique(found.frame)) > 1}


@dataclass(frozen=True, eq=False)
class _Atoms:
    """All atoms of an element: features, shape (atoms, features), and the place of their frames, ascending."""

    features: NDArray[np.floating]
    frame: NDArray[np.int_]

    @classmethod
    def of(cls, element: str, frames: Sequence[Environments]) -> _Atoms:
        having = [place for place, frame in enumerate(frames) if element in frame and len(frame[element])]
        if not having:
            return cls(np.empty((0, 0)), np.empty(0, dtype=np.int_))
        counts = [len(frames[place][element]) for place in having]
        return cls(np.concatenate([frames[place][element] for place in having]), np.repeat(having, counts))

    def __len__(self) -> int:
        return len(self.frame)


def _typical(atoms: _Atoms) -> float:
    rng = np.random.default_rng(_SEED)
    some = np.sort(rng.permutation(len(atoms))[:_SAMPLE])
    distances = _to_nearest(_Atoms(atoms.features[some], atoms.frame[some]), atoms, other_frames=True)
    distances = distances[np.isfinite(distances) & (distances > 0)]
    return float(np.median(distances)) if len(distances) else 1.0


def _to_nearest(asked: _Atoms, among: _Atoms, *, other_frames: bool = False) -> NDArray[np.float64]:
    """Return the distance of each atom to the nearest one; with `other_frames`, to the nearest one outside its frame.

    The nearest is searched for with products of matrices in single precision, and its distance computed anew.
    """
    nearest = np.full(len(asked), np.inf)
    if not len(among) or not len(asked):
        return nearest
    # Distances are differences of squares: what all atoms share would cost digits.
    middle = among.features[:: max(len(among) // _SAMPLE, 1)].mean(axis=0, dtype=np.float64)
    for start in range(0, len(among), _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        there = (among.features[columns] - middle).astype(np.float32)
        squares = np.einsum("ij,ij->i", there, there)
        for first in range(0, len(asked), _ROWS):
            rows = slice(first, first + _ROWS)
            here = (asked.features[rows] - middle).astype(np.float32)
            squared = squares - 2.0 * (here @ there.T)
            if other_frames:
                squared[asked.frame[rows, None] == among.frame[columns]] = np.inf
            best = squared.argmin(axis=1)
            found = among.features[columns][best].astype(np.float64) - asked.features[rows]
            length = np.linalg.norm(found, axis=1)
            if other_frames:
                length[asked.frame[rows] == among.frame[columns][best]] = np.inf
            nearest[rows] = np.minimum(nearest[rows], length)
    return nearest


def _separate(separation: NDArray[np.float64], atoms: _Atoms, unit: float) -> None:
    """Raise the separations of frames, shape (n, n), to what the atoms of one element say."""
    if not len(atoms):
        return
    there = atoms.features - atoms.features.mean(axis=0, dtype=np.float64)
    squares = np.einsum("ij,ij->i", there, there)
    having, begins = np.unique(atoms.frame, return_index=True)
    at_once = max(_ROWS * _COLUMNS // len(atoms), 1)
    for first in range(0, len(atoms), at_once):
        rows = slice(first, first + at_once)
        squared = squares[rows, None] + squares - 2.0 * (there[rows] @ there.T)
        nearest = np.minimum.reduceat(squared, begins, axis=1)
        to_each = np.full((len(nearest), len(separation)), np.inf)
        to_each[:, having] = np.sqrt(np.maximum(nearest, 0.0)) / unit
        _raise_to(separation, atoms.frame[rows], to_each)


def _raise_to(frames: NDArray[np.float64], frame: NDArray[np.int_], atoms: NDArray[np.float64]) -> None:
    """Raise the values of frames to the largest of their atoms."""
    having, begins = np.unique(frame, return_index=True)
    if len(having):
        frames[having] = np.maximum(frames[having], np.maximum.reduceat(atoms, begins, axis=0))


def _finite(frame: Environments) -> bool:
    return all(bool(np.isfinite(features).all()) for features in frame.values())
