"""What the ladder of a config can decide at all, told before anything is labelled. Pure.

Counted is the held-out error that agrees least often; the others, and transport, make the chance smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

from alloop.checks.beginnings import beginnings_differ
from alloop.config.campaign import CampaignConfig
from policies.stopping.forecast import ENERGY, FORCES, MEMBERS_FORCES, TUNED_FORCES, Scatter, agreement, walkers_for
from policies.stopping.ladder import LadderStopping

COLD, TUNED = (3.0, 40.0), (0.7, 20.0)
"""Energy RMSE (meV/atom) and force RMSE (meV/Å) of Li3InCl6 after 50 to 100 labels (docs/li3incl6.md), from random
weights and taught: with them a floor counts as a fraction."""
ENOUGH = 0.8
"""The chance of seeing that nothing changes with which a ladder is worth its labels; the usual power of a test."""


@dataclass(frozen=True)
class Decidable:
    """The chance that two rungs of a ladder between which nothing changes are found to agree.

    Attributes
    ----------
    forces, energy : float
        The chance of the force RMSE and of the energy RMSE where the largest rung is compared.
    before : float or None
        The largest chance of any comparison before, of both together; None if there is none.
    fits, walkers, frames : int
        Fits of each rung, and the held-out walkers and frames that the largest rung is judged on.
    mends : tuple of (int, int)
        Fits and held-out walkers, of as many frames each, with which the chance at the end is `ENOUGH`.
    """

    forces: float
    energy: float
    before: float | None
    fits: int
    walkers: int
    frames: int
    mends: tuple[tuple[int, int], ...]

    @property
    def at_end(self) -> float:
        """The chance where the largest rung is compared: that of the error which agrees less often."""
        return min(self.forces, self.energy)

    @property
    def enough(self) -> bool:
        """Whether the chance at the end is as large as it should be."""
        return self.at_end >= ENOUGH

    def __str__(self) -> str:
        sample = f"{self.fits} fits, {self.frames} held-out frames of {self.walkers} walkers"
        before = "" if self.before is None else f", before it at most {100 * self.before:.0f} %"
        each = f"force RMSE {100 * self.forces:.0f} %, energy RMSE {100 * self.energy:.0f} %"
        words = f"two rungs that do not differ agree at the largest rung in about {100 * self.at_end:.0f} % ({each})"
        return f"{words}{before}; {sample}{self._mend_words()}"

    def _mend_words(self) -> str:
        if self.enough:
            return ""
        each = max(1, round(self.frames / self.walkers))
        if not self.mends:
            return f"; with {self.fits} fits no held-out set is enough for the tolerances"
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
    errors = _errors(config)

    def chances(rung: int) -> tuple[float, ...]:
        level, frames = LadderStopping.level(rung, ladder.rungs), config.heldout.frames_for(rung)
        return tuple(
            agreement(ladder.fits, walkers, frames, tolerance=tolerance, level=level, scatter=scatter)
            for tolerance, scatter in errors
        )

    _, *middle, largest = ladder.rungs
    (forces, energy), frames = chances(largest), config.heldout.frames_for(largest)
    met = min(walkers, frames)
    return Decidable(
        forces=forces,
        energy=energy,
        before=max((min(chances(rung)) for rung in middle), default=None),
        fits=ladder.fits,
        walkers=met,
        frames=frames,
        mends=() if min(forces, energy) >= ENOUGH else _mends(ladder.fits, max(1, round(frames / met)), errors),
    )


def _errors(config: CampaignConfig) -> tuple[tuple[float, Scatter], ...]:
    """Return tolerance and scatter of the force RMSE and of the energy RMSE."""
    options = config.ladder.policy_options()
    tuned = config.teacher is not None or config.potential.foundation is not None
    energy, forces = TUNED if tuned else COLD
    of_forces = max(float(options["tolerance_forces"]), float(options["floor_forces_meV_per_A"]) / forces)
    of_energy = max(float(options["tolerance_energy"]), float(options["floor_energy_meV_per_atom"]) / energy)
    after = MEMBERS_FORCES if beginnings_differ(config) else TUNED_FORCES
    return (of_forces, after if tuned else FORCES), (of_energy, ENERGY)


def _mends(fits: int, per_walker: int, errors: tuple[tuple[float, Scatter], ...]) -> tuple[tuple[int, int], ...]:
    """Return the walkers that are enough for as many fits as there are, and for half as many more."""
    mends = []
    for n in (fits, fits + max(1, fits // 2)):
        wanted = [walkers_for(ENOUGH, n, per_walker, tolerance=one, scatter=scatter) for one, scatter in errors]
        known = [walkers for walkers in wanted if walkers is not None]
        if len(known) == len(wanted):
            mends.append((n, max(known)))
    return tuple(mends)
