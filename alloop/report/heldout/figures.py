"""Parity plots of held-out frames, as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloop.report.figure_style import Figure, axis, text
from alloop.report.heldout.data import HeldoutFrame
from alloop.report.panels import panels, set_axes

COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#c8443c", "#3f8f8b", "#b08d1e", "#5d6b7a")
LINE = "#7f8c99"
MOST_POINTS = 1500
"""Points of one element in one panel; more are thinned evenly."""


def force_parity(frames: Sequence[HeldoutFrame]) -> Figure | None:
    """Return predicted against labelled force components, a panel per system, a colour per element."""
    known = [frame for frame in frames if frame.predicted_eV_per_A is not None]
    elements = sorted({symbol for frame in known for symbol in frame.symbols})
    series: list[tuple[str, str, list[float], list[float]]] = []
    for system in dict.fromkeys(frame.system for frame in known):
        own = [frame for frame in known if frame.system == system]
        symbols = np.repeat(np.concatenate([np.array(frame.symbols) for frame in own]), 3)
        true = np.concatenate([frame.forces_eV_per_A.ravel() for frame in own])
        made = np.concatenate([f.predicted_eV_per_A.ravel() for f in own if f.predicted_eV_per_A is not None])
        for element in elements:
            places = np.flatnonzero(symbols == element)
            places = places[:: 1 + len(places) // MOST_POINTS]
            if len(places):
                series.append((system, element, true[places].tolist(), made[places].tolist()))
    return _parity(series, "force component", "eV/Å")


def energy_parity(frames: Sequence[HeldoutFrame]) -> Figure | None:
    """Return predicted against labelled energies, a panel per system, a colour per temperature.

    Energies count from the mean of the labels of the system.
    """
    series: list[tuple[str, str, list[float], list[float]]] = []
    for system in dict.fromkeys(frame.system for frame in frames):
        own = [frame for frame in frames if frame.system == system]
        zero = float(np.mean([frame.energy_eV_per_atom for frame in own]))
        for kelvin in sorted({frame.temperature_K or 0.0 for frame in own}):
            at = [frame for frame in own if (frame.temperature_K or 0.0) == kelvin]
            true = [1000 * (frame.energy_eV_per_atom - zero) for frame in at]
            made = [1000 * (frame.predicted_eV_per_atom - zero) for frame in at]
            series.append((system, f"{kelvin:g} K" if kelvin else "other frames", true, made))
    return _parity(series, "energy less the mean", "meV/atom")


def _parity(series: Sequence[tuple[str, str, list[float], list[float]]], what: str, unit: str) -> Figure | None:
    if not series:
        return None
    systems, names = list(dict.fromkeys(one[0] for one in series)), list(dict.fromkeys(one[1] for one in series))
    layout, suffixes = panels(systems, 360, wide=2)
    traces: list[Figure] = []
    for suffix, system in zip(suffixes, systems, strict=True):
        own = [one for one in series if one[0] == system]
        values = [value for _, _, true, made in own for value in (*true, *made)]
        span = [min(values), max(values)]
        traces.append(_same(span) | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        for _, name, true, made in own:
            colour = COLOURS[names.index(name) % len(COLOURS)]
            traces.append(_points(name, true, made, colour, unit) | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        set_axes(layout, suffix, axis(f"{what}, DFT ({unit})"), axis(f"{what}, model ({unit})"))
    drawn: set[str] = set()
    for trace in traces:
        if "name" in trace:
            trace["showlegend"] = trace["name"] not in drawn
            drawn.add(trace["name"])
    return {"data": traces, "layout": layout}


def _same(span: Sequence[float]) -> Figure:
    line = {"color": LINE, "width": 1.2, "dash": "dash"}
    return {"type": "scatter", "mode": "lines", "x": list(span), "y": list(span), "line": line} | {
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _points(name: str, true: list[float], made: list[float], colour: str, unit: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(name),
        "legendgroup": text(name),
        "x": [float(f"{value:.4g}") for value in true],
        "y": [float(f"{value:.4g}") for value in made],
        "hovertemplate": f"{text(name)}: DFT %{{x}}, model %{{y}} {unit}<extra></extra>",
        "marker": {"size": 5, "color": colour, "opacity": 0.55},
    }
