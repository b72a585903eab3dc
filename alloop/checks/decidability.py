"""What the ladder of a config can decide at all, told before anything is labelled. Pure.

Counted is the force RMSE alone: the other metrics that have to agree make the chance smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

from alloop.config.campaign import CampaignConfig
from policies.stopping.forecast import agreement, walkers_for
from policies.stopping.ladder import LadderStopping

ENOUGH = 0.8
"""The chance of seeing that nothing changes with which a ladder is worth its labels; the usual power of a test."""


@dataclass(frozen=True)
class Decidable:
    """The chance that two rungs of a ladder between which nothing changes are found to agree.

    Attributes
    ----------
    at_end : float
        The chance where the largest rung is compared.
    before : float or None
        The largest chance of any comparison before; None if there is none.
    fits, walkers, frames : int
        Fits of each rung, and the held-out walkers and frames that the largest rung is judged on.
    mends : tuple of (int, int)
        Fits and held-out walkers, of as many frames each, with which the chance at the end is `ENOUGH`.
    """

    at_end: float
    before: float | None
    fits: int
    walkers: int
    frames: int
    mends: tuple[tuple[int, int], ...]

    @property
    def enough(self) -> bool:
        """Whether the chance at the end is as large as it should be."""
        return self.at_end >= ENOUGH

    def __str__(self) -> str:
        sample = f"{self.fits} fits, {self.frames} held-out frames of {self.walkers} walkers"
        before = "" if self.before is None else f", before it at most {100 * self.before:.0f} %"
        words = f"two rungs that do not differ agree at the largest rung in about {100 * self.at_end:.0f} %{before}"
        return f"{words} ({sample}, force RMSE alone){self._mend_words()}"

    def _mend_words(self) -> str:
        if self.enough:
            return ""
        each = max(1, round(self.frames / self.walkers))
        if not self.mends:
            return f"; with {self.fits} fits no held-out set is enough for the tolerance"
        ways = [f"{fits} fits on {walkers * each} frames of {walkers} walkers" for fits, walkers in self.mends]
        return f"; {100 * ENOUGH:.0f} % takes {', or '.join(ways)}"


def decidable(config: CampaignConfig) -> Decidable | None:
    """Return what the built-in ladder of a config can decide; None for other policies, and for what has no error bars.

    Parameters
    ----------
    config : CampaignConfig
        A config that can run.

    Returns
    -------
    Decidable or None
        None also where there is nothing to compare: one rung, one fit or one held-out walker.
    """
    ladder, explore = config.ladder, config.explore
    walkers = len(config.systems) * len(explore.temperatures_K) * explore.replicas
    if ladder.policy != "ladder" or min(len(ladder.rungs), ladder.fits, walkers) < 2:
        return None
    tolerance = float(ladder.policy_options()["tolerance_forces"])

    def chance(rung: int) -> float:
        level = LadderStopping.level(rung, ladder.rungs)
        frames = config.heldout.frames_for(rung)
        return agreement(ladder.fits, walkers, frames, tolerance=tolerance, level=level)

    _, *middle, largest = ladder.rungs
    at_end, frames = chance(largest), config.heldout.frames_for(largest)
    met = min(walkers, frames)
    return Decidable(
        at_end=at_end,
        before=max(map(chance, middle), default=None),
        fits=ladder.fits,
        walkers=met,
        frames=frames,
        mends=() if at_end >= ENOUGH else _mends(ladder.fits, max(1, round(frames / met)), tolerance),
    )


def _mends(fits: int, per_walker: int, tolerance: float) -> tuple[tuple[int, int], ...]:
    """Return the walkers that are enough for as many fits as there are, and for half as many more."""
    found = ((n, walkers_for(ENOUGH, n, per_walker, tolerance=tolerance)) for n in (fits, fits + max(1, fits // 2)))
    return tuple((n, walkers) for n, walkers in found if walkers is not None)
