"""Read the quantities that rungs are compared by (`policies.stopping.transport`) from a summary of transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from alloop.transport.results import Measured, TransportSummary

Reading = Measured | str
"""A number with its error, or why it could not be measured."""


def _activation_energy(summary: TransportSummary) -> Reading:
    if summary.arrhenius is None:
        return summary.unmeasured or "there is no activation energy"
    return summary.arrhenius.activation_energy_eV


def _ln_sigma(summary: TransportSummary, at_K: float) -> Reading:
    line = summary.arrhenius
    targets = (*line.targets, *line.held_back) if line is not None else ()
    found = next((target.ln_sigma for target in targets if abs(target.temperature_K - at_K) < 1e-6), None)
    if found is None:
        return summary.unmeasured or f"there is no conductivity at {at_K:g} K"
    return found


SCALARS: Mapping[str, Callable[[TransportSummary], Reading]] = MappingProxyType(
    {"activation_energy_eV": _activation_energy}
)
"""How to read each quantity that a summary has one of, by its field; ln σ belongs to a temperature."""


def read_quantities(summary: TransportSummary | None, at_K: float) -> dict[str, Reading]:
    """Return every quantity by its field, with its error, from a slope that may be lost in it.

    Whether an activation energy stands is told of the mean over fits (`policies.stopping.transport.refuse_weak`): a
    mean over those fits alone whose slopes are steep would be too large.

    Parameters
    ----------
    summary : TransportSummary or None
        What one fit gave in one system; None if its measurement failed.
    at_K : float
        Temperature of the conductivity (K).
    """
    if summary is None:
        return dict.fromkeys([*SCALARS, "ln_sigma"], "a measurement failed")
    return {field: read(summary) for field, read in SCALARS.items()} | {"ln_sigma": _ln_sigma(summary, at_K)}
