"""The section of the report about the fits of the rungs: their errors step by step. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alloop.report.blocks import Section, plot
from alloop.report.figure_style import Figure, axis
from alloop.report.panels import panels, set_axes
from alloop.state.state import CampaignState
from alloop.tasks.contract.fit import EpochMetrics, FitSummary

HOW_FITS = (
    "Root mean square errors at the checks during each fit, on the frames that it watches: those left out of it, or "
    "its own training frames where none is left out, as in the fits of rungs. They are not the held-out errors above, "
    "and say only whether a fit had converged. Averaged weights are checked, so the curves are smooth."
)
COLOURS = ("#8c99a6", "#46327e", "#277f8e", "#1fa187", "#d9822b", "#c8443c")
_NUMBERS = (("rmse_forces_meV_per_A", "force RMSE (meV/Å)"), ("rmse_energy_meV_per_atom", "energy RMSE (meV/atom)"))


@dataclass(frozen=True)
class FitCurve:
    """The checks of one fit of a rung: its number of training labels, and which of its fits it is."""

    size: int
    fit: int
    watched: str
    history: tuple[EpochMetrics, ...]


def fits_section(state: CampaignState) -> tuple[Section, ...]:
    """Return the fits of the rungs step by step; nothing before the first."""
    figure = fits_figure(list(fit_curves(state)))
    caption = "Errors of every fit of every rung during the fit, on the frames it watches; a colour per rung."
    drawn = plot("fits", figure, caption)
    return (Section("fits-section", "Did the fits converge?", drawn, HOW_FITS),) if drawn else ()


def fit_curves(state: CampaignState) -> Iterator[FitCurve]:
    """Yield the finished fits of the rungs, the smallest rung first."""
    by_model = {f"fit:{task.key}": task for task in state.tasks.values() if task.task == "fit" and task.finished}
    for size, rung in sorted(state.rungs.items()):
        for fit, model in sorted(rung.models.items()):
            task = by_model.get(model)
            if task is None or task.finished is None:
                continue
            summary = FitSummary.model_validate(task.finished.summary)
            yield FitCurve(size, fit, summary.watched, summary.history)


def fits_figure(curves: list[FitCurve]) -> Figure | None:
    """Return force and energy errors against optimiser steps, a line per fit, a colour per rung."""
    curves = [curve for curve in curves if curve.history]
    if not curves:
        return None
    sizes = sorted({curve.size for curve in curves})
    layout, suffixes = panels(["forces", "energies"], 320, wide=2)
    traces = []
    for suffix, (number, title) in zip(suffixes, _NUMBERS, strict=True):
        for curve in curves:
            name = f"{curve.size} labels"
            first = suffix == "" and curve.fit == min(one.fit for one in curves if one.size == curve.size)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": first,
                    "x": [check.step for check in curve.history],
                    "y": [float(f"{getattr(check, number):.4g}") for check in curve.history],
                    "hovertemplate": f"{name}, fit {curve.fit}, step %{{x}}: %{{y}}<extra></extra>",
                    "line": {"width": 1.4, "color": COLOURS[sizes.index(curve.size) % len(COLOURS)]},
                    "marker": {"size": 4, "color": COLOURS[sizes.index(curve.size) % len(COLOURS)]},
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                }
            )
        set_axes(layout, suffix, axis("optimiser steps", rangemode="tozero"), axis(title, type="log", dtick="D2"))
    return {"data": traces, "layout": layout}
