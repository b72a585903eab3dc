"""The default selection: frames with large expected errors that are unlike all labelled frames."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from policies.selection.contract import Candidates, Choice, Selection, Window
from policies.selection.eligibility import classify, errors_by_element, places, rejections
from policies.selection.quotas import asked
from policies.selection.sampling import draw_evenly, shuffled

_FARTHEST = 1e6
"""Typical distances beyond which farther is not better: infinite where nothing like it is known."""


class DisagreementSelection:
    """Frames that are wrong for their element and unlike what is labelled, balanced over compositions.

    A frame is eligible if the expected error of some element is inside the window, and none above it. A ``last_good``
    frame lies at the wall that the potential has yet to learn, and is eligible above the window too; its errors count
    as the window's upper end. Without expected errors the disagreement takes their place.

    The score of a frame is the largest, over elements, of its expected error divided by the median of that element
    over the eligible frames: a loud framework does not outvote a hopping ion, nor does a quiet one hide it. The
    composition with the fewest chosen frames goes next. Of its `shortlist` best scores that one is chosen which has
    the largest

        score^(1 − diversity) · distance^diversity

    with the distance, in typical distances, to all that is labelled and already chosen; ties go by id. A frame closer
    than `duplicate` to either is not chosen.

    Where the window gives too few frames, the rest are drawn at random from the frames offered blind that are known,
    and those that no committee looked at.

    Reasons of choice: ``disagreement``, ``last_good``, ``fill``. Reasons of rejection: ``known`` (below the window),
    ``beyond`` (above it), ``nonfinite`` (the committee looked and gave no number), ``duplicate`` (nearly the same as a
    labelled or chosen frame), ``walker_quota`` (its walker gave its share) and ``not_needed`` (no committee looked, and
    there was better). Eligible frames that were not reached wait.

    Parameters
    ----------
    shortlist : float
        Length of the list of best scores of a composition, in multiples of its equal share of the frames wanted; at
        least 1.
    diversity : float
        0 for the best score alone, 1 for the farthest frame of the list.
    duplicate : float
        Closest that a chosen frame may be to a labelled or chosen one, in typical distances.

    Raises
    ------
    ValueError
        If an option is out of its range.
    """

    def __init__(self, shortlist: float = 3.0, diversity: float = 0.5, duplicate: float = 0.1) -> None:
        if not 1 <= shortlist < math.inf:
            raise ValueError(f"shortlist must be a number of at least 1, got {shortlist}")
        if not 0 <= diversity <= 1:
            raise ValueError(f"diversity must be between 0 and 1, got {diversity}")
        if not 0 <= duplicate < math.inf:
            raise ValueError(f"duplicate must be a number of at least 0, got {duplicate}")
        self.shortlist, self.diversity, self.duplicate = shortlist, diversity, duplicate

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label; see `SelectionPolicy.select`."""
        if not asked(count, per_walker):
            return Selection()
        kinds = classify(candidates, window, self.duplicate)
        score = scores(candidates, kinds.in_window, window)
        picked = self._wanted(candidates, score, places(kinds.in_window), count, per_walker)
        rng = np.random.default_rng(seed)
        others = self._apart(candidates, shuffled(candidates, places(kinds.fill), rng), picked)
        drawn = draw_evenly(candidates, others, count - len(picked), per_walker, rng, already=picked)
        chosen = [(i, "last_good" if candidates.why[i] == "last_good" else "disagreement", 1.0) for i in picked]
        chosen += [(index, "fill", probability) for index, probability in drawn]
        taken = [index for index, _, _ in chosen]
        twins = [] if candidates.separation is None else places(self._near(candidates.separation, taken))
        return Selection(
            tuple(Choice(index, rank, why, chance) for rank, (index, why, chance) in enumerate(chosen, start=1)),
            rejections(candidates, kinds, taken, per_walker, twins),
        )

    def _wanted(
        self, candidates: Candidates, score: NDArray[np.float64], eligible: Sequence[int], count: int, per_walker: int
    ) -> list[int]:
        """Return up to `count` eligible frames, the most wanted first."""
        queues = _queues(candidates, score, eligible)
        share = math.ceil(self.shortlist * math.ceil(count / max(len(queues), 1)))
        walker = np.array(candidates.walker, dtype=np.str_)
        free = np.ones(len(candidates), dtype=np.bool_)
        distance = np.full(len(candidates), np.inf) if candidates.novelty is None else candidates.novelty.copy()
        taken: Counter[str] = Counter()
        picked: list[int] = []
        while len(picked) < count:
            queues = {name: left for name, queue in queues.items() if len(left := queue[free[queue]])}
            if not queues:
                break
            name = min(queues, key=lambda name: (taken[name], -score[queues[name][0]], candidates.ids[queues[name][0]]))
            short = queues[name][: max(share - taken[name], 1)]
            index = int(short[np.argmax(self._merit(score[short], distance[short]))])
            picked.append(index)
            taken[name] += 1
            free[index] = False
            if sum(candidates.walker[i] == candidates.walker[index] for i in picked) >= per_walker:
                free &= walker != candidates.walker[index]
            if candidates.separation is not None:
                free &= candidates.separation[:, index] >= self.duplicate
                distance = np.minimum(distance, candidates.separation[:, index])
        return picked

    def _merit(self, score: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
        far = np.minimum(np.nan_to_num(distance, nan=_FARTHEST), _FARTHEST)
        merit: NDArray[np.float64] = score ** (1 - self.diversity) * far**self.diversity
        return merit

    def _apart(self, candidates: Candidates, order: Sequence[int], picked: Sequence[int]) -> list[int]:
        """Return, in their order, frames that are not nearly the same as another of them or as a picked one."""
        if candidates.separation is None:
            return list(order)
        kept: list[int] = []
        for index in order:
            if not self._near(candidates.separation[[index]], [*picked, *kept]).any():
                kept.append(index)
        return kept

    def _near(self, separation: NDArray[np.float64], frames: Iterable[int]) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = np.logical_or.reduce(separation[:, list(frames)] < self.duplicate, axis=1)
        return near


def scores(candidates: Candidates, eligible: NDArray[np.bool_], window: Window) -> NDArray[np.float64]:
    """Return the largest expected error of each frame over elements, in units of what is typical of the element.

    Parameters
    ----------
    candidates : Candidates
        Frames on offer.
    eligible : ndarray of bool, shape (n,)
        Frames among which an element's typical error is the median.
    window : Window
        Whose upper end no error counts beyond.

    Returns
    -------
    ndarray, shape (n,)
        Scores; 0 where a frame is not eligible.
    """
    # How far a wall lies beyond the window says little, so walls rank together at its upper end.
    errors = np.minimum(errors_by_element(candidates)[eligible], window.upper_eV_per_A)
    score = np.zeros(len(candidates))
    if len(errors):
        present = ~np.isnan(errors)
        typical = np.array(
            [
                np.median(column[there]) if there.any() else 1.0
                for column, there in zip(errors.T, present.T, strict=True)
            ]
        )
        relative = errors / np.where(typical > 0, typical, 1.0)
        score[eligible] = np.where(present, relative, 0.0).max(axis=1)
    return score


def _queues(candidates: Candidates, score: NDArray[np.float64], eligible: Sequence[int]) -> dict[str, NDArray[np.int_]]:
    """Return the eligible frames of each composition, the best score first, ties by id."""
    queues: dict[str, list[int]] = {}
    for index in sorted(eligible, key=lambda index: (-score[index], candidates.ids[index])):
        queues.setdefault(candidates.composition[index], []).append(index)
    return {name: np.array(queue, dtype=np.int_) for name, queue in queues.items()}
