"""Draw frames at random with known probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policies.selection.contract import Candidates
from policies.selection.quotas import balanced

_DECIMALS = 9


def shares(total: float, caps: ArrayLike, rates: ArrayLike = 1.0, start: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Divide a total: part g grows from 0 at a level of start_g, at a rate of its own, until it meets its cap.

    Parameters
    ----------
    total : float
        What is divided; no more than the caps hold together is.
    caps : array_like, shape (n,)
        Largest parts.
    rates : array_like, shape (n,)
        How fast each grows, > 0.
    start : array_like, shape (n,)
        The common level at which each begins.

    Returns
    -------
    ndarray, shape (n,)
        The parts.

    Examples
    --------
    >>> shares(3, caps=[1, 1, 1, 1], rates=[5, 1, 1, 2])  # inclusion probabilities proportional to 5, 1, 1, 2
    array([1. , 0.5, 0.5, 1. ])
    >>> shares(4, caps=[9, 9], start=[3, 0])  # what makes them as equal as can be
    array([0.5, 3.5])
    """
    largest = np.asarray(caps, dtype=np.float64)
    pace, first = np.broadcast_to(rates, largest.shape), np.broadcast_to(start, largest.shape)
    if total >= largest.sum():
        return largest.copy()
    levels = np.unique(np.concatenate([first, first + largest / pace]))
    sums = [np.clip(pace * (level - first), 0.0, largest).sum() for level in levels]
    parts: NDArray[np.float64] = np.clip(pace * (np.interp(total, sums, levels) - first), 0.0, largest)
    return parts


def systematic(probabilities: ArrayLike, rng: np.random.Generator) -> list[int]:
    """Draw places with given probabilities, each at most once.

    Systematic sampling (Madow, *Ann. Math. Stat.* 20, 333 (1949)): on a line on which every place takes a stretch as
    long as its probability, points at distances of 1 are laid from a random start. Neighbours whose probabilities sum
    to s are drawn s times, rounded up or down.

    Parameters
    ----------
    probabilities : array_like, shape (n,)
        Probability of each place, at most 1; they sum to a whole number.
    rng : numpy.random.Generator
        Where the start is drawn.
    """
    ends = np.round(np.cumsum(np.asarray(probabilities, dtype=np.float64)), _DECIMALS)
    if not ends.size:
        return []
    points = min(rng.random(), 1 - 10.0**-_DECIMALS) + np.arange(round(float(ends[-1])))
    return [int(place) for place in np.searchsorted(ends, points, side="right")]


def shuffled(candidates: Candidates, places: Iterable[int], rng: np.random.Generator) -> list[int]:
    """Return places in a random order that depends on the names of the frames alone."""
    ordered = sorted(places, key=lambda index: candidates.ids[index])
    return [ordered[draw] for draw in rng.permutation(len(ordered))]


def grouped(candidates: Candidates, places: Iterable[int]) -> dict[str, dict[str, list[int]]]:
    """Return places by composition and walker, in the order in which they come."""
    groups: dict[str, dict[str, list[int]]] = {}
    for index in places:
        groups.setdefault(candidates.composition[index], {}).setdefault(candidates.walker[index], []).append(index)
    return groups


def draw_evenly(
    candidates: Candidates,
    places: Iterable[int],
    count: int,
    per_walker: int,
    rng: np.random.Generator,
    already: Sequence[int] = (),
) -> list[tuple[int, float]]:
    """Draw frames at random, as many of each composition as can be, and no more of a walker than it may give.

    Frames of one walker are equally likely. Where the caps of walkers do not bind, so are those of a composition.

    Parameters
    ----------
    candidates : Candidates
        Frames on offer.
    places : iterable of int
        Those that may be drawn.
    count : int
        How many are wanted.
    per_walker : int
        Frames of one walker at most.
    rng : numpy.random.Generator
        Where chance comes from.
    already : sequence of int
        Frames chosen before, which count for balance and caps.

    Returns
    -------
    list of (int, float)
        Place of each drawn frame and the probability with which it was drawn, the compositions in turn.
    """
    groups = grouped(candidates, shuffled(candidates, places, rng))
    of_composition = Counter(candidates.composition[index] for index in already)
    of_walker = Counter(candidates.walker[index] for index in already)
    caps = [
        [min(len(frames), max(per_walker - of_walker[name], 0)) for name, frames in walkers.items()]
        for walkers in groups.values()
    ]
    parts = shares(count, [sum(cap) for cap in caps], start=[of_composition[name] for name in groups])
    probability: dict[int, float] = {}
    for walkers, cap, part in zip(groups.values(), caps, parts, strict=True):
        sizes = [len(frames) for frames in walkers.values()]
        for frames, share in zip(walkers.values(), shares(float(part), cap, rates=sizes), strict=True):
            probability |= dict.fromkeys(frames, float(share) / len(frames))
    order = list(probability)
    drawn = [order[place] for place in systematic(list(probability.values()), rng)]
    picked = balanced(shuffled(candidates, drawn, rng), candidates, count, per_walker, already)
    return [(index, probability[index]) for index in picked]
