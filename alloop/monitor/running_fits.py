"""How far running fits are, in lines for the terminal."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from alloop.state.state import CampaignState
from alloop.status.task_words import fit_words
from alloop.tasks.fit_progress import FitProgress, read_progress

MOST_FITS = 2
"""Fits that are shown."""
MOST_ASKED = 8
"""Running fits whose files are read."""


def fit_lines(root: Path, state: CampaignState) -> tuple[str, ...]:
    """Return a line for each of the first running fits that have told something; nothing in it decides anything."""
    running = islice((task for task in state.running.values() if task.task == "fit"), MOST_ASKED)
    told = ((task.purpose, read_progress(root, task.key)) for task in running)
    return tuple(islice((fit_line(purpose, found) for purpose, found in told if found is not None), MOST_FITS))


def fit_line(purpose: str, found: FitProgress) -> str:
    """Return how far a fit is.

    Examples
    --------
    >>> told = FitProgress(step=400, steps=1500, loss=0.0123, rmse_forces_meV_per_A=45.21, watched="train")
    >>> fit_line("fit/r24/f0", told)
    'rung 24, fit 0: step 400 of 1500, loss 0.0123, 45.2 meV/Å on training frames'
    """
    frames = {"train": "training frames", "valid": "frames to validate on"}[found.watched]
    errors = f"loss {found.loss:.3g}, {found.rmse_forces_meV_per_A:.3g} meV/Å"
    return f"{fit_words(purpose)}: step {found.step} of {found.steps}, {errors} on {frames}"
