"""Draw random probes: frames labelled whatever the policy says, so that overconfidence is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from policies.selection.contract import OFFERED_BLIND, Candidates, Choice
from policies.selection.sampling import grouped, shares, shuffled, systematic

_ROUNDING = 1e-9
# Policies draw from the seed itself: what they draw must not follow from what was probed.
_STREAM = 1


def probes_due(chosen_so_far: int, probes_so_far: int, count: int, fraction: float) -> int:
    """Return how many of the next frames must be probes, so that their share does not fall below a fraction.

    Parameters
    ----------
    chosen_so_far : int
        Frames chosen before, probes among them.
    probes_so_far : int
        Probes among those.
    count : int
        Frames to choose now.
    fraction : float
        Share of probes among all chosen frames, between 0 and 1.

    Raises
    ------
    ValueError
        If a number is negative, there are more probes than frames, or the fraction is not between 0 and 1.

    Examples
    --------
    >>> [probes_due(10, probes, 6, 0.1) for probes in (0, 1, 2)]
    [2, 1, 0]
    """
    if not 0 <= probes_so_far <= chosen_so_far or count < 0 or not 0 <= fraction <= 1:
        raise ValueError(
            "probes: need 0 <= probes_so_far <= chosen_so_far, count >= 0 and 0 <= fraction <= 1, got "
            f"{probes_so_far}, {chosen_so_far}, {count} and {fraction}"
        )
    wanted = math.ceil(fraction * (chosen_so_far + count) - _ROUNDING)
    return min(max(wanted - probes_so_far, 0), count)


def draw_probes(candidates: Candidates, count: int, seed: int) -> tuple[Choice, ...]:
    """Draw probes from the frames that were offered blind, whatever is known of them.

    A frame whose walker has been quiet for q segments is 1 + q times as likely as one of a walker that was chosen from
    just now, so a walker with small disagreements has its turn once in a while. With such weights w the
    probability of a frame is min(1, count · w / Σw), where a frame with probability 1 leaves the rest to the others.
    Frames are drawn by systematic sampling, in an order that is random but keeps compositions and walkers together:
    that spreads the probes over them.

    Parameters
    ----------
    candidates : Candidates
        Frames on offer. Those with a shortest contact that is not a number are never drawn.
    count : int
        Probes wanted; fewer are drawn where fewer frames were offered blind.
    seed : int
        Seed of the draw.

    Returns
    -------
    tuple of Choice
        With the reason ``probe`` and the probability of each.

    Raises
    ------
    ValueError
        If `count` is negative.
    """
    if count < 0:
        raise ValueError(f"probes: need count >= 0, got {count}")
    rng = np.random.default_rng((seed, _STREAM))
    blind = [
        index
        for index, why in enumerate(candidates.why)
        if why in OFFERED_BLIND and not np.isnan(candidates.min_contact[index])
    ]
    groups = grouped(candidates, shuffled(candidates, blind, rng))
    order = [index for walkers in groups.values() for frames in walkers.values() for index in frames]
    quiet = np.zeros(len(candidates)) if candidates.quiet is None else candidates.quiet
    probability = shares(count, np.ones(len(order)), rates=1.0 + quiet[np.array(order, dtype=np.int_)])
    drawn = systematic(probability, rng)
    ranked = [drawn[place] for place in rng.permutation(len(drawn))]
    return tuple(Choice(order[place], rank, "probe", float(probability[place])) for rank, place in enumerate(ranked, 1))


def left_after(candidates: Candidates, chosen: Sequence[int]) -> tuple[Candidates, tuple[int, ...]]:
    """Return the frames that are still on offer when some have been chosen, and their places before.

    What was chosen counts as known: no frame is more novel than it is far from a chosen one.
    """
    gone = sorted(set(chosen))
    places = np.array([index for index in range(len(candidates)) if index not in set(gone)], dtype=np.int_)
    left, before = candidates.take(places.tolist()), tuple(places.tolist())
    if candidates.novelty is None or candidates.separation is None or not gone:
        return left, before
    apart = candidates.separation[places][:, gone].min(axis=1)
    return replace(left, novelty=np.minimum(candidates.novelty[places], apart)), before
