"""Figures about the calibration of the committee, as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from alloop.report.figure_style import Figure, axis, layout_of, text, ticks
from alloop.report.panels import place_axes
from alloop.status.calibration import Fared
from alloop.status.numbers import finite, many
from alloop.tasks.contract.calibrate import CalibrateSummary
from policies.calibration.reliability import ReliabilityRow
from policies.calibration.scales import COVERAGE
from policies.calibration.trust import COVERAGE_RANGE, LARGEST_RATIO

FEW_FRAMES = 20
"""Frames of a bin below which its point is hollow."""
BELOW = f"below the {100 * COVERAGE:.0f} % bound (%)"
AMONG = {"probe": "random probes", "selected": "selected frames"}
MADE = "as predicted when chosen"
COLOURS = {"probe": "#d9822b", "selected": "#2f6db5", MADE: "#8a63c7"}
SPECIES_COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#c8443c", "#3f8f8b", "#b08d1e", "#5d6b7a")
BAND, LINE = "rgba(58,157,110,0.14)", "#7f8c99"
LOG_TICKS = tuple(digit * 10.0**power for power in range(-6, 4) for digit in (1, 2, 5))
SMALLEST_ERROR_eV_PER_A, LARGEST_ERROR_eV_PER_A = 1e-9, 1e9
LEFT, RIGHT = [0, 0.5], [0.6, 1]


def reliability(summary: CalibrateSummary) -> Figure | None:
    """Return true against expected errors of labels that were held back, and how many lie below their bound."""
    series = [(AMONG[among], COLOURS[among], "circle", _rows(summary.table, among)) for among in AMONG]
    series.append((MADE, COLOURS[MADE], "diamond", _rows(summary.made)))
    drawn = [row for _, _, _, rows in series for row in rows]
    if not drawn:
        return None
    values = [value for row in drawn for value in (row.predicted_eV_per_A, row.observed_eV_per_A)]
    low, high = min(values) / 1.5, max(values) * 1.5
    traces = _agreement(low, high)
    for name, colour, symbol, rows in series:
        if rows:
            traces += [_errors(name, colour, symbol, rows), _coverages(name, colour, symbol, rows)]
    layout = layout_of(430, legend=True)
    span = {"type": "log", "range": [math.log10(low), math.log10(high)]} | ticks(LOG_TICKS)
    errors, coverage = axis("true error (eV/Å)", **span), axis(BELOW, range=_percent_range([r.coverage for r in drawn]))
    for suffix, across, y in (("", LEFT, errors), ("2", RIGHT, coverage)):
        place_axes(layout, suffix, axis("expected error (eV/Å)", **span), y, across=across)
    layout["shapes"] = _wanted("x2", "y2", *(100 * share for share in (*COVERAGE_RANGE, COVERAGE)))
    return {"data": traces, "layout": layout}


def calibration_history(calibrations: Mapping[int, CalibrateSummary]) -> Figure | None:
    """Return how expected errors fared among random probes, generation by generation; nothing of fewer than two."""
    points: dict[str, list[tuple[int, Fared]]] = {}
    for generation, summary in sorted(calibrations.items()):
        for row in map(Fared.of, summary.overall):
            if row.among == "probe" and row.ratio is not None and finite(row.coverage) is not None:
                points.setdefault(row.species, []).append((generation, row))
    if len({generation for rows in points.values() for generation, _ in rows}) < 2:
        return None
    traces = []
    for index, name in enumerate(sorted(points)):
        colour = SPECIES_COLOURS[index % len(SPECIES_COLOURS)]
        ratio = [(g, row, row.ratio, row.se_ratio) for g, row in points[name]]
        share = [(g, row, 100 * row.coverage, _percent(row.se_coverage)) for g, row in points[name]]
        traces += [_over_generations(name, colour, "", "", ratio), _over_generations(name, colour, "2", " %", share)]
    layout = layout_of(320, legend=True)
    most = max(float(trace["y"][i]) for trace in traces[::2] for i in range(len(trace["y"])))
    titles = ("true / expected error", BELOW)
    for suffix, title, across in (("", titles[0], LEFT), ("2", titles[1], RIGHT)):
        whole = {"tickformat": "d", "dtick": 1} if len(calibrations) <= 12 else {"tickformat": "d"}
        place_axes(layout, suffix, axis("generation", **whole), axis(title), across=across)
    layout["yaxis"] |= {"range": [0, max(2.0, 1.15 * most)]}
    shares = [row.coverage for rows in points.values() for _, row in rows]
    layout["yaxis2"] |= {"range": _percent_range(shares)}
    layout["shapes"] = _wanted("x", "y", 1 / LARGEST_RATIO, LARGEST_RATIO, 1.0)
    layout["shapes"] += _wanted("x2", "y2", *(100 * share for share in (*COVERAGE_RANGE, COVERAGE)))
    return {"data": traces, "layout": layout}


def _rows(rows: Sequence[ReliabilityRow], among: str | None = None) -> list[ReliabilityRow]:
    """Return the rows that a logarithmic figure can show, smallest expected error first."""
    shown = [row for row in rows if among is None or row.among == among]
    shown = [row for row in shown if all(map(_drawable, (row.predicted_eV_per_A, row.observed_eV_per_A)))]
    return sorted(shown, key=lambda row: row.predicted_eV_per_A)


def _drawable(error_eV_per_A: float) -> bool:
    return SMALLEST_ERROR_eV_PER_A < error_eV_per_A < LARGEST_ERROR_eV_PER_A


def _agreement(low: float, high: float) -> list[Figure]:
    """Return the line where both errors are the same, and the band around it that is good enough."""
    factor = LARGEST_RATIO
    band = {
        "type": "scatter",
        "mode": "lines",
        "name": f"within a factor of {factor:g}",
        "x": [low, high, high, low],
        "y": [low / factor, high / factor, high * factor, low * factor],
        "fill": "toself",
        "fillcolor": BAND,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    line = {"color": LINE, "width": 1.2, "dash": "dash"}
    same = {"type": "scatter", "mode": "lines", "x": [low, high], "y": [low, high], "line": line}
    return [band, same | {"hoverinfo": "skip", "showlegend": False}]


def _errors(name: str, colour: str, symbol: str, rows: Sequence[ReliabilityRow]) -> Figure:
    error = {"type": "data", "array": [finite(row.se_observed_eV_per_A) for row in rows], "color": colour}
    return _bins(name, colour, symbol, rows, [row.observed_eV_per_A for row in rows], error)


def _coverages(name: str, colour: str, symbol: str, rows: Sequence[ReliabilityRow]) -> Figure:
    error = {"type": "data", "array": [_percent(row.se_coverage) for row in rows], "color": colour}
    drawn = _bins(name, colour, symbol, rows, [100 * (finite(row.coverage) or 0.0) for row in rows], error)
    return drawn | {"xaxis": "x2", "yaxis": "y2", "showlegend": False}


def _bins(
    name: str,
    colour: str,
    symbol: str,
    rows: Sequence[ReliabilityRow],
    y: Sequence[float],
    error: dict[str, Any],
) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "x": [row.predicted_eV_per_A for row in rows],
        "y": list(y),
        "error_y": error | {"thickness": 1.4, "width": 4},
        "text": [text(f"{name}, {AMONG.get(row.among, row.among)}" if name == MADE else name) for row in rows],
        "customdata": [_words(row) for row in rows],
        "hovertemplate": "%{text}<br>%{customdata}<extra></extra>",
        "marker": {
            "size": 9,
            "color": colour,
            "symbol": [symbol if row.frames >= FEW_FRAMES else f"{symbol}-open" for row in rows],
            "line": {"width": 1.6, "color": colour},
        },
    }


def _words(row: ReliabilityRow) -> str:
    error = " ± ?" if row.se_observed_eV_per_A is None else f" ± {row.se_observed_eV_per_A:.2g}"
    spread = " ± ?" if row.se_coverage is None else f" ± {100 * row.se_coverage:.0f}"
    return (
        f"expected {row.predicted_eV_per_A:.3g} eV/Å, true {row.observed_eV_per_A:.3g}{error} eV/Å"
        f"<br>{many(row.atoms, 'atom')} of {many(row.frames, 'frame')}"
        f"<br>{100 * row.coverage:.0f}{spread} % below the {100 * COVERAGE:.0f} % bound"
    )


def _over_generations(
    name: str,
    colour: str,
    suffix: str,
    unit: str,
    points: Sequence[tuple[int, Fared, float | None, float | None]],
) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": text(name),
        "legendgroup": text(name),
        "showlegend": not suffix,
        "x": [generation for generation, _, _, _ in points],
        "y": [value for _, _, value, _ in points],
        "error_y": {"type": "data", "array": [error for _, _, _, error in points], "thickness": 1.2, "width": 4},
        "customdata": [row.frames for _, row, _, _ in points],
        "hovertemplate": f"{text(name)}, generation %{{x}}: %{{y:.3g}}{unit}<br>%{{customdata}} probes<extra></extra>",
        "marker": {"size": 7, "color": colour},
        "line": {"width": 1.6, "color": colour},
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
    }


def _wanted(x: str, y: str, low: float, high: float, middle: float) -> list[dict[str, Any]]:
    """Return the band of values that are good enough, and the one that was meant."""
    across = {"xref": f"{x} domain", "yref": y, "x0": 0, "x1": 1, "layer": "below"}
    return [
        across | {"type": "rect", "y0": low, "y1": high, "fillcolor": BAND, "line": {"width": 0}},
        across | {"type": "line", "y0": middle, "y1": middle, "line": {"color": LINE, "width": 1.2, "dash": "dash"}},
    ]


def _percent_range(shares: Sequence[float]) -> list[float]:
    """Return a range (%) that shows the band of good coverages and everything below it."""
    lowest = min((100 * value for share in shares if (value := finite(share)) is not None), default=0.0)
    return [max(0.0, min(70.0, lowest - 12.0)), 103.0]


def _percent(share: float | None) -> float | None:
    value = finite(share)
    return None if value is None else 100 * value
