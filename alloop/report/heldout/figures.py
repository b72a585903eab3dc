"""Parity plots of held-out frames, as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alloop.report.figure_style import LOG_TICKS, Figure, axis, layout_of, text, ticks
from alloop.report.heldout.data import HeldoutFrame
from alloop.report.heldout.errors import ForceBin
from alloop.report.panels import panels, set_axes

COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#c8443c", "#3f8f8b", "#b08d1e", "#5d6b7a")
LINE = "#7f8c99"
MOST_POINTS = 1500
"""Points of one element in one panel; more are thinned evenly."""


@dataclass(frozen=True)
class Series:
    """Points of one colour in one panel: what they are, their unit, and the values of the labels and of the model."""

    panel: str
    what: str
    unit: str
    name: str
    true: list[float]
    made: list[float]


def parity(frames: Sequence[HeldoutFrame]) -> Figure | None:
    """Return forces and energies of the model against those of the labels, panels for each system."""
    found: list[Series] = []
    for system in dict.fromkeys(frame.system for frame in frames):
        own = [frame for frame in frames if frame.system == system]
        found += [*_forces(system, own), *_energies(system, own)]
    return _drawn(found) if found else None


def _forces(system: str, frames: Sequence[HeldoutFrame]) -> Iterator[Series]:
    """Yield the force components by element, of frames whose predicted forces were kept."""
    kept = [(f.symbols, f.forces_eV_per_A, f.predicted_eV_per_A) for f in frames if f.predicted_eV_per_A is not None]
    for element in sorted({symbol for symbols, _, _ in kept for symbol in symbols}):
        true = np.concatenate([forces[np.array(symbols) == element].ravel() for symbols, forces, _ in kept])
        made = np.concatenate([forces[np.array(symbols) == element].ravel() for symbols, _, forces in kept])
        step = 1 + len(true) // MOST_POINTS
        yield Series(
            f"{system}, forces", "force component", "eV/Å", element, true[::step].tolist(), made[::step].tolist()
        )


def _energies(system: str, frames: Sequence[HeldoutFrame]) -> Iterator[Series]:
    """Yield the energies by temperature, less the mean of the labels."""
    zero = float(np.mean([frame.energy_eV_per_atom for frame in frames]))
    for kelvin in sorted({frame.temperature_K or 0.0 for frame in frames}):
        at = [frame for frame in frames if (frame.temperature_K or 0.0) == kelvin]
        true = [1000 * (frame.energy_eV_per_atom - zero) for frame in at]
        made = [1000 * (frame.predicted_eV_per_atom - zero) for frame in at]
        name = f"{kelvin:g} K" if kelvin else "other frames"
        yield Series(f"{system}, energies", "energy less the mean", "meV/atom", name, true, made)


def error_by_force(bins: Sequence[ForceBin]) -> Figure | None:
    """Return the error of a force component against the size of the force, a colour for each system."""
    systems = list(dict.fromkeys(one.system for one in bins))
    if not bins:
        return None
    span = [min(one.force_eV_per_A for one in bins), max(one.force_eV_per_A for one in bins)]
    none = _same(span) | {"name": "a model that predicts no forces", "hoverinfo": "skip", "showlegend": True}
    traces = [none | {"y": [1000 * value / 3**0.5 for value in span]}]
    for place, system in enumerate(systems):
        traces.append(_against(system, [one for one in bins if one.system == system], COLOURS[place % len(COLOURS)]))
    layout = layout_of(360, legend=True)
    layout["xaxis"] = axis("size of the labelled force (eV/Å)", type="log") | ticks(LOG_TICKS)
    layout["yaxis"] = axis("RMSE of a force component (meV/Å)", type="log") | ticks([1000 * one for one in LOG_TICKS])
    return {"data": traces, "layout": layout}


def _against(system: str, bins: Sequence[ForceBin], colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": text(system),
        "x": [float(f"{one.force_eV_per_A:.4g}") for one in bins],
        "y": [float(f"{one.error_meV_per_A:.4g}") for one in bins],
        "error_y": {"type": "data", "array": [one.se_error_meV_per_A for one in bins], "thickness": 1.4},
        "customdata": [one.atoms for one in bins],
        "hovertemplate": "%{x} eV/Å: %{y} meV/Å, %{customdata} atoms<extra></extra>",
        "marker": {"size": 8, "color": colour},
        "line": {"width": 2, "color": colour},
    }


def _drawn(series: Sequence[Series]) -> Figure:
    titles, names = list(dict.fromkeys(s.panel for s in series)), list(dict.fromkeys(s.name for s in series))
    layout, suffixes = panels(titles, 400, wide=2)
    traces: list[Figure] = []
    for suffix, title in zip(suffixes, titles, strict=True):
        own = [one for one in series if one.panel == title]
        values = [value for one in own for value in (*one.true, *one.made)]
        where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        traces.append(_same([min(values), max(values)]) | where)
        for one in own:
            known = any(trace.get("name") == text(one.name) for trace in traces)
            traces.append(_points(one, COLOURS[names.index(one.name) % len(COLOURS)]) | where)
            traces[-1]["showlegend"] = not known
        what, unit = own[0].what, own[0].unit
        set_axes(layout, suffix, axis(f"{what}, label ({unit})"), axis(f"{what}, model ({unit})"))
    return {"data": traces, "layout": layout}


def _same(span: Sequence[float]) -> Figure:
    line = {"color": LINE, "width": 1.2, "dash": "dash"}
    return {"type": "scatter", "mode": "lines", "x": list(span), "y": list(span), "line": line} | {
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _points(series: Series, colour: str) -> dict[str, Any]:
    name = text(series.name)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "x": [float(f"{value:.4g}") for value in series.true],
        "y": [float(f"{value:.4g}") for value in series.made],
        "hovertemplate": f"{name}: label %{{x}}, model %{{y}} {series.unit}<extra></extra>",
        "marker": {"size": 6, "color": colour, "opacity": 0.6},
    }
