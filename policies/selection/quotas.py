"""Balance ranked frames over compositions, and limit the frames of each walker."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from policies.selection.contract import Candidates


def balanced(
    ranked: Sequence[int],
    candidates: Candidates,
    count: int,
    per_walker: int,
    already: Sequence[int] = (),
    strata: Sequence[int] | None = None,
) -> list[int]:
    """Take up to `count` of the ranked frames: next the stratum, then the composition, with the fewest.

    Parameters
    ----------
    ranked : sequence of int
        Places of the frames that may be taken, the best first.
    candidates : Candidates
        Frames on offer.
    count : int
        How many are wanted.
    per_walker : int
        Frames of one walker at most.
    already : sequence of int
        Frames chosen before, which count for balance and caps.
    strata : sequence of int, optional
        Stratum of each ranked frame; without, they are all in one.
    """
    queues: dict[tuple[int, str], deque[tuple[int, int]]] = {}
    for rank, index in enumerate(ranked):
        cell = (0 if strata is None else strata[rank], candidates.composition[index])
        queues.setdefault(cell, deque()).append((rank, index))
    of_stratum: Counter[int] = Counter()
    of_composition = Counter(candidates.composition[index] for index in already)
    of_walker = Counter(candidates.walker[index] for index in already)
    picked: list[int] = []
    while len(picked) < count:
        for queue in queues.values():
            while queue and of_walker[candidates.walker[queue[0][1]]] >= per_walker:
                queue.popleft()
        cells = [cell for cell, queue in queues.items() if queue]
        if not cells:
            break
        stratum, composition = min(cells, key=lambda c: (of_stratum[c[0]], of_composition[c[1]], queues[c][0][0]))
        _, index = queues[stratum, composition].popleft()
        picked.append(index)
        of_stratum[stratum] += 1
        of_composition[composition] += 1
        of_walker[candidates.walker[index]] += 1
    return picked


def over_quota(candidates: Candidates, places: Iterable[int], picked: Sequence[int], per_walker: int) -> dict[int, str]:
    """Return the rejections of those frames whose walker gave its share."""
    of_walker = Counter(candidates.walker[index] for index in picked)
    return {index: "walker_quota" for index in places if of_walker[candidates.walker[index]] >= per_walker}


def asked(count: int, per_walker: int) -> bool:
    """Return whether any frame is wanted.

    Raises
    ------
    ValueError
        If `count` is negative or `per_walker` is not at least 1.
    """
    if count < 0 or per_walker < 1:
        raise ValueError(f"selection: need count >= 0 and per_walker >= 1, got {count} and {per_walker}")
    return count > 0
