"""Figures of g(r), displacements, contacts and energy as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alloop.report.figure_style import Figure, axis, text
from alloop.report.panels import panels, set_axes
from alloop.report.transport.figures import COLOURS, LOG, colours_of
from alloop.report.transport.tables import RungTransport, combine_rungs
from alloop.transport.results import Curve, TemperatureCurves

HOT = ("#3b5bb5", "#5f8fd6", "#8fb7a0", "#d9b02b", "#d9822b", "#c8443c", "#8b1a1a")
"""One per temperature, the coldest first."""
GATE = "#c8443c"
MIN_CONTACT = 0.5


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
    """Return the distance (Å) below which the atoms of a pair have merged, None if they are not elements."""
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
