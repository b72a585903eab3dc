"""What ``alloop run`` would do with the campaign that a config's folder already holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alloop.campaign.damaged_folders import without_journal
from alloop.campaign.opening import foresee
from alloop.config.errors import ConfigError
from alloop.config.loading import LoadedConfig
from alloop.journal.journal import JOURNAL_FILE, read_entries
from alloop.state.fold import fold
from alloop.status.messages import lines


@dataclass(frozen=True)
class Resumption:
    """The campaign in a folder, as a config finds it.

    Attributes
    ----------
    folder : pathlib.Path
        The campaign's folder.
    labels : int or None
        Labels it has; None where there is no campaign.
    notes : tuple of str
        What would be told when it continues, one line each.
    refusal : ConfigError or None
        Why ``alloop run`` would not continue it.
    """

    folder: Path
    labels: int | None = None
    notes: tuple[str, ...] = ()
    refusal: ConfigError | None = None

    def lines(self) -> list[str]:
        """Return it in words."""
        if self.labels is None:
            return list(self.notes)
        if self.refusal is not None:
            return [
                f"There is a campaign in {self.folder} with {self.labels} labels, which this config cannot continue."
            ]
        told = f"There is a campaign in {self.folder}; `alloop run` would continue it with {self.labels} labels."
        return [told, *(f"  {note}" for note in self.notes)]

    def as_json(self) -> dict[str, object]:
        """Return it for ``--json``."""
        return {
            "folder": str(self.folder),
            "labels": self.labels,
            "continues": None if self.labels is None else self.refusal is None,
            "notes": list(self.notes),
            "refusal": None if self.refusal is None else list(self.refusal.lines()),
        }


def resumption(loaded: LoadedConfig, root: Path) -> Resumption:
    """Find out what ``alloop run`` would do with the campaign in a folder, if there is one."""
    if not (root / JOURNAL_FILE).exists():
        return Resumption(root, notes=tuple(without_journal(root)))
    state = fold(read_entries(root))
    if state.created is None:
        return Resumption(root)
    labels = state.labelled("train") + state.labelled("heldout")
    try:
        entries = foresee(loaded, state, root)
    except ConfigError as error:
        return Resumption(root, labels, refusal=error)
    return Resumption(root, labels, tuple(text for entry in entries for text in lines(entry, state)))
