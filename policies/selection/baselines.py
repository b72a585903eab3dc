"""Baseline selections that every other must beat: random, and uniform over expected errors."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from policies.selection.contract import OFFERED_BLIND, Candidates, Choice, Selection, Window
from policies.selection.eligibility import classify, largest_errors, places, rejections
from policies.selection.quotas import asked, balanced, over_quota
from policies.selection.sampling import draw_evenly, shuffled


class RandomSelection:
    """Frames drawn at random from those offered blind.

    It never reads errors or novelty. Frames offered because of disagreement or of a wall are rejected as
    ``not_random``, for drawing among them would not be chance. Count, cap per walker and balance over compositions
    are those of the other policies. Frames that were not reached wait.
    """

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label; see `SelectionPolicy.select`."""
        if not asked(count, per_walker):
            return Selection()
        blind = np.isin(np.array(candidates.why, dtype=np.str_), OFFERED_BLIND)
        drawn = draw_evenly(candidates, places(blind), count, per_walker, np.random.default_rng(seed))
        picked = [index for index, _ in drawn]
        rejected = dict.fromkeys(places(~blind), "not_random")
        rejected |= over_quota(candidates, set(places(blind)) - set(picked), picked, per_walker)
        chosen = tuple(Choice(index, rank, "random", chance) for rank, (index, chance) in enumerate(drawn, start=1))
        return Selection(chosen, rejected)


class UniformSelection:
    """Equal numbers from equally wide bins of expected error, so that neither the many mild frames nor the few bad win.

    The largest expected error of a frame decides its bin. The bins divide the window, or if it has no upper end, what
    there is of it. The bin with the fewest chosen frames goes next, inside it the composition with the fewest, inside
    that chance. ``last_good`` frames, eligible above the window too, are in the highest bin. Where the window gives too
    few frames, the rest are drawn as by `DisagreementSelection`, whose reasons of rejection these
    are, without ``duplicate``.

    The probability of a choice is the chosen share of its bin and composition.

    Parameters
    ----------
    bins : int
        Number of bins.

    Raises
    ------
    ValueError
        If the number of bins is less than 1.
    """

    def __init__(self, bins: int = 5) -> None:
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}")
        self.bins = bins

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label; see `SelectionPolicy.select`."""
        if not asked(count, per_walker):
            return Selection()
        kinds, rng = classify(candidates, window), np.random.default_rng(seed)
        bins = self._bins(largest_errors(candidates), kinds.in_window, window)
        ranked = shuffled(candidates, places(kinds.in_window), rng)
        picked = balanced(ranked, candidates, count, per_walker, strata=[bins[index] for index in ranked])
        there = Counter((bins[index], candidates.composition[index]) for index in ranked)
        taken = Counter((bins[index], candidates.composition[index]) for index in picked)
        chosen = []
        for index in picked:
            cell = bins[index], candidates.composition[index]
            chosen.append((index, "uniform", taken[cell] / there[cell]))
        drawn = draw_evenly(candidates, places(kinds.fill), count - len(picked), per_walker, rng, already=picked)
        chosen += [(index, "fill", probability) for index, probability in drawn]
        return Selection(
            tuple(Choice(index, rank, why, chance) for rank, (index, why, chance) in enumerate(chosen, start=1)),
            rejections(candidates, kinds, [index for index, _, _ in chosen], per_walker),
        )

    def _bins(self, errors: NDArray[np.float64], inside: NDArray[np.bool_], window: Window) -> dict[int, int]:
        """Return the bin of each frame inside the window."""
        highest = window.upper_eV_per_A
        if not np.isfinite(highest):
            highest = float(errors[inside].max(initial=window.lower_eV_per_A))
        edges = np.linspace(window.lower_eV_per_A, highest, self.bins + 1)[1:-1]
        return {index: int(np.searchsorted(edges, errors[index], side="right")) for index in places(inside)}
