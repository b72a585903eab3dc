"""Draw the plots that go with the rows of Weights & Biases: those of the report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alloop.monitor.wandb_account import short
from alloop.monitor.wandb_numbers import Publication
from alloop.report.calibration.figures import reliability
from alloop.report.figure_style import Figure
from alloop.report.fits import fit_curves, fits_figure
from alloop.report.heldout.data import heldout_data
from alloop.report.heldout.figures import parity
from alloop.report.learning_curve import learning_curve
from alloop.tasks.workspace import Workspace

RELIABILITY, LEARNING_CURVE, FITS, PARITY = (
    "calibration/reliability",
    "charts/learning_curve",
    "charts/fits",
    "charts/parity",
)
log = logging.getLogger(__name__)


def plots(item: Publication, folder: Path) -> dict[str, Any]:
    """Return the plots of a row as wandb's objects; one that cannot be drawn is left out."""
    drawn = {}
    for name, draw in _figures(item, folder).items():
        try:
            import plotly.graph_objects
            import wandb

            figure = draw()
            if figure is not None:
                drawn[name] = wandb.Plotly(plotly.graph_objects.Figure(figure))
        except Exception as error:
            log.info("no plot %s of event %s: %s", name, item.seq, short(error), exc_info=True)
    return drawn


def _figures(item: Publication, folder: Path) -> dict[str, Callable[[], Figure | None]]:
    found: dict[str, Callable[[], Figure | None]] = {}
    if (calibrated := item.reliability) is not None:
        found[RELIABILITY] = lambda: reliability(calibrated)
    if (state := item.judged) is not None:
        found[LEARNING_CURVE] = lambda: learning_curve(state)
        found[FITS] = lambda: fits_figure(list(fit_curves(state)))
        found[PARITY] = lambda: parity(heldout_data(state, Workspace(folder)).frames)
    return found
