"""Does one line hold in the Arrhenius plot, or is there a kink or a curve? A decision on plain numbers. Pure.

Three laws are compared, as McCluskey, Coles and Morgan do with evidence (arXiv:2512.17792, 2025): Arrhenius' line; a
curve after Vogel, Fulcher and Tammann (VTF), ln D = ln D₀ - B / (kB (T - T₀)); and two lines that meet at a kink. Here
the line is given up by a test whose share of false alarms is set, and evidence (BIC) only tells a kink from a curve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.results import Law, Measured, TemperatureLaw

Floats = NDArray[np.float64]

FALSE_ALARMS, POWER_SIGMAS = 0.04, 0.8416
"""The share of straight lines that may be called bent; what a power of 80 % adds to the limit (standard deviations)."""
_TELLING_BIC = 2.0
"""Difference of BIC from which evidence is positive (Kass and Raftery, J. Am. Stat. Assoc. 90, 773 (1995))."""
_MOST_LN = 700.0
"""Largest logarithm of a ratio that is told (a float holds no number beyond)."""
_BLIND_SHARE = 0.5
_DRAWS = 2000
_PLACES_PER_INTERVAL, _CURVES, _NEAREST_T0 = 8, 40, 0.95


@dataclass(frozen=True, eq=False)
class _Family:
    """One law at many values of its parameter (K), each an orthonormal basis of what it can fit."""

    at_K: Floats
    designs: Floats
    parameters: int

    def chi2(self, values: Floats) -> Floats:
        """Return the sum of squared residuals, shape (draws, parameter values), of whitened values (draws, points)."""
        bases = np.linalg.qr(self.designs)[0]
        fitted = np.tensordot(values, bases, axes=(1, 1))
        return np.asarray((values**2).sum(axis=1)[:, None] - (fitted**2).sum(axis=2))


@dataclass(frozen=True, eq=False)
class _Laws:
    """The three laws for points at given temperatures with given errors."""

    x: Floats
    se: Floats
    line: _Family
    kink: _Family
    curve: _Family

    @classmethod
    def of(cls, temperatures_K: Floats, se: Floats) -> _Laws:
        x = 1.0 / (BOLTZMANN_EV_PER_K * temperatures_K)
        places = _places(np.sort(x))
        ones = np.ones_like(x)
        hinges = np.maximum(x - places[:, None], 0.0)
        kinks = np.stack([np.broadcast_to(ones, hinges.shape), np.broadcast_to(-x, hinges.shape), -hinges], axis=2)
        zeros_K = np.linspace(0.0, _NEAREST_T0, _CURVES + 1)[1:] * temperatures_K.min()
        steep = -1.0 / (BOLTZMANN_EV_PER_K * (temperatures_K - zeros_K[:, None]))
        curves = np.stack([np.broadcast_to(ones, steep.shape), steep], axis=2)
        line = np.stack([ones, -x], axis=1)[None]
        white = [design / se[:, None] for design in (line, kinks, curves)]
        return cls(
            x,
            se,
            _Family(np.array([math.nan]), white[0], 2),
            _Family(1.0 / (BOLTZMANN_EV_PER_K * places), white[1], 4),
            _Family(zeros_K, white[2], 3),
        )

    def statistic(self, values: Floats) -> Floats:
        """Return by how much the best bent law fits better than the line, in units of the scatter about it.

        Scatter beyond the errors counts as errors that are too small, as in the error of the line.
        """
        straight = self.line.chi2(values)[:, 0]
        found = np.zeros(len(values))
        for bent in (self.kink, self.curve):
            best = bent.chi2(values).min(axis=1)
            degrees = max(1, len(self.x) - bent.parameters)
            found = np.maximum(found, (straight - best) / np.maximum(1.0, best / degrees))
        return found


def _places(x: Floats) -> Floats:
    """Return where a kink may be: from the second point to the last but one, so that two lie on either side."""
    inner = x[1:-1]
    ends = itertools.pairwise(inner)
    between = [np.linspace(low, high, _PLACES_PER_INTERVAL, endpoint=False) for low, high in ends]
    return np.concatenate([*between, inner[-1:]])


def law_of(temperatures_K: Sequence[float], ln_D: Sequence[float], se_ln_D: Sequence[float]) -> TemperatureLaw | None:
    """Return which law the points prefer; None with fewer than three temperatures, where nothing tests a line.

    Parameters
    ----------
    temperatures_K, ln_D, se_ln_D : sequence of float
        Temperatures (K), ln D, and the standard errors of ln D, above zero.

    Notes
    -----
    The statistic is the gain in χ² of the best bent law over the line, divided by the scatter about the bent law where
    that is more than one. Its distribution for straight lines is that of seeded draws with the same temperatures and
    errors, so 4 % of straight lines are called bent if the errors are Gaussian and right.
    """
    kelvin, y, se = (np.asarray(values, dtype=float) for values in (temperatures_K, ln_D, se_ln_D))
    if len(np.unique(np.round(kelvin))) < 3:
        return None
    laws = _Laws.of(kelvin, se)
    null = np.sort(laws.statistic(np.random.default_rng(0).normal(size=(_DRAWS, len(y)))))
    seen = float(laws.statistic((y / se)[None])[0])
    chance = float((1 + np.sum(null >= seen)) / (1 + _DRAWS))
    limit = float(np.quantile(null, 1 - FALSE_ALARMS))
    detectable = _detectable(laws, limit)
    values = y / se
    if chance > FALSE_ALARMS:
        slope = float(np.linalg.lstsq(laws.line.designs[0], values, rcond=None)[0][1])
        blind = detectable > _BLIND_SHARE * abs(slope)
        return TemperatureLaw(law="unknown" if blind else "line", chance=chance, detectable_eV=detectable)
    return _bent(laws, values, chance, detectable)


def _detectable(laws: _Laws, limit: float) -> float:
    """Return the change of slope (eV) that is found in 80 % of cases where the points see it best."""
    line = np.linalg.qr(laws.line.designs[0])[0]
    hinges = laws.kink.designs[:, :, 2]
    visible = np.linalg.norm(hinges - hinges @ line @ line.T, axis=1).max()
    return float((math.sqrt(limit) + POWER_SIGMAS) / visible)


def _bent(laws: _Laws, values: Floats, chance: float, detectable: float) -> TemperatureLaw:
    """Return whether a kink or a curve is preferred, and its parameters."""
    kinks, curves = laws.kink.chi2(values[None])[0], laws.curve.chi2(values[None])[0]
    penalty = math.log(len(values)) * (laws.kink.parameters - laws.curve.parameters)
    lead = float(curves.min() - kinks.min() - penalty)  # of the kink, in BIC
    law: Law = "bent"
    # With four points or fewer a kink fits whatever there is.
    if len(values) > laws.kink.parameters and abs(lead) >= _TELLING_BIC:
        law = "kink" if lead > 0 else "curve"
    best = int(kinks.argmin())
    design = laws.kink.designs[best]
    level, hot, change = np.linalg.lstsq(design, values, rcond=None)[0]
    covariance = np.linalg.inv(design.T @ design)
    curve = int(curves.argmin())
    curve_level, steep = np.linalg.lstsq(laws.curve.designs[curve], values, rcond=None)[0]
    return TemperatureLaw(
        law=law,
        chance=chance,
        detectable_eV=detectable,
        kink_K=float(laws.kink.at_K[best]),
        kink_within_K=_within(laws.kink.at_K, kinks),
        above_eV=Measured(value=float(hot), se=math.sqrt(covariance[1, 1])),
        below_eV=Measured(value=float(hot + change), se=math.sqrt(covariance[1:, 1:].sum())),
        vtf_T0_K=float(laws.curve.at_K[curve]),
        vtf_T0_within_K=_within(laws.curve.at_K, curves),
        vtf_B_eV=float(steep),
        vtf_ln_D0=float(curve_level),
        lead_bic=lead,
        ln_D_at_kink=float(level - hot / (BOLTZMANN_EV_PER_K * laws.kink.at_K[best])),
    )


def _within(at_K: Floats, chi2: Floats) -> tuple[float, float]:
    """Return the range of a parameter (K) within one standard error: χ² at most one above its least."""
    near = at_K[chi2 <= chi2.min() + 1.0]
    return float(near.min()), float(near.max())


def words_of(law: TemperatureLaw) -> str:
    """Return what a reader should know of the law, in one line."""
    if law.law == "unknown":
        least = f"a change of slope by {law.detectable_eV:.2g} eV would be missed in one case of five"
        return f"whether one line holds cannot be told: {least}"
    if law.law == "line":
        return f"one line holds within the error bars; a kink by less than {law.detectable_eV:.2g} eV would not be seen"
    found = {"kink": _kink_words(law), "curve": _curve_words(law)}
    either = f"{found['kink']}, or {found['curve']}: the points do not tell which"
    return f"one line does not hold ({100 * law.chance:.2g} % by chance): {found.get(law.law, either)}"


def _kink_words(law: TemperatureLaw) -> str:
    if law.kink_K is None or law.below_eV is None or law.above_eV is None:
        return "a kink"
    return f"a kink near {law.kink_K:.0f} K, {law.below_eV.value:.2f} eV below and {law.above_eV.value:.2f} eV above"


def _curve_words(law: TemperatureLaw) -> str:
    zero = "" if law.vtf_T0_K is None else f" with T₀ = {law.vtf_T0_K:.0f} K"
    return f"a curve after Vogel, Fulcher and Tammann{zero}"


def caution_at(law: TemperatureLaw, temperature_K: float, ln_D: float) -> str:
    """Return what to say of ln D (D in cm²/s) that one line gives at a temperature where it may not hold."""
    others = {
        "kink": ("the line on this side of the kink", _along_kink),
        "curve": ("the curve", _along_curve),
    }
    told = [
        f"{name} gives {math.exp(min(other(law, temperature_K) - ln_D, _MOST_LN)):.2g} times as much"
        for which, (name, other) in others.items()
        if law.law in (which, "bent")
    ]
    return "one line does not hold; " + ", ".join(told)


def _along_curve(law: TemperatureLaw, temperature_K: float) -> float:
    if law.vtf_T0_K is None or law.vtf_B_eV is None or law.vtf_ln_D0 is None or temperature_K <= law.vtf_T0_K:
        return -math.inf
    return law.vtf_ln_D0 - law.vtf_B_eV / (BOLTZMANN_EV_PER_K * (temperature_K - law.vtf_T0_K))


def _along_kink(law: TemperatureLaw, temperature_K: float) -> float:
    if law.kink_K is None or law.above_eV is None or law.below_eV is None or law.ln_D_at_kink is None:
        return -math.inf
    energy = law.below_eV if temperature_K < law.kink_K else law.above_eV
    return law.ln_D_at_kink - energy.value / BOLTZMANN_EV_PER_K * (1.0 / temperature_K - 1.0 / law.kink_K)


def bent(law: TemperatureLaw) -> bool:
    """Return whether one line does not hold."""
    return law.law in ("kink", "curve", "bent")
