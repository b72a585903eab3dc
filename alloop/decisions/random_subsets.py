"""Draw random nested subsets of a labelled set, which differ in size but not in how their labels were acquired. Pure.

The first labels of a campaign come from worse models than the last ones, so the rungs of a campaign differ in more than
their size. Random subsets of the finished set do not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from alloop.decisions.charter import Charter
from alloop.journal.events import SubsetRecord, SubsetsDrawn
from alloop.state.state import CampaignState

FEWEST_RUNGS = 2


class SubsetError(ValueError):
    """There are too few labels for a ladder."""


def draw(state: CampaignState, charter: Charter, compositions: Mapping[str, str]) -> SubsetsDrawn:
    """Return a ladder of random subsets of the training labels, each in the proportions of the whole set.

    Parameters
    ----------
    state : CampaignState
        The campaign.
    charter : Charter
        Its ladder gives the sizes; those beyond the set are left out.
    compositions : mapping
        Composition of every labelled frame by its id.

    Raises
    ------
    SubsetError
        If fewer than two rungs fit into the set.
    """
    number = 0 if state.drawn is None else state.drawn.number + 1
    seed = charter.seed(f"subsets/{number}")
    rng = np.random.default_rng(seed)
    frames = [frame.id for frame in state.labelled_frames("train")]
    heldout = [frame.id for frame in state.labelled_frames("heldout")]
    order = stratified_order(frames, [compositions[name] for name in frames], rng)
    if len(heldout) < FEWEST_RUNGS:
        share = _heldout_share(len(order), charter)
        heldout, order = order[:share], order[share:]
    sizes = [size for size in charter.config.ladder.rungs if size <= len(order)]
    if len(sizes) < FEWEST_RUNGS:
        ladder = ", ".join(str(size) for size in charter.config.ladder.rungs)
        what = f"{len(order)} training labels do not fill two rungs of the ladder ({ladder})"
        raise SubsetError(f"{what}; label more, or start a new campaign with smaller ladder.rungs")
    rungs = tuple(SubsetRecord(size=size, frames=tuple(order[:size])) for size in sizes)
    return SubsetsDrawn(number=number, rungs=rungs, heldout=tuple(heldout), seed=seed)


def stratified_order(names: Sequence[str], strata: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return the names in a random order whose every beginning holds the strata in nearly their proportions.

    Member `k` of a stratum of `n`, in random order, is placed at `(k + u) / n` with one random `u` for the stratum
    (systematic sampling): a beginning of any length holds each stratum to within one of its share, but for ties.

    Parameters
    ----------
    names, strata : sequence of str
        What is ordered, and the stratum of each.
    rng : numpy.random.Generator
        Source of randomness.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for name, stratum in zip(names, strata, strict=True):
        members[stratum].append(name)
    placed: list[tuple[float, float, str]] = []
    for stratum in sorted(members):
        shuffled = [members[stratum][i] for i in rng.permutation(len(members[stratum]))]
        offset = rng.random()
        placed += [((k + offset) / len(shuffled), rng.random(), name) for k, name in enumerate(shuffled)]
    return [name for _, _, name in sorted(placed)]


def _heldout_share(frames: int, charter: Charter) -> int:
    """Return how many of the labels judge the others, where none was held out: the share of the config."""
    heldout = charter.config.heldout
    share = math.ceil(heldout.fraction / (1 + heldout.fraction) * frames)
    return min(max(heldout.minimum, share), frames // 2)
