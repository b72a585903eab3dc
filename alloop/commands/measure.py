"""``alloop measure``: transport of the rungs that stand, or of random subsets of the labels."""

from __future__ import annotations

from alloop.charter import Charter
from alloop.config.errors import ConfigError, Problem
from alloop.folding import apply
from alloop.journal import Journal
from alloop.state import State
from alloop.subsets import SubsetError, draw
from alloop.tasks.workspace import Workspace


def journal_subsets(journal: Journal, state: State, charter: Charter, workspace: Workspace) -> None:
    """Draw a ladder of random subsets, and journal it.

    Raises
    ------
    ConfigError
        If there are too few labels.
    """
    labelled = [frame for use in ("train", "heldout") for frame in state.labelled_frames(use)]
    compositions = {
        frame.id: workspace.label(str(frame.label)).structure.formula() if frame.walker == "imported" else frame.system
        for frame in labelled
    }
    try:
        drawn = draw(state, charter, compositions)
    except SubsetError as error:
        raise ConfigError(workspace.root, Problem("", str(error))) from error
    for entry in journal.append([drawn]):
        apply(state, entry)
