"""The section of the report about what labels cost: their times and SCF iterations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.report.blocks import Block, Section, grid, plot
from alloop.report.figure_style import Figure, axis, text
from alloop.report.panels import panels, set_axes
from alloop.state.state import CampaignState
from alloop.status.numbers import duration
from alloop.tasks.contract.label import LABEL, LabelSummary

HOW_COSTS = (
    "Time: from start to end of a label on its worker, with all attempts at its SCF; other work on the same machine "
    "makes it longer. SCF iterations are those of the attempt that converged; engines that do not tell them are left "
    "out. Labels whose SCF converged only with safer settings are counted in the table."
)
COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#3f8f8b", "#b08d1e")
BINS = 16


@dataclass(frozen=True)
class LabelCost:
    """What one label cost: its system, time (s), SCF iterations, and whether its first SCF settings were enough."""

    system: str
    seconds: float
    iterations: int | None
    first_try: bool


def label_costs(state: CampaignState) -> Iterator[LabelCost]:
    """Yield what every label that was computed for this campaign cost."""
    for task in state.tasks.values():
        done, frame = task.finished, state.frames.get(task.context.get("frame", ""))
        if task.task != LABEL.name or task.of_study or done is None or done.status != "ok" or frame is None:
            continue
        if done.timing is None or done.reused:
            continue
        summary = LabelSummary.model_validate(done.summary)
        seconds = max(0.0, done.timing.finished_t - done.timing.started_t)
        yield LabelCost(frame.system, seconds, summary.scf_iterations, summary.scf_rung == 0)


def costs_section(state: CampaignState) -> tuple[Section, ...]:
    """Return histograms of the labels' times and SCF iterations; nothing without a label."""
    costs = list(label_costs(state))
    if not costs:
        return ()
    counted = any(cost.iterations is not None for cost in costs)
    caption = "Labels by the time they took" + (" and by their SCF iterations" if counted else "") + "."
    blocks: tuple[Block, ...] = (*plot("label-costs", costs_figure(costs), caption), _table(costs))
    return (Section("label-costs-section", "What did a label cost?", blocks, HOW_COSTS),)


def _table(costs: Sequence[LabelCost]) -> Block:
    rows = []
    for system in dict.fromkeys(cost.system for cost in costs):
        own = [cost for cost in costs if cost.system == system]
        seconds = np.array([cost.seconds for cost in own])
        scf = [cost.iterations for cost in own if cost.iterations is not None]
        again = sum(not cost.first_try for cost in own)
        middle = f"{np.median(scf):g} ({min(scf)} to {max(scf)})" if scf else "–"
        span = f"{_time(float(seconds.min()))} to {_time(float(seconds.max()))}"
        rows.append((system, str(len(own)), _time(float(np.median(seconds))), span, middle, str(again)))
    head = ("System", "Labels", "Median time", "Range", "SCF iterations (range)", "With safer SCF settings")
    return grid(head, rows, range(1, 6))


def _time(seconds: float) -> str:
    return duration(seconds) if seconds >= 9.5 else f"{seconds:.2g} s"


def costs_figure(costs: Sequence[LabelCost]) -> Figure:
    """Return histograms of times and, where they are known, of SCF iterations."""
    longest = max(cost.seconds for cost in costs)
    unit, seconds = ("min", 60.0) if longest > 300 else ("s", 1.0)
    times = [(cost.system, cost.seconds / seconds) for cost in costs]
    scf = [(cost.system, float(cost.iterations)) for cost in costs if cost.iterations is not None]
    shown = [("time", f"time of a label ({unit})", times)]
    shown += [("SCF", "SCF iterations of a label", scf)] if scf else []
    layout, suffixes = panels([name for name, _, _ in shown], 280, wide=2)
    systems = list(dict.fromkeys(cost.system for cost in costs))
    layout["showlegend"] = len(systems) > 1
    traces = []
    for suffix, (_, title, values) in zip(suffixes, shown, strict=True):
        edges = np.histogram_bin_edges([value for _, value in values], bins=BINS)
        for number, system in enumerate(systems):
            counts, _ = np.histogram([value for name, value in values if name == system], bins=edges)
            traces.append(_bars(system, counts.tolist(), edges, COLOURS[number % len(COLOURS)], suffix))
        set_axes(layout, suffix, axis(title), axis("labels", rangemode="tozero"))
    return {"data": traces, "layout": layout | {"barmode": "stack", "bargap": 0.05}}


def _bars(system: str, counts: list[int], edges: NDArray[np.float64], colour: str, suffix: str) -> Figure:
    return {
        "type": "bar",
        "name": text(system),
        "legendgroup": text(system),
        "showlegend": not suffix,
        "x": [float(f"{value:.5g}") for value in (edges[:-1] + edges[1:]) / 2],
        "y": counts,
        "marker": {"color": colour},
        "hovertemplate": f"{text(system)}, about %{{x}}: %{{y}} labels<extra></extra>",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
    }
