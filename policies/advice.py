"""What limits a campaign that has its verdict, and which key to change for it to go on. A table of rules.

Each rule looks at a `Situation` and gives an `Advice` or nothing; all that apply are given, the most limiting first.
The keys are those that can be changed without a new campaign, where there are any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from policies.stopping.learning_curve import Forecast, forecast
from policies.stopping.significance import power

MANY_FAILURES = 0.1
"""Share of labels that failed from which on it is worth a word."""
MANY_BROKEN = 0.2
"""Share of walkers that ended unphysical from which on it is worth a word."""
ENOUGH, FEWEST_FITS = 0.8, 3
"""Power that a comparison should have, and fits whose spread can be known."""
# Student's t at 5 % for about 15 degrees of freedom, as more frames and fits give them.
_CRITICAL = 1.8
TRUSTED_FROM = 20
"""Held-out frames with which expected errors that are right are nearly always trusted (docs/calibration.md)."""
WEAK = 0.5
"""Power below which a comparison that found nothing says little about the labels."""
MARGIN = 1.2
"""Core-hours and wall time that are advised, in units of those that past labels lead to expect."""
_ANEW = "in a new campaign"
_FAILURES: Mapping[str, tuple[str, str]] = {
    "scf": ("label.maxiter", f"more iterations, or a larger label.smearing_eV, {_ANEW}"),
    "forces": ("explore.temperatures_K", f"lower temperatures, or a larger label.max_force_eV_per_A, {_ANEW}"),
    "contact": ("explore.temperatures_K", f"lower temperatures, or a smaller label.min_contact, {_ANEW}"),
    "timeout": ("execution.label_timeout_min", "a longer time, or more ranks for a label"),
    "lost": ("execution.executors", "more memory or time for a worker"),
}


@dataclass(frozen=True)
class Rung:
    """A judged rung: training labels and held-out errors (meV/Å, meV/atom)."""

    size: int
    forces_meV_per_A: float
    energy_meV_per_atom: float


@dataclass(frozen=True)
class Change:
    """What the comparison of the last two rungs found for one metric.

    Attributes
    ----------
    metric, finding, limit, system
        As of a `policies.stopping.judgement.Judgement`.
    power : float or None
        The chance with which it would have agreed if nothing had changed.
    wide : float or None
        The standard error of the change, in tolerances.
    """

    metric: str
    finding: str
    power: float | None = None
    wide: float | None = None
    limit: str | None = None
    system: str | None = None


@dataclass(frozen=True)
class Situation:
    """A campaign as the rules see it.

    Attributes
    ----------
    rungs : tuple of Rung
        The judged rungs, smallest first.
    changes : tuple of Change
        The comparison of the last two.
    ladder : tuple of int
        Rungs of the config.
    heldout : mapping of int to int
        Held-out frames that judge a rung of a size; of one more than the ladder too.
    fits : int
        Fits of every rung.
    heldout_frames, heldout_walkers, kinds : int
        Held-out frames behind the comparison, the walkers they come from, and how many temperatures of systems these
        have.
    labels, label_core_s
        Labels bought and ordered, and core-seconds of one.
    label_budget : int or None
        Labels that the budget allows.
    core_hours_budget : float or None
        Core-hours of labels that it allows.
    wall_h, wall_budget_h
        Hours that drivers ran so far, and the hours that the budget allows, or None.
    failures : mapping of str to int
        Failed labels by reason.
    walkers, broken : int
        Walkers, and those whose last segment ended unphysical.
    doubted : tuple of str
        Elements whose expected errors are not trusted.
    production_ps, longest_ps : float or None
        Length of the production runs, and the longest that the config allows.
    production_core_h : float
        Core-hours of all production runs.
    production_K, broken_K : tuple of float
        Temperatures of production MD, and those at which a run of the largest rung was unphysical.
    explored_K : float
        The hottest temperature that walkers explore.
    unmeasured : tuple of str
        Systems of the largest rung without an activation energy though no run of theirs is unphysical.
    """

    verdict: str
    rungs: tuple[Rung, ...] = ()
    changes: tuple[Change, ...] = ()
    ladder: tuple[int, ...] = ()
    heldout: Mapping[int, int] = field(default_factory=dict)
    fits: int = 1
    heldout_frames: int = 0
    heldout_walkers: int = 1
    kinds: int = 1
    labels: int = 0
    label_core_s: float = 0.0
    label_budget: int | None = None
    core_hours_budget: float | None = None
    wall_h: float = 0.0
    wall_budget_h: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    walkers: int = 0
    broken: int = 0
    doubted: tuple[str, ...] = ()
    production_ps: float | None = None
    longest_ps: float | None = None
    production_core_h: float = 0.0
    production_K: tuple[float, ...] = ()
    broken_K: tuple[float, ...] = ()
    explored_K: float = math.inf
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """What limits a campaign, the keys to change with their values, and what that gives and costs."""

    limit: str
    keys: Mapping[str, str]
    gain: str = ""
    cost: str = ""

    def __str__(self) -> str:
        settings = ", ".join(f"{key}: {value}" for key, value in self.keys.items())
        after = "; ".join(part for part in (self.gain, self.cost) if part)
        return f"{self.limit}: {settings}" + (f" ({after})" if after else "")


def advise(situation: Situation) -> tuple[Advice, ...]:
    """Return what to do next, the most limiting first; nothing for a campaign without a verdict."""
    found = [rule(situation) for rule in RULES]
    return tuple(advice for advice in found if advice is not None)


def another_rung(ladder: tuple[int, ...]) -> int:
    """Return the size of the rung after the last: twice as large."""
    return 2 * ladder[-1]


# -- rules -------------------------------------------------------------------------------------------------------


def _budget(one: Situation) -> Advice | None:
    """Labels, core-hours or wall time ran out before the ladder ended."""
    if one.verdict != "budget_spent" or not one.ladder:
        return None
    done = one.rungs[-1].size if one.rungs else 0
    following = next((size for size in one.ladder if size > done), one.ladder[-1])
    labels = following + one.heldout.get(following, 0) + sum(one.failures.values())
    keys = _budgets(one, max(labels, one.labels))
    if not keys:
        return None
    return Advice(f"the budget ends before the rung of {following}", keys, cost=_cost(one, labels))


def _failures(one: Situation) -> Advice | None:
    """Many labels fail for one reason."""
    reason, count = max(one.failures.items(), key=lambda item: item[1], default=("", 0))
    if reason not in _FAILURES or count < MANY_FAILURES * max(one.labels, 1):
        return None
    key, what = _FAILURES[reason]
    return Advice(f"{count} of {one.labels} labels failed ({reason})", {key: what})


def _broken_walkers(one: Situation) -> Advice | None:
    """Many walkers break."""
    if not one.walkers or one.broken < MANY_BROKEN * one.walkers:
        return None
    what = f"{one.broken} of {one.walkers} walkers broke in their last segment"
    return Advice(what, {"explore.temperatures_K": f"lower ones, or name a teacher, {_ANEW}"})


def _broken_production(one: Situation) -> Advice | None:
    """Production MD is unphysical at some temperatures."""
    if not one.broken_K:
        return None
    sound = [temperature for temperature in one.production_K if temperature < min(one.broken_K)]
    lower = f"[{', '.join(f'{temperature:g}' for temperature in sound)}]" if len(sound) > 1 else "lower ones"
    what = f"production MD is unphysical at {', '.join(f'{temperature:g}' for temperature in one.broken_K)} K"
    beyond = max(one.broken_K) > one.explored_K
    gain = f"walkers explore up to {one.explored_K:g} K only; explore hotter {_ANEW}" if beyond else ""
    return Advice(what, {"measure.temperatures_K": lower}, gain)


def _dynamics(one: Situation) -> Advice | None:
    """Transport has no number, or could not be told apart, because the runs are short."""
    short = dict.fromkeys(change.metric for change in one.changes if change.limit == "dynamics")
    if one.production_ps is None or not (short or one.unmeasured):
        return None
    limits = []
    if one.unmeasured:
        limits.append(f"no activation energy of {', '.join(one.unmeasured)} in runs of {one.production_ps:g} ps")
    if short:
        limits.append(f"the dynamics are too short to tell ({', '.join(short)})")
    longer = 2 * max(one.production_ps, one.longest_ps or 0.0)
    gain = "or other measure.temperatures_K: where ions are slow, hotter ones" if one.unmeasured else ""
    more = one.production_core_h * (longer / one.production_ps - 1.0) if one.production_ps else 0.0
    cost = f"at most {_hours(more)} more core-hours of production MD" if more else ""
    return Advice("; ".join(limits), {"measure.max_ps": f"{longer:g}"}, gain, cost)


def _spread(one: Situation) -> Advice | None:
    """Transport could not be told apart because fits or orderings differ."""
    for limit, keys in (
        ("fits", {"ladder.fits": str(max(FEWEST_FITS, one.fits + 2))}),
        ("orderings", {"systems.orderings.samples": f"more of them, {_ANEW}"}),
    ):
        wide = [change for change in one.changes if change.limit == limit]
        if wide:
            names = ", ".join(dict.fromkeys(change.metric for change in wide))
            return Advice(f"the {limit} differ too much to tell ({names})", keys)
    return None


def _power(one: Situation) -> Advice | None:
    """The comparison could hardly have agreed, whatever the labels."""
    weak = [change for change in _undecided(one) if change.power is not None and change.power < WEAK]
    if not weak:
        return None
    words = ", ".join(f"{change.metric} {100 * (change.power or 0.0):.0f} %" for change in weak)
    limit = f"fits and held-out frames are too few to see that nothing changes (power: {words})"
    widest = max(change.wide or 0.0 for change in weak)
    frames = math.ceil(one.heldout_frames * max(1.0, widest / _narrow_enough()) ** 2)
    replicas = math.ceil(frames * one.heldout_walkers / max(one.heldout_frames, 1) / one.kinds)
    keys = {"ladder.fits": str(FEWEST_FITS)} if one.fits < FEWEST_FITS else {}
    keys |= {"heldout.minimum": str(frames), "explore.replicas": str(replicas)}
    labels = one.labels + max(0, frames - one.heldout_frames)
    keys |= _budgets(one, labels)
    return Advice(limit, keys, f"power about {100 * ENOUGH:.0f} %", _cost(one, labels))


def _more_labels(one: Situation) -> Advice | None:
    """The errors still fall, or may."""
    if one.verdict != "ladder_exhausted" or not one.rungs or not one.ladder:
        return None
    falling = [change for change in one.changes if change.finding == "different"]
    told = [change for change in _undecided(one) if change.power is None or change.power >= WEAK]
    told += [change for change in one.changes if change.limit == "change"]
    if not falling and not told:
        return None
    size = another_rung(one.ladder)
    labels = size + one.heldout.get(size, 0) + sum(one.failures.values())
    keys = {"ladder.rungs": f"[{', '.join(str(n) for n in (*one.ladder, size))}]"} | _budgets(one, labels)
    names = " and ".join(f"the {change.metric}" for change in falling or told)
    limit = f"the last labels still changed {names}" if falling else f"{names} may still change"
    return Advice(limit, keys, _gain(one, size), _cost(one, labels))


def _trust(one: Situation) -> Advice | None:
    """Thresholds are disagreements because nothing shows that expected errors are true."""
    if not one.doubted or one.heldout_frames >= TRUSTED_FROM:
        return None
    what = f"expected errors are not trusted ({', '.join(one.doubted)})"
    labels = one.labels + TRUSTED_FROM - one.heldout_frames
    return Advice(what, {"heldout.minimum": str(TRUSTED_FROM)} | _budgets(one, labels), cost=_cost(one, labels))


def _narrow_enough() -> float:
    """Return the standard error, in tolerances, with which a comparison has enough power."""
    widths = np.linspace(1.0, 0.05, 96)
    return float(next((width for width in widths if power(1.0, float(width), _CRITICAL) >= ENOUGH), widths[-1]))


Rule = Callable[[Situation], Advice | None]
RULES: tuple[Rule, ...] = (
    _budget,
    _failures,
    _broken_walkers,
    _broken_production,
    _dynamics,
    _spread,
    _power,
    _more_labels,
    _trust,
)


def _undecided(one: Situation) -> list[Change]:
    return [change for change in one.changes if change.finding == "undecided" and change.system is None]


def _budgets(one: Situation, labels: int) -> dict[str, str]:
    """Return the keys of the budget that do not allow so many labels, with values that do.

    Core-hours and wall time are those of the labels so far, in proportion.
    """
    keys = {}
    if one.label_budget is not None and one.label_budget < labels:
        keys["budget.labels"] = str(labels)
    longer = labels / one.labels if one.labels else 2.0
    for key, budget, spent in (
        ("budget.dft_core_hours", one.core_hours_budget, one.labels * one.label_core_s / 3600),
        ("budget.wall_h", one.wall_budget_h, one.wall_h),
    ):
        if budget is not None and math.isfinite(spent) and budget < spent * longer:
            keys[key] = _hours(MARGIN * spent * longer)
    return keys


def _gain(one: Situation, size: int) -> str:
    sizes = [rung.size for rung in one.rungs]
    forces = forecast(sizes, [rung.forces_meV_per_A for rung in one.rungs], size)
    energy = forecast(sizes, [rung.energy_meV_per_atom for rung in one.rungs], size)
    parts = [("force RMSE", forces, "meV/Å"), ("energy RMSE", energy, "meV/atom")]
    return ", ".join(f"{name} about {_shown(found)} {unit}" for name, found, unit in parts if found is not None)


def _shown(found: Forecast) -> str:
    return f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _cost(one: Situation, labels: int) -> str:
    """Return in words what it costs to have so many labels."""
    more = labels - one.labels
    if more <= 0:
        return ""
    if not one.label_core_s or not math.isfinite(one.label_core_s):
        return f"{more} more labels"
    return f"{more} more labels, about {_hours(more * one.label_core_s / 3600)} DFT core-hours"


def _hours(value: float) -> str:
    """Return hours with two digits, whole ones from ten on."""
    return f"{value:.2g}" if value < 10 else str(math.ceil(value))
