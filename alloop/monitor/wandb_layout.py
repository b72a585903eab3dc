"""A layout of the page of a project at Weights & Biases for campaigns, saved there as a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from alloop.monitor.wandb_charts import FITS, LEARNING_CURVE, PARITY, RELIABILITY

MISSING = "needs the package `wandb-workspaces`; install it with `pip install 'alloop[layout]'`"


@dataclass(frozen=True)
class Panel:
    """A panel: curves of metrics against another one, points of two metrics, or a plot that rows hold."""

    title: str
    metrics: tuple[str, ...]
    x: str = "labels"
    kind: Literal["lines", "points", "plot"] = "lines"


SECTIONS: dict[str, tuple[Panel, ...]] = {
    "What the campaign found": (
        Panel("Held-out force RMSE (meV/Å)", ("heldout/force_rmse_meV_per_A",)),
        Panel("Held-out energy RMSE (meV/atom)", ("heldout/energy_rmse_meV_per_atom",)),
        Panel("Learning curve", (LEARNING_CURVE,), kind="plot"),
        Panel("Model against DFT", (PARITY,), kind="plot"),
        Panel("Fits step by step", (FITS,), kind="plot"),
        Panel("Expected errors", (RELIABILITY,), kind="plot"),
    ),
    "What it cost": (
        Panel("DFT (core-hours)", ("dft/core_hours",), x="wall_h"),
        Panel("Training labels", ("labels",), x="wall_h"),
        Panel("Time of a label (core-s)", ("label/core_s",), x="label/temperature_K", kind="points"),
        Panel("Failed labels", ("count/failed_labels",), x="wall_h"),
    ),
    "What it explores": (
        Panel("Largest disagreement (eV/Å)", ("explore/max_disagreement_eV_per_A",)),
        Panel("Largest force of a label (eV/Å)", ("label/max_force_eV_per_A",), "label/temperature_K", "points"),
        Panel("Chosen and rejected frames", ("select/chosen", "select/rejected")),
        Panel("Frames at the gate", ("explore/gated",)),
        Panel("Leader: force RMSE at its last check (meV/Å)", ("leader/rmse_forces_meV_per_A",)),
    ),
}


def save_layout(entity: str, project: str) -> str:
    """Save the layout as a view of a project and return its address; raises what wandb raises.

    Raises
    ------
    ImportError
        If wandb-workspaces is not installed.
    """
    import wandb_workspaces.workspaces as ws

    sections = [
        ws.Section(name=name, panels=[_panel(one) for one in panels], is_open=True) for name, panels in SECTIONS.items()
    ]
    view = ws.Workspace(entity=entity, project=project, name="alloop", sections=sections, auto_generate_panels=True)
    return str(view.save().url)


def _panel(panel: Panel) -> Any:
    import wandb_workspaces.reports.v2 as wr

    if panel.kind == "plot":
        return wr.MediaBrowser(title=panel.title, media_keys=list(panel.metrics))
    if panel.kind == "points":
        return wr.ScatterPlot(title=panel.title, x=panel.x, y=panel.metrics[0])
    return wr.LinePlot(title=panel.title, x=panel.x, y=list(panel.metrics))
