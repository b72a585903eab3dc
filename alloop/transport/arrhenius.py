"""Activation energies: weighted straight lines through ln D against 1/T."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.transport.conductivity import BOLTZMANN_EV_PER_K, ln_conductivity
from alloop.transport.results import (
    ArrheniusTransport,
    Measured,
    SigmaAt,
    TemperatureLaw,
    TemperatureTransport,
    TransportSummary,
)
from alloop.transport.temperature_law import bent, caution_at, law_of, words_of

_SAME_K = 1.0
_STANDS_OUT = 2.0


@dataclass(frozen=True, eq=False)
class Arrhenius:
    """ln D = intercept - activation_energy_eV / (kB T).

    Attributes
    ----------
    activation_energy_eV : float
        Activation energy (eV).
    ln_D0 : float
        Logarithm of the prefactor in cm²/s.
    covariance : ndarray, shape (2, 2)
        Of `ln_D0` and `activation_energy_eV`.
    inflation : float
        Factor by which the scatter about the line has widened all errors; 1 where it did not.
    """

    activation_energy_eV: float
    ln_D0: float
    covariance: NDArray[np.float64]
    inflation: float

    @property
    def se(self) -> float:
        """Standard error of the activation energy (eV)."""
        return math.sqrt(self.covariance[1, 1])

    def ln_diffusivity(self, temperature_K: float) -> tuple[float, float]:
        """Return ln D at a temperature, D in cm²/s, and its standard error."""
        design = np.array([1.0, -1.0 / (BOLTZMANN_EV_PER_K * temperature_K)])
        value = design @ (self.ln_D0, self.activation_energy_eV)
        return float(value), float(np.sqrt(design @ self.covariance @ design))


def fit_arrhenius(temperatures_K: Sequence[float], ln_D: Sequence[float], se_ln_D: Sequence[float]) -> Arrhenius:
    """Return the line of weighted least squares.

    Where points scatter about the line by more than their errors, all errors grow by the root of chi² per degree of
    freedom (the scale factor of the Particle Data Group); they never shrink.

    Raises
    ------
    ValueError
        With fewer than two different temperatures, or an error that is not positive.
    """
    inverse = 1.0 / (BOLTZMANN_EV_PER_K * np.asarray(temperatures_K, dtype=float))
    y, se = np.asarray(ln_D, dtype=float), np.asarray(se_ln_D, dtype=float)
    if len(y) < 2 or np.ptp(temperatures_K) < _SAME_K:
        raise ValueError("an activation energy needs two temperatures at least")
    if not (se > 0).all():
        raise ValueError("every ln D needs a standard error above zero")
    # About the weighted mean, slope and intercept are independent: well conditioned at any temperature.
    weights = se**-2
    centre = np.average(inverse, weights=weights)
    design = np.column_stack([np.ones_like(y), centre - inverse])
    covariance = np.diag(1.0 / (weights @ design**2))
    level, energy = covariance @ (design.T * weights) @ y
    degrees = len(y) - 2
    chi2 = float(weights @ (y - design @ (level, energy)) ** 2)
    inflation = max(1.0, math.sqrt(chi2 / degrees)) if degrees else 1.0
    shift = np.array([[1.0, centre], [0.0, 1.0]])
    return Arrhenius(
        float(energy), float(level + centre * energy), shift @ covariance @ shift.T * inflation**2, inflation
    )


def transport_of(
    usable: Sequence[TemperatureTransport], rejected: dict[str, str], targets_K: Sequence[float]
) -> ArrheniusTransport | None:
    """Return activation energies and the conductivity at the targets; None with fewer than two temperatures.

    Parameters
    ----------
    usable : sequence of TemperatureTransport
        Temperatures with a tracer diffusivity above zero and its error.
    rejected : dict of str
        Why each other temperature cannot be used.
    targets_K : sequence of float
        Temperatures at which the conductivity is wanted (K).
    """
    line = _line([(reached(point), point.D_tracer_cm2_s) for point in usable])
    if line is None:
        return None
    weak = weak_slope(line)
    law = _law(usable)
    told = [_with_caution(sigma_at(target, usable, line), line, law) for target in targets_K]
    held_back = tuple(target for target in told if weak is not None and target.how == "extrapolated")
    names = dict.fromkeys(name for point in usable for name in point.planes_cm2_s)
    planes = {name: _line([(reached(point), point.planes_cm2_s.get(name)) for point in usable]) for name in names}
    return ArrheniusTransport(
        activation_energy_eV=Measured(value=line.activation_energy_eV, se=line.se),
        planes_eV={n: Measured(value=p.activation_energy_eV, se=p.se) for n, p in planes.items() if p is not None},
        targets=tuple(target for target in told if target not in held_back),
        used_K=tuple(point.temperature_K for point in usable),
        rejected=rejected,
        notes=(*_notes(line, len(usable)), *_barely(usable), *([words_of(law)] if law and bent(law) else [])),
        weak=weak,
        held_back=held_back,
        law=law,
    )


def arrhenius_line(summary: TransportSummary) -> tuple[float, float] | None:
    """Return activation energy (eV) and ln D₀ (D in cm²/s) of the weighted fit, None where there is none.

    A line fitted with weights 1/SE² passes through the weighted mean of its points.
    """
    if summary.arrhenius is None:
        return None
    energy = summary.arrhenius.activation_energy_eV.value
    used = [
        (at.temperature_K, at.D_tracer_cm2_s.value, at.se_ln_D)
        for at in summary.temperatures
        if at.temperature_K in summary.arrhenius.used_K and at.D_tracer_cm2_s and at.D_tracer_cm2_s.value > 0
    ]
    if not used:
        return None
    weights = [1.0 if not all(se for *_, se in used) else float(se or 1.0) ** -2 for *_, se in used]
    offsets = [np.log(D) + energy / (BOLTZMANN_EV_PER_K * kelvin) for kelvin, D, _ in used]
    return energy, float(np.average(offsets, weights=weights))


def _law(usable: Sequence[TemperatureTransport]) -> TemperatureLaw | None:
    known = _known([(reached(point), point.D_tracer_cm2_s) for point in usable])
    return law_of([at_K for at_K, _, _ in known], [ln_D for _, ln_D, _ in known], [se for _, _, se in known])


def _with_caution(target: SigmaAt, line: Arrhenius, law: TemperatureLaw | None) -> SigmaAt:
    if law is None or not bent(law) or target.how != "extrapolated":
        return target
    along, _ = line.ln_diffusivity(target.temperature_K)
    return target.model_copy(update={"caution": caution_at(law, target.temperature_K, along)})


def weak_slope(line: Arrhenius) -> str | None:
    """Return why a line is no law to extrapolate, or None: its slope is above zero by two standard errors."""
    if line.activation_energy_eV > _STANDS_OUT * line.se:
        return None
    said = f"{line.activation_energy_eV:.3f} ± {line.se:.3f} eV"
    if line.activation_energy_eV < -_STANDS_OUT * line.se:
        return f"the activation energy is negative ({said}): slower where it is hotter, nothing is extrapolated"
    return f"the activation energy is not above zero by two standard errors ({said}): nothing is extrapolated"


def sigma_at(target_K: float, usable: Sequence[TemperatureTransport], line: Arrhenius) -> SigmaAt:
    """Return the Nernst–Einstein conductivity at a temperature.

    Runs within 1 K of the target answer with their own diffusivity and error. Else the line answers, with the density
    of ions of the nearest simulated temperature.
    """
    nearest = min(usable, key=lambda point: abs(point.temperature_K - target_K))
    own = nearest.D_tracer_cm2_s
    at_K = target_K
    if abs(nearest.temperature_K - target_K) <= _SAME_K and own is not None and own.se is not None:
        how, at_K = "simulated", reached(nearest)
        ln_D, se = math.log(own.value), own.se / own.value
    else:
        simulated = [point.temperature_K for point in usable]
        how = "interpolated" if min(simulated) < target_K < max(simulated) else "extrapolated"
        ln_D, se = line.ln_diffusivity(target_K)
    ln_sigma = ln_conductivity(ln_D, nearest.ions, nearest.charge_e, nearest.volume_A3, at_K)
    return SigmaAt(
        temperature_K=target_K,
        ln_sigma=Measured(value=ln_sigma, se=se),
        sigma_S_per_cm=math.exp(ln_sigma),
        how=how,
        volume_A3=nearest.volume_A3,
        volume_from_K=nearest.temperature_K,
    )


def reached(point: TemperatureTransport) -> float:
    """Return the temperature that ions diffused at (K): what the runs had, not what they were asked for."""
    return point.temperature_K if point.kinetic_K is None else point.kinetic_K


def _line(points: Sequence[tuple[float, Measured | None]]) -> Arrhenius | None:
    known = _known(points)
    try:
        return fit_arrhenius([at_K for at_K, _, _ in known], [ln_D for _, ln_D, _ in known], [se for _, _, se in known])
    except ValueError:
        return None


def _known(points: Sequence[tuple[float, Measured | None]]) -> list[tuple[float, float, float]]:
    """Return temperature (K), ln D and its standard error of the points that have them."""
    return [(at_K, math.log(D.value), D.se / D.value) for at_K, D in points if D is not None and D.value > 0 and D.se]


def _barely(usable: Sequence[TemperatureTransport]) -> list[str]:
    near = ", ".join(f"{point.temperature_K:g} K" for point in usable if point.barely)
    cold = "the activation energy may be too small" if usable[0].barely else "the line may be off"
    return [f"ions barely moved enough at {near}, and those that count moved too far: {cold}"] if near else []


def _notes(line: Arrhenius, temperatures: int) -> list[str]:
    if temperatures == 2:
        return ["two temperatures: the error comes from their error bars alone, nothing tests the straight line"]
    if line.inflation > 1.0:
        return [
            f"ln D scatters by {line.inflation:.1f} times its error bars about the line; errors are widened by that"
        ]
    return []
