"""The learning curve as a plain plotly dictionary. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloop.report.figure_style import Figure, axis, layout_of, ticks
from alloop.report.panels import place_axes
from alloop.state.state import CampaignState
from alloop.status.numbers import finite
from alloop.status.summary import RungRow, rung_rows, subset_rows
from alloop.tasks.contract.evaluate import EvaluateSummary

ACQUIRED, RANDOM = "#2f6db5", "#7f8c99"


def learning_curve(state: CampaignState) -> Figure | None:
    """Return held-out RMSE of forces and energies by number of training labels, with standard errors.

    Random subsets of the finished set stand beside the rungs where they are judged.
    """
    rows = [row for row in rung_rows(state) if row.rmse_forces_meV_per_A is not None]
    subsets = [row for row in subset_rows(state) if row.rmse_forces_meV_per_A is not None]
    leaders = leader_errors(state)
    if not rows and not leaders:
        return None
    traces = _curves("all fits of a rung", rows, {"color": ACQUIRED, "width": 2})
    if subsets:
        traces += _curves("random subsets of all labels", subsets, {"color": RANDOM, "width": 2, "dash": "dash"})
    if leaders:
        traces.append(_points("leaders between rungs", [(n, f) for n, f, _ in leaders], "meV/Å", ""))
        traces.append(_points("leaders between rungs", [(n, e) for n, _, e in leaders], "meV/atom", "2", legend=False))
    layout = layout_of(360, legend=True)
    sizes = sorted({row.size for row in (*rows, *subsets)} | {n for n, _, _ in leaders})
    for suffix, title, across in (("", "force RMSE (meV/Å)", [0, 0.46]), ("2", "energy RMSE (meV/atom)", [0.56, 1])):
        x = axis("training labels", type="log") | ticks(sizes)
        place_axes(layout, suffix, x, axis(title, rangemode="tozero"), across=across)
    layout["shapes"] = _tolerances(state)
    return {"data": traces, "layout": layout}


def _tolerances(state: CampaignState) -> list[dict[str, Any]]:
    """Return bands around the errors of the last rung but one, within which those of the last count as unchanged."""
    bands = []
    suffixes = {"force RMSE": "", "energy RMSE": "2"}
    for one in state.judged[-1].judgements if state.judged else ():
        middle, tolerance = finite(one.get("value_previous")), finite(one.get("tolerance"))
        suffix = suffixes.get(str(one.get("metric")))
        if suffix is not None and middle is not None and tolerance is not None:
            place = {"type": "rect", "xref": f"x{suffix} domain", "yref": f"y{suffix}", "x0": 0, "x1": 1}
            bands.append(place | {"y0": max(0.0, middle - tolerance), "y1": middle + tolerance, "layer": "below"})
            bands[-1] |= {"fillcolor": "rgba(58,157,110,0.14)", "line": {"width": 0}}
    return bands


def leader_errors(state: CampaignState) -> list[tuple[int, float, float]]:
    """Return (labels, force RMSE, energy RMSE) of generation leaders outside the ladder that were evaluated."""
    found = []
    for generation in state.generations:
        model = generation.models.get(0)
        sizes = [heldout for name, heldout in state.evaluations if name == model]
        if generation.rung is None and model is not None and sizes:
            found.append((len(generation.frames), *_rmse(state.evaluations[model, max(sizes)])))
    return found


def _rmse(errors: EvaluateSummary) -> tuple[float, float]:
    force = float(np.sqrt(np.mean(errors.forces_squared_error))) * 1000
    energy = float(np.sqrt(np.mean(np.square(errors.energy_error_eV_per_atom)))) * 1000
    return force, energy


def _curves(name: str, rows: Sequence[RungRow], line: Figure) -> list[Figure]:
    """Return a line of the force errors of some rungs, and one of their energy errors."""
    force = [(row.size, row.rmse_forces_meV_per_A, row.se_forces_meV_per_A) for row in rows]
    energy = [(row.size, row.rmse_energy_meV_per_atom, row.se_energy_meV_per_atom) for row in rows]
    return [
        _curve(name, force, "meV/Å", "", line, rows),
        _curve(name, energy, "meV/atom", "2", line, rows) | {"showlegend": False},
    ]


def _curve(
    name: str,
    points: Sequence[tuple[int, float | None, float | None]],
    unit: str,
    axis: str,
    line: Figure,
    rows: Sequence[RungRow],
) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "showlegend": True,
        "x": [size for size, _, _ in points],
        "y": [value for _, value, _ in points],
        "error_y": {"type": "data", "array": [error or 0.0 for _, _, error in points], "thickness": 1.6, "width": 6},
        "customdata": [[error, row.fits, row.frames] for (_, _, error), row in zip(points, rows, strict=True)],
        "hovertemplate": f"%{{x}} labels: %{{y:.4g}} ± %{{customdata[0]:.2g}} {unit}"
        "<br>%{customdata[1]} fits, %{customdata[2]} held-out frames<extra></extra>",
        "marker": {"size": 9, "color": line["color"]},
        "line": line,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _points(name: str, points: Sequence[tuple[int, float]], unit: str, axis: str, legend: bool = True) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "showlegend": legend,
        "x": [n for n, _ in points],
        "y": [value for _, value in points],
        "hovertemplate": f"%{{x}} labels: %{{y:.4g}} {unit}, one model<extra></extra>",
        "marker": {"size": 7, "color": "#d9822b", "symbol": "diamond-open", "line": {"width": 1.5}},
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }
