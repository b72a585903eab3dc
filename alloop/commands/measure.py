"""``alloop measure``: measure transport of the fitted rungs, or of random subsets of the labels."""

from __future__ import annotations

from pathlib import Path

from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig
from alloop.decisions.charter import Charter, Goal
from alloop.decisions.evaluations import ladder_rungs
from alloop.decisions.random_subsets import SubsetError, draw
from alloop.journal.journal import JOURNAL_FILE, Journal
from alloop.state.fold import apply
from alloop.state.records import FrameState
from alloop.state.state import CampaignState
from alloop.tasks.contract.label import LABEL
from alloop.tasks.workspace import Workspace


def check_goal(loaded: LoadedConfig, root: Path, goal: Goal) -> None:
    """Refuse to measure without settings or without a campaign, before anything is created.

    Raises
    ------
    ConfigError
        With what is missing.
    """
    data = loaded.config.data
    brings = bool(data.campaigns) or bool(data.initial and data.reference == "same")
    if goal == "transport" and loaded.config.measure is None:
        what = "the config has no `measure` section; add one that says what to measure, with at least `mobile: Li`"
        raise ConfigError(loaded.path, Problem("measure", what))
    if goal not in ("verdict", "taught") and not (root / JOURNAL_FILE).exists() and not (goal == "subsets" and brings):
        what = f"no campaign in this folder; run it first: alloop run {loaded.path}"
        raise ConfigError(root, Problem("", what))


def check_rungs(state: CampaignState, charter: Charter, workspace: Workspace) -> None:
    """Refuse to measure a campaign without a rung that is fitted.

    Raises
    ------
    ConfigError
        With how many labels the first rung takes.
    """
    if not ladder_rungs(state, charter):
        labels, first = state.labelled("train"), charter.config.ladder.rungs[0]
        what = f"no rung is fitted yet ({labels} training labels, the first rung takes {first}); run the campaign on"
        raise ConfigError(workspace.root, Problem("", what))


def journal_subsets(journal: Journal, state: CampaignState, charter: Charter, workspace: Workspace) -> None:
    """Draw a ladder of random subsets, and journal it.

    Raises
    ------
    ConfigError
        If there are too few labels.
    """
    labelled = [frame for use in ("train", "heldout") for frame in state.labelled_frames(use)]
    compositions = {frame.id: _composition(frame, workspace) for frame in labelled}
    try:
        drawn = draw(state, charter, compositions)
    except SubsetError as error:
        raise ConfigError(workspace.root, Problem("", str(error))) from error
    for entry in journal.append([drawn]):
        apply(state, entry)


def _composition(frame: FrameState, workspace: Workspace) -> str:
    """Return the stratum by which subsets are balanced: the system, or the formula of an imported frame."""
    if frame.walker != "imported":
        return frame.system
    return workspace.data(LABEL, str(frame.label)).structure.formula()
