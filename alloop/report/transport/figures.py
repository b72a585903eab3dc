"""Figures of transport as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from alloop.report.looks import Figure, axis, layout_of, text
from alloop.report.transport.tables import CombinedRung, RungTransport, combine_rungs, combined
from alloop.transport.results import Curve, Measured, TemperatureCurves, TemperatureTransport, TransportSummary

BOLTZMANN_eV_K = 8.617333262e-5
COLOURS = ("#8c99a6", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#d9822b", "#c8443c")
"""One per rung by size, the foundation's grey first."""
HOT = ("#3b5bb5", "#5f8fd6", "#8fb7a0", "#d9b02b", "#d9822b", "#c8443c", "#8b1a1a")
PLANES = ("#2f6db5", "#3a9d6e", "#d9822b", "#8a63c7")
GATE = "#c8443c"
LOG = {"type": "log", "dtick": "D2", "exponentformat": "power"}
MIN_CONTACT = 0.5
MOST_PANELS_WIDE = 3


def colours_of(rungs: Iterable[RungTransport | CombinedRung]) -> dict[tuple[str, int], str]:
    """Return a colour per rung, the same in all figures; random subsets follow acquired rungs."""
    keys = sorted({(rung.kind, rung.size) for rung in rungs})
    sizes = sorted({size for _, size in keys if size})
    return {key: COLOURS[0] if not key[1] else COLOURS[1 + sizes.index(key[1]) % (len(COLOURS) - 1)] for key in keys}


def panels(names: Sequence[str], height: int, wide: int = MOST_PANELS_WIDE) -> tuple[Figure, list[str]]:
    """Return a layout with a titled panel per name, row by row, and the suffix of each panel's axes."""
    columns = min(wide, len(names))
    rows = -(-len(names) // columns)
    layout = layout_of(rows * height + 60, legend=True)
    layout["margin"] |= {"t": 72, "l": 84}
    drawn = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1 + 26 / drawn, "yanchor": "bottom", "traceorder": "normal"}
    layout["annotations"] = []
    suffixes = []
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        left, width = column / columns, 1 / columns
        top, tall = 1 - row / rows, 1 / rows
        suffix = "" if number == 0 else str(number + 1)
        x = [left + (0.075 if column else 0.0), left + width - 0.015]
        y = [top - tall + (0.16 / rows if row < rows - 1 else 0.0), top - 0.04 * tall]
        layout[f"xaxis{suffix}"] = {"domain": x, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = {"domain": y, "anchor": f"x{suffix}"}
        layout["annotations"].append(
            {"text": f"<b>{text(name)}</b>", "x": x[0], "y": y[1], "xref": "paper", "yref": "paper"}
            | {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"size": 13}}
        )
        suffixes.append(suffix)
    return layout, suffixes


def set_axes(layout: Figure, suffix: str, x: Mapping[str, Any], y: Mapping[str, Any]) -> None:
    """Give the axes of a panel their looks."""
    layout[f"xaxis{suffix}"] = dict(x) | layout[f"xaxis{suffix}"]
    layout[f"yaxis{suffix}"] = dict(y) | layout[f"yaxis{suffix}"]


# -- Arrhenius ---------------------------------------------------------------------------------------------------


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
    offsets = [np.log(D) + energy / (BOLTZMANN_eV_K * kelvin) for kelvin, D, _ in used]
    return energy, float(np.average(offsets, weights=weights))


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
    temperatures = [at for at in rung.summary.temperatures if _positive(at.D_tracer_cm2_s)]
    used = set(rung.summary.arrhenius.used_K) if rung.summary.arrhenius else set()
    random = rung.kind == "random subset"
    up, down, values, words = [], [], [], []
    for at in temperatures:
        assert at.D_tracer_cm2_s is not None
        D, se = at.D_tracer_cm2_s.value, at.se_ln_D
        values.append(D)
        up.append(None if se is None else D * float(np.expm1(se)))
        down.append(None if se is None else -D * float(np.expm1(-se)))
        why = at.unphysical or at.unmeasured or ("" if at.temperature_K in used else "not in the fit")
        known = f"± {se:.2g}" if se is not None else "(error bar unknown)"
        words.append(
            text(f"fit {rung.fit}, {at.temperature_K:g} K: D = {D:.3g} cm²/s, ln D {known}; {at.length_ps:g} ps")
            + (f"<br>{text(why)}" if why else "")
        )
    points: Figure = {
        "type": "scatter",
        "mode": "markers",
        "x": [1000 / at.temperature_K for at in temperatures],
        "y": values,
        "error_y": {"type": "data", "array": up, "arrayminus": down, "thickness": 1.3, "width": 4},
        "text": words,
        "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
        "marker": {
            "size": 8,
            "color": colour,
            "symbol": [
                ("diamond" if random else "circle") + ("" if at.temperature_K in used else "-open")
                for at in temperatures
            ],
        },
        **looks,
    }
    line = arrhenius_line(rung.summary)
    if line is None:
        return [points]
    energy, offset = line
    ends = [min(used), max(used)]
    fitted = {
        "type": "scatter",
        "mode": "lines",
        "x": [1000 / kelvin for kelvin in ends],
        "y": [float(np.exp(offset - energy / (BOLTZMANN_eV_K * kelvin))) for kelvin in ends],
        "line": {"color": colour, "width": 1.5, "dash": "dash" if random else "solid"},
        "hoverinfo": "skip",
        **looks,
    }
    return [points, fitted]


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
    if plane:
        return over_fits(rung, temperature_K, lambda at: at.planes_cm2_s.get(plane))
    return over_fits(rung, temperature_K, lambda at: at.D_tracer_cm2_s)


def over_fits(
    rung: CombinedRung, temperature_K: float, of: Callable[[TemperatureTransport], Measured | None]
) -> Measured | None:
    """Return a number at a temperature, combined over the fits of a rung whose runs are to be believed."""
    found = [at for fit in rung.fits for at in fit.summary.temperatures if at.temperature_K == temperature_K]
    values = [of(at) for at in found if not at.unmeasured and not at.unphysical]
    return combined([value for value in values if value], alone=rung.size == 0)


def activation_energy(rung: CombinedRung, plane: str = "") -> Measured | None:
    """Return the activation energy of a rung (eV), in all directions or within a plane."""
    if not plane:
        return rung.activation_energy_eV
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


# -- curves ------------------------------------------------------------------------------------------------------


def with_curves(rungs: Sequence[RungTransport], system: str) -> list[RungTransport]:
    """Return the first fit with curves of each rung of a system, by size."""
    found: dict[tuple[str, int], RungTransport] = {}
    for rung in sorted(rungs, key=lambda rung: (rung.kind, rung.size, rung.fit)):
        if rung.system == system and rung.curves and rung.curves.temperatures:
            found.setdefault((rung.kind, rung.size), rung)
    return list(found.values())


def hottest(rungs: Sequence[RungTransport]) -> float:
    """Return the highest temperature (K) at which all of the rungs have curves, or any of them."""
    sets = [{at.temperature_K for at in rung.curves.temperatures} for rung in rungs if rung.curves]
    return max(set.intersection(*sets) or set.union(*sets))


def curves_at(rung: RungTransport, temperature_K: float) -> TemperatureCurves | None:
    """Return the curves at a temperature."""
    at = rung.curves.temperatures if rung.curves else ()
    return next((curves for curves in at if curves.temperature_K == temperature_K), None)


def rounded(values: Iterable[float]) -> list[float]:
    """Return numbers with four significant digits, for a small file."""
    return [float(f"{value:.4g}") for value in values]


def _line(curve: Curve, label: str, colour: str, suffix: str, unit: str, **more: Any) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "legendgroup": label,
        "x": rounded(curve.x),
        "y": rounded(curve.y),
        "line": {"color": colour, "width": 1.6},
        "hovertemplate": f"%{{x}}: %{{y}} {unit}<extra>%{{fullData.name}}</extra>",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        **more,
    }


def contact_gate(pair: str, min_contact: float = MIN_CONTACT) -> float | None:
    """Return the distance (Å) below which the atoms of a pair have merged, None if they are no elements."""
    from ase.data import atomic_numbers, covalent_radii

    numbers = [atomic_numbers.get(symbol, 0) for symbol in pair.split("-")]
    return float(min_contact * sum(covalent_radii[number] for number in numbers)) if all(numbers) else None


def g_r_figure(rungs: Sequence[RungTransport], system: str, min_contact: float = MIN_CONTACT) -> Figure | None:
    """Return g(r) of a system per pair, a colour per rung, with the distance below which atoms have merged."""
    shown = with_curves(rungs, system)
    kelvin = hottest(shown) if shown else 0.0
    curves = [(rung, at) for rung in shown if (at := curves_at(rung, kelvin)) and at.g_r]
    if not curves:
        return None
    pairs = sorted({pair for _, at in curves for pair in at.g_r})
    layout, suffixes = panels([f"{pair}, {kelvin:g} K" for pair in pairs], 250)
    colours, traces = colours_of(rungs), []
    for suffix, pair in zip(suffixes, pairs, strict=True):
        for rung, at in curves:
            if pair in at.g_r:
                label, colour = combine_rungs([rung])[0].label, colours[rung.kind, rung.size]
                dash = "dash" if rung.kind == "random subset" else "solid"
                trace = _line(at.g_r[pair], label, colour, suffix, "(no unit)", showlegend=pair == pairs[0])
                traces.append(trace | {"line": {"color": colour, "width": 1.6, "dash": dash}})
        set_axes(layout, suffix, axis("r (Å)", rangemode="tozero"), axis("g(r)", rangemode="tozero"))
    gates = ((suffix, contact_gate(pair, min_contact)) for suffix, pair in zip(suffixes, pairs, strict=True))
    layout["shapes"] = [_upright(suffix, gate) for suffix, gate in gates if gate]
    return {"data": traces, "layout": layout}


def _upright(suffix: str, x: float) -> Figure:
    line = {"color": GATE, "width": 1, "dash": "dash"}
    return {"type": "line", "xref": f"x{suffix}", "yref": f"y{suffix} domain", "x0": x, "x1": x, "y0": 0, "y1": 1} | {
        "line": line
    }


def msd_figure(rungs: Sequence[RungTransport], system: str) -> Figure | None:
    """Return the mean squared displacement of a system's largest rung with curves, a colour per temperature."""
    shown = with_curves(rungs, system)
    if not shown or not shown[-1].curves:
        return None
    rung = _best(shown)
    layout, (suffix,) = panels([f"{system}, {combine_rungs([rung])[0].label}, fit {rung.fit}"], 340)
    traces = []
    for at, colour in _by_heat(rung):
        for curve, label, width in (
            (at.msd_A2, f"ions, {at.temperature_K:g} K", 2.0),
            (at.msd_framework_A2, f"framework, {at.temperature_K:g} K", 1.0),
        ):
            points = _above_zero(curve)
            if not points:
                continue
            bars = {"type": "data", "array": rounded(points.se), "thickness": 0.8, "width": 0, "color": colour}
            trace = _line(points, label, colour, suffix, "Å²", error_y=bars)
            traces.append(trace | {"line": {"color": colour, "width": width, "dash": "solid" if width > 1 else "dot"}})
    set_axes(layout, suffix, axis("lag (ps)", **LOG), axis("mean squared displacement (Å²)", **LOG))
    return {"data": traces, "layout": layout} if traces else None


def _best(shown: Sequence[RungTransport]) -> RungTransport:
    return max(shown, key=lambda rung: (rung.kind == "acquired", rung.size))


def _above_zero(curve: Curve | None) -> Curve | None:
    """Return the points of a curve that a logarithmic axis can show."""
    if curve is None:
        return None
    kept = [i for i, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)) if x > 0 and y > 0]
    se = tuple(curve.se[i] for i in kept) if curve.se else ()
    return Curve(x=tuple(curve.x[i] for i in kept), y=tuple(curve.y[i] for i in kept), se=se) if kept else None


def _by_heat(rung: RungTransport) -> list[tuple[TemperatureCurves, str]]:
    temperatures = rung.curves.temperatures if rung.curves else ()
    scale = np.linspace(0, len(HOT) - 1, max(len(temperatures), 2)).round().astype(int)
    return [(at, HOT[scale[i]]) for i, at in enumerate(temperatures)]


def stability_figure(rungs: Sequence[RungTransport], system: str) -> Figure | None:
    """Return shortest contacts and conserved energy over time, for a system's largest rung with curves."""
    shown = with_curves(rungs, system)
    if not shown:
        return None
    rung = _best(shown)
    kelvin = hottest([rung])
    layout, (left, right) = panels([f"shortest contact, {kelvin:g} K", "conserved energy less its first value"], 300)
    at, traces = curves_at(rung, kelvin), []
    pairs = sorted(at.shortest_A) if at else []
    for number, pair in enumerate(pairs):
        assert at is not None
        colour = COLOURS[(number + 1) % len(COLOURS)]
        traces.append(_line(at.shortest_A[pair], text(pair), colour, left, "Å"))
    for curves, colour in _by_heat(rung):
        for number, curve in enumerate(curves.conserved_meV_per_atom):
            label = f"{curves.temperature_K:g} K"
            traces.append(_line(curve, label, colour, right, "meV/atom", showlegend=number == 0))
    set_axes(layout, left, axis("time (ps)"), axis("distance (Å)", rangemode="tozero"))
    set_axes(layout, right, axis("time (ps)"), axis("energy (meV/atom)"))
    return {"data": traces, "layout": layout} if traces else None
