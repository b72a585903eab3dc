"""Figures of diffusivities and activation energies as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from alloop.report.figure_style import Figure, axis, text
from alloop.report.panels import panels, set_axes
from alloop.report.transport.tables import CombinedRung, RungTransport, combine_rungs, combined
from alloop.transport.arrhenius import arrhenius_line
from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.results import Measured, TemperatureTransport

COLOURS = ("#8c99a6", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#d9822b", "#c8443c")
"""One per rung by size, the foundation's grey first."""
PLANES = ("#2f6db5", "#3a9d6e", "#d9822b", "#8a63c7")
LOG = {"type": "log", "dtick": "D2", "exponentformat": "power"}


def colours_of(rungs: Iterable[RungTransport | CombinedRung]) -> dict[tuple[str, int], str]:
    """Return a colour per rung, the same in all figures, as far from each other as the colours allow."""
    keys = sorted({(rung.kind, rung.size) for rung in rungs})
    sizes = sorted({size for _, size in keys if size})
    step = max(1, (len(COLOURS) - 2) // max(1, len(sizes) - 1))
    colour = {size: COLOURS[1 + step * place % (len(COLOURS) - 1)] for place, size in enumerate(sizes)}
    return {key: colour.get(key[1], COLOURS[0]) for key in keys}


# -- Arrhenius ---------------------------------------------------------------------------------------------------


def arrhenius_figure(rungs: Sequence[RungTransport]) -> Figure | None:
    """Return D of the mobile ions against 1000/T, a panel per system, a colour per rung, with the fitted lines."""
    shown = [rung for rung in rungs if any(_positive(at.D_tracer_cm2_s) for at in rung.summary.temperatures)]
    if not shown:
        return None
    systems = list(dict.fromkeys(rung.system for rung in shown))
    layout, suffixes = panels(systems, 380 if len(systems) < 3 else 320, wide=min(2, len(systems)))
    colours, traces, named = colours_of(shown), [], set()
    for rung in sorted(shown, key=lambda rung: (rung.kind, rung.size, rung.fit)):
        suffix, key = suffixes[systems.index(rung.system)], (rung.kind, rung.size)
        label = combine_rungs([rung])[0].label
        looks = {"name": label, "legendgroup": label, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        drawn = _arrhenius_traces(rung, colours[key], looks)
        for trace in drawn:
            trace["showlegend"] = key not in named and trace is drawn[0]
        named.add(key)
        traces += drawn
    for suffix in suffixes:
        set_axes(layout, suffix, axis("1000 / T (1/K)"), axis("D (cm²/s)", **LOG))
    return {"data": traces, "layout": layout}


def _positive(value: Measured | None) -> bool:
    return value is not None and value.value > 0


def _arrhenius_traces(rung: RungTransport, colour: str, looks: Figure) -> list[Figure]:
    used = set(rung.summary.arrhenius.used_K) if rung.summary.arrhenius else set()
    temperatures = [at for at in rung.summary.temperatures if _positive(at.D_tracer_cm2_s)]
    points = _diffusivities(rung, temperatures, used, colour) | looks
    line = arrhenius_line(rung.summary)
    return [points] if line is None else [points, _fitted_line(rung, *line, used, colour) | looks]


def _diffusivities(
    rung: RungTransport, temperatures: Sequence[TemperatureTransport], used_K: Collection[float], colour: str
) -> Figure:
    shape = "diamond" if rung.kind == "random subset" else "circle"
    bars = [_bar(at) for at in temperatures]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [1000 / at.temperature_K for at in temperatures],
        "y": [at.D_tracer_cm2_s.value for at in temperatures if at.D_tracer_cm2_s],
        "error_y": {
            "type": "data",
            "array": [above for above, _ in bars],
            "arrayminus": [below for _, below in bars],
            "thickness": 1.3,
            "width": 4,
        },
        "text": [_in_words(rung.fit, at, at.temperature_K in used_K) for at in temperatures],
        "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
        "marker": {
            "size": 8,
            "color": colour,
            "symbol": [shape if at.temperature_K in used_K else f"{shape}-open" for at in temperatures],
        },
    }


def _bar(at: TemperatureTransport) -> tuple[float | None, float | None]:
    """Return how far one standard error of ln D reaches above and below D (cm²/s), None where it is unknown."""
    if at.D_tracer_cm2_s is None or at.se_ln_D is None:
        return None, None
    D = at.D_tracer_cm2_s.value
    return D * float(np.expm1(at.se_ln_D)), -D * float(np.expm1(-at.se_ln_D))


def _in_words(fit: int, at: TemperatureTransport, used: bool) -> str:
    assert at.D_tracer_cm2_s is not None
    why = at.unphysical or at.unmeasured or ("" if used else "not in the fit")
    error = f"± {at.se_ln_D:.2g}" if at.se_ln_D is not None else "(error bar unknown)"
    D = f"D = {at.D_tracer_cm2_s.value:.3g} cm²/s, ln D {error}"
    return text(f"fit {fit}, {at.temperature_K:g} K: {D}; {at.length_ps:g} ps") + (f"<br>{text(why)}" if why else "")


def _fitted_line(rung: RungTransport, energy_eV: float, ln_D0: float, used_K: Collection[float], colour: str) -> Figure:
    ends = [min(used_K), max(used_K)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [1000 / kelvin for kelvin in ends],
        "y": [float(np.exp(ln_D0 - energy_eV / (BOLTZMANN_EV_PER_K * kelvin))) for kelvin in ends],
        "line": {"color": colour, "width": 1.5, "dash": "dash" if rung.kind == "random subset" else "solid"},
        "hoverinfo": "skip",
    }


# -- planes ------------------------------------------------------------------------------------------------------


def plane_names(rungs: Iterable[RungTransport]) -> tuple[str, ...]:
    """Return the planes that were measured."""
    names = (name for rung in rungs for at in rung.summary.temperatures for name in at.planes_cm2_s)
    return tuple(sorted(set(names)))


def common_temperature(rungs: Sequence[CombinedRung]) -> float | None:
    """Return the temperature (K) at which most systems have a diffusivity, the lowest of several."""
    counts: dict[float, set[str]] = {}
    for rung in rungs:
        for fit in rung.fits:
            for at in fit.summary.temperatures:
                if at.D_tracer_cm2_s and not at.unmeasured and not at.unphysical:
                    counts.setdefault(at.temperature_K, set()).add(rung.system)
    return min(counts, key=lambda kelvin: (-len(counts[kelvin]), kelvin), default=None)


def diffusivity(rung: CombinedRung, temperature_K: float, plane: str = "") -> Measured | None:
    """Return the diffusivity of a rung (cm²/s), in all directions or within a plane, combined over its fits."""
    return over_fits(rung, temperature_K, _directed(plane))


def diffusivity_of_fits(rung: CombinedRung, temperature_K: float, plane: str = "") -> dict[int, Measured]:
    """Return the diffusivity (cm²/s) that every fit of a rung predicts, by its number."""
    return _of_fits(rung, temperature_K, _directed(plane))


def over_fits(
    rung: CombinedRung, temperature_K: float, of: Callable[[TemperatureTransport], Measured | None]
) -> Measured | None:
    """Return a number at a temperature, combined over the fits of a rung whose runs are to be believed."""
    return combined(list(_of_fits(rung, temperature_K, of).values()), alone=rung.size == 0)


def _directed(plane: str) -> Callable[[TemperatureTransport], Measured | None]:
    return lambda at: at.planes_cm2_s.get(plane) if plane else at.D_tracer_cm2_s


def _of_fits(
    rung: CombinedRung, temperature_K: float, of: Callable[[TemperatureTransport], Measured | None]
) -> dict[int, Measured]:
    found = [(fit.fit, at) for fit in rung.fits for at in fit.summary.temperatures if at.temperature_K == temperature_K]
    values = {fit: of(at) for fit, at in found if not at.unmeasured and not at.unphysical}
    return {fit: value for fit, value in values.items() if value}


def activation_energy(rung: CombinedRung, plane: str = "") -> Measured | None:
    """Return the activation energy of a rung (eV), in all directions or within a plane."""
    if not plane:
        return rung.scalars["activation_energy_eV"]
    fits = [fit.summary.arrhenius for fit in rung.fits if fit.summary.arrhenius]
    return combined([fit.planes_eV[plane] for fit in fits if plane in fit.planes_eV], alone=rung.size == 0)


def planar_figure(rungs: Sequence[RungTransport]) -> Figure | None:
    """Return D and activation energy of the largest rung of each system, in all directions and within planes."""
    largest = largest_rungs(rungs)
    planes, kelvin = plane_names(rungs), common_temperature(largest)
    if not planes or kelvin is None:
        return None
    layout, suffixes = panels([f"D at {kelvin:g} K", "activation energy"], 320, wide=2)
    names = [text(f"{rung.system}, {rung.label}") for rung in largest]
    traces = []
    for plane, colour in zip(("", *planes), PLANES * len(planes), strict=False):
        for suffix, unit, values in (
            (suffixes[0], "cm²/s", [diffusivity(rung, kelvin, plane) for rung in largest]),
            (suffixes[1], "eV", [activation_energy(rung, plane) for rung in largest]),
        ):
            label = f"{text(plane)} plane" if plane else "all directions"
            traces.append(_bars(label, names, values, unit, colour) | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
            traces[-1]["showlegend"] = suffix == suffixes[0]
    set_axes(layout, suffixes[0], axis(""), axis("D (cm²/s)", rangemode="tozero", exponentformat="power"))
    set_axes(layout, suffixes[1], axis(""), axis("activation energy (eV)", rangemode="tozero"))
    return {"data": traces, "layout": layout | {"barmode": "group"}}


def _bars(label: str, names: list[str], values: Sequence[Measured | None], unit: str, colour: str) -> Figure:
    return {
        "type": "bar",
        "name": label,
        "legendgroup": label,
        "x": names,
        "y": [value.value if value else None for value in values],
        "error_y": {"type": "data", "array": [value.se if value else None for value in values], "thickness": 1.3},
        "hovertemplate": f"%{{x}}, {label}: %{{y:.3g}} {unit}<extra></extra>",
        "marker": {"color": colour},
    }


def largest_rungs(rungs: Iterable[RungTransport]) -> list[CombinedRung]:
    """Return the largest acquired rung of each system that was measured, or its largest random subset."""
    best: dict[str, CombinedRung] = {}
    for rung in combine_rungs(rungs):
        before = best.get(rung.system)
        order = (rung.kind == "acquired", rung.size)
        if before is None or order > (before.kind == "acquired", before.size):
            best[rung.system] = rung
    return list(best.values())
