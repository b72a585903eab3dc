"""Two one-sided tests of equivalence: whether a number changed by more than matters.

Two rungs of the ladder agree on a metric when the difference, with its error bar, fits inside the tolerance::

    |Δ| + c SE(Δ)  <=  tolerance

with c from Student's t distribution, because SE(Δ) comes from a few fits and walkers, at the level of the comparison
(`policies.stopping.significance`). These are two one-sided tests of equivalence (Schuirmann, J. Pharmacokinet.
Biopharm. 15, 657 (1987)): not seeing a difference is not enough, a wide error bar keeps a campaign going.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from policies.stopping.significance import LEVEL, power

CRITICAL = 1.645
"""95 % point of the standard normal distribution, one-sided."""

Limit = Literal["dynamics", "fits", "orderings", "change"]
"""What keeps a change undecided: the error of the dynamics, the spread between fits or between the orderings of a
composition, or its closeness to the limit."""

_IN_WORDS: dict[Limit, str] = {
    "dynamics": "the dynamics are too short to tell",
    "fits": "the fits differ too much, longer dynamics would not help",
    "orderings": "the orderings change too differently, longer dynamics would not help",
    "change": "it is too large or too close to the tolerance, longer dynamics would not help",
}


@dataclass(frozen=True)
class Judgement:
    """How one metric changed from one rung to the next.

    Attributes
    ----------
    metric, unit : str
        What was compared, and the unit of all values.
    value_previous, value_last : float
        The metric on the two rungs.
    delta, se_delta : float
        Last minus previous, and its standard error.
    tolerance : float
        Change that does not matter.
    relative : float or None
        The tolerance as a fraction of `value_previous`, if it was given so.
    finding : str
        ``equivalent`` (the change, error bar included, does not matter), ``different`` (it exceeds the tolerance by
        more than its error bar) or ``undecided`` (the error bar is too wide to tell).
    critical : float
        How many standard errors the error bar is wide.
    system : str or None
        The system or composition whose transport was compared; None for held-out errors.
    se_md : float or None
        Standard error of `delta` from the dynamics alone, which longer runs can shrink; None for held-out errors.
    limit : str or None
        What keeps a change of transport undecided: ``dynamics`` (longer runs may decide it), ``fits`` (their spread
        makes the error bar wider than the tolerance, however long the runs), ``orderings`` (the same of the orderings
        of a composition) or ``change`` (it is too close to the tolerance, or likely beyond it).
    level : float
        Probability with which a metric that moved by just the tolerance is found equivalent.
    power : float or None
        Probability with which a metric that did not move is found equivalent, with this error bar; NaN or None where
        it is not known.
    """

    metric: str
    unit: str
    value_previous: float
    value_last: float
    delta: float
    se_delta: float
    tolerance: float
    relative: float | None
    finding: Literal["equivalent", "different", "undecided"]
    critical: float = CRITICAL
    system: str | None = None
    se_md: float | None = None
    limit: Limit | None = None
    level: float = LEVEL
    power: float | None = None

    @property
    def equivalent(self) -> bool:
        """Whether the two rungs agree."""
        return self.finding == "equivalent"

    @property
    def bound(self) -> float:
        """Largest change that the data allow: ``|delta| + critical se_delta``."""
        return abs(self.delta) + self.critical * self.se_delta

    def __str__(self) -> str:
        share = self._share
        dynamics = "" if self.se_md is None else f" ({self.se_md:.2g} of it from the dynamics)"
        why = "" if self.limit is None else f", {_IN_WORDS[self.limit]}"
        return (
            f"{self.metric} {self.value_previous:.4g} → {self.value_last:.4g}{' ' * bool(self.unit)}{self.unit}, "
            f"Δ = {self.delta:+.3g} ± {self.se_delta:.2g}{dynamics}, |Δ| + {self.critical:.4g} SE = {self.bound:.3g} "
            f"{'≤' if self.equivalent else '>'} {self.tolerance:.3g}{share}: {self.finding}{why} "
            f"[{self._odds}]"
        )

    @property
    def _share(self) -> str:
        if self.relative is None:
            return ""
        of_it = f"{self.relative:.3g} of {self.value_previous:.4g}"
        floor = self.tolerance > self.relative * abs(self.value_previous)
        return f" (the floor, above {of_it})" if floor else f" ({of_it})"

    @property
    def _odds(self) -> str:
        if self.power is None or not math.isfinite(self.power):
            return "power unknown"
        return f"level {100 * self.level:.3g} %, power {100 * self.power:.0f} %"


def judge_change(
    metric: str,
    unit: str,
    value_previous: float,
    value_last: float,
    se_delta: float,
    *,
    tolerance: float | None = None,
    relative: float | None = None,
    floor: float = 0.0,
    critical: float = CRITICAL,
    level: float = LEVEL,
) -> Judgement:
    """Judge the change of one metric by two one-sided tests.

    Parameters
    ----------
    metric, unit : str
        Name of the metric, and the unit of its values.
    value_previous, value_last : float
        The metric on the two rungs.
    se_delta : float
        Standard error of their difference; one that is not finite can show nothing and leaves it undecided.
    tolerance, relative : float, optional
        Change that does not matter, in `unit` or as a fraction of `value_previous`: exactly one of the two.
    floor : float
        Smallest tolerance, in `unit`: a smaller fraction matters neither.
    critical : float
        How many standard errors the error bar is wide.
    level : float
        The level that `critical` belongs to.

    Returns
    -------
    Judgement
        The change, its error bar and what was found.

    Raises
    ------
    ValueError
        Unless exactly one of `tolerance` and `relative` is given.

    Examples
    --------
    >>> print(judge_change("Ea of LiCl", "eV", 0.30, 0.29, 0.01, tolerance=0.03))
    Ea of LiCl 0.3 → 0.29 eV, Δ = -0.01 ± 0.01, |Δ| + 1.645 SE = 0.0265 ≤ 0.03: equivalent [level 5 %, power 82 %]
    """
    if relative is not None and tolerance is None:
        limit = max(relative * abs(value_previous), floor)
    elif tolerance is not None and relative is None:
        limit = tolerance
    else:
        raise ValueError("give either a tolerance or a relative one")
    delta = value_last - value_previous
    finding: Literal["equivalent", "different", "undecided"] = "undecided"
    if abs(delta) + critical * se_delta <= limit:
        finding = "equivalent"
    elif abs(delta) - critical * se_delta > limit:
        finding = "different"
    return Judgement(
        metric,
        unit,
        value_previous,
        value_last,
        delta,
        se_delta,
        tolerance=limit,
        relative=relative,
        finding=finding,
        critical=critical,
        level=level,
        power=power(limit, se_delta, critical),
    )
