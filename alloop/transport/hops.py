"""Jumps of ions between sites: counts, rates and how often they are undone, with errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alloop.transport.density import Floats, Paths, standard_lattice
from alloop.transport.results import Measured, Record

Kind = Literal["host", "interstitial"]
Integers = NDArray[np.int_]

KINDS: tuple[Kind, Kind] = ("host", "interstitial")
RULE_OF_THREE = 3.0
"""Expected count that gives no event at all with a probability of 5 %: -ln 0.05."""

_BLOCKS = 5
_MOST_PAIRS = 20


class JumpCount(Record):
    """Jumps from sites of one kind to sites of another, or to others of the same kind.

    Attributes
    ----------
    start, end : str
        Kinds of the sites.
    jumps : int
        Jumps that were seen.
    rate_per_ps : Measured or None
        Jumps per ps that an ion belongs to a site of the kind `start`. The error is that of a Poisson count, the square
        root of the count, or that by the scatter of five blocks of each run, which sees jumps that depend on each
        other, where it is larger. None where nothing was there to jump, or nothing did.
    below_per_ps : float or None
        Where no jump was seen: the rate that is excluded at 95 % (1/ps).
    distance_A : float or None
        Mean distance between the two sites (Å).
    """

    start: Kind
    end: Kind
    jumps: int
    rate_per_ps: Measured | None = None
    below_per_ps: float | None = None
    distance_A: float | None = None


class SitePair(Record):
    """Jumps between two sites, in both directions.

    Attributes
    ----------
    sites : (int, int)
        Their places in the list of sites.
    there, back : int
        Jumps from the first to the second, and from the second to the first.
    distance_A : float
        Between the two (Å).
    """

    sites: tuple[int, int]
    there: int
    back: int
    distance_A: float


@dataclass(frozen=True, eq=False)
class Places:
    """Scaled coordinates of sites in the simulated cell, shape (sites, 3); the first `hosts` are host sites."""

    scaled: Floats
    hosts: int

    def kind(self, index: int) -> Kind:
        """Return the kind of a site."""
        return "host" if index < self.hosts else "interstitial"


@dataclass(frozen=True, eq=False)
class Hops:
    """Jumps of all runs, by block of time.

    Attributes
    ----------
    places : Places
        The sites.
    cell_A : ndarray, shape (3, 3)
        The simulated cell (Å).
    moves : tuple of ndarray, shape (jumps, 2)
        Sites that jumps left and reached, one array per block.
    at_ps : ndarray, shape (blocks, sites)
        Time that ions belonged to each site (ps).
    returns : (int, int)
        Jumps that the same ion's next one undoes, and jumps that have a next one.
    """

    places: Places
    cell_A: Floats
    moves: tuple[Integers, ...]
    at_ps: Floats
    returns: tuple[int, int]

    @classmethod
    def of(cls, belongs: Sequence[Integers], places: Places, paths: Paths) -> Hops:
        """Return the jumps of runs from the last site that each ion was on, arrays of shape (samples, ions)."""
        moves, at_ps, undone, followed = [], [], 0, 0
        for run in belongs:
            for steps in np.array_split(np.arange(len(run) - 1), min(_BLOCKS, max(1, len(run) - 1))):
                before, after = run[steps], run[steps + 1]
                changed = (before != after) & (before >= 0) & (after >= 0)
                moves.append(np.stack([before[changed], after[changed]], axis=1))
                # The last sample is the end of an interval, not a start.
                at_ps.append(np.bincount(before[before >= 0], minlength=len(places.scaled)))
            for ion in run.T:
                visited = ion[ion >= 0]
                order = visited[np.r_[True, visited[1:] != visited[:-1]]] if len(visited) else visited
                undone += int(np.sum(order[2:] == order[:-2]))
                followed += max(len(order) - 2, 0)
        times = np.array(at_ps, dtype=float) * paths.interval_fs / 1000.0
        return cls(places, paths.cell_A, tuple(moves), times, (undone, followed))

    def between_kinds(self) -> tuple[JumpCount, ...]:
        """Return the jumps between kinds of sites."""
        there = KINDS[:1] if self.places.hosts == len(self.places.scaled) else KINDS
        return tuple(self._count(start, end) for start in there for end in there)

    def of_all(self) -> Measured | None:
        """Return all jumps per ion and ps."""
        return _rate(np.array([len(block) for block in self.moves]), self.at_ps.sum(axis=1))

    def undone(self) -> Measured | None:
        """Return the share of jumps that the next jump of the same ion undoes."""
        undone, followed = self.returns
        if not followed:
            return None
        share = undone / followed
        return Measured(value=share, se=math.sqrt(share * (1 - share) / followed))

    def most_taken(self) -> tuple[SitePair, ...]:
        """Return the pairs of sites with the most jumps."""
        counts = Counter((int(a), int(b)) for block in self.moves for a, b in block)
        pairs = Counter({(a, b): counts[a, b] + counts[b, a] for a, b in {(min(p), max(p)) for p in counts}})
        taken = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:_MOST_PAIRS]
        return tuple(
            SitePair(sites=(a, b), there=counts[a, b], back=counts[b, a], distance_A=self._apart(a, b))
            for a, b in taken
        )

    def _count(self, start: Kind, end: Kind) -> JumpCount:
        own = [np.array([pair for pair in block if self._kinds(pair) == (start, end)]) for block in self.moves]
        from_start = [index for index in range(len(self.places.scaled)) if self.places.kind(index) == start]
        exposure_ps = self.at_ps[:, from_start].sum(axis=1)
        total = sum(map(len, own))
        taken = Counter((int(a), int(b)) for block in own for a, b in block)
        length_A = sum(times * self._apart(a, b) for (a, b), times in taken.items())
        return JumpCount(
            start=start,
            end=end,
            jumps=total,
            rate_per_ps=_rate(np.array([len(block) for block in own]), exposure_ps) if total else None,
            below_per_ps=RULE_OF_THREE / exposure_ps.sum() if not total and exposure_ps.sum() > 0 else None,
            distance_A=length_A / total if total else None,
        )

    def _kinds(self, pair: Integers) -> tuple[Kind, Kind]:
        return self.places.kind(int(pair[0])), self.places.kind(int(pair[1]))

    def _apart(self, a: int, b: int) -> float:
        lattice = standard_lattice(self.cell_A)
        return float(lattice.get_all_distances(self.places.scaled[a], self.places.scaled[b])[0, 0])


def _rate(counts: Integers, exposures_ps: Floats) -> Measured | None:
    """Return a rate (1/ps) with the larger of the errors of a Poisson count and of the scatter between blocks."""
    total, exposure_ps = int(counts.sum()), float(exposures_ps.sum())
    if exposure_ps <= 0:
        return None
    rate = total / exposure_ps
    if not total:
        return Measured(value=rate)
    blocks = len(counts)
    variance = float(np.sum((counts - rate * exposures_ps) ** 2)) * blocks / max(blocks - 1, 1)
    return Measured(value=rate, se=math.sqrt(max(total, variance)) / exposure_ps)
