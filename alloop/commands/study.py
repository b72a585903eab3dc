"""``alloop study NAME``: run a study of a campaign, which changes none of its decisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig
from alloop.config.suggestions import hint
from alloop.state.state import CampaignState
from alloop.studies.study import NAMES, Study, study, tables


def find_study(name: str, path: Path) -> Study:
    """Return the study of a name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in NAMES:
        mend = hint(name, NAMES, f"known: {', '.join(NAMES)}")
        raise ConfigError(path, Problem("", f"no study has the name `{name}`; {mend}"))
    return study(name)


def prepared(loaded: LoadedConfig, asked: Study, dft: int | None) -> LoadedConfig:
    """Return the config with which a study is done: `dft` goes before the number in the config.

    Raises
    ------
    ConfigError
        If the study has no calculations by the label engine, or cannot be done with this config.
    """
    if dft is not None:
        settings = asked.settings(loaded.config)
        if "dft" not in type(settings).model_fields:
            raise ConfigError(loaded.path, Problem("", f"the study {asked.name!r} takes no --dft; leave it out"))
        sections = loaded.config.studies.model_copy(update={asked.name: settings.model_copy(update={"dft": dft})})
        loaded = replace(loaded, config=loaded.config.model_copy(update={"studies": sections}))
    found = asked.problem(loaded.config)
    if found is not None:
        raise loaded.error(*found)
    return loaded


def show_study(state: CampaignState, asked: Study, console: Console) -> None:
    """Print what a study found."""
    found = tables(state).get(asked.name)
    if found is None:
        return
    shown = Table(title=found.title, title_justify="left")
    for column in found.columns:
        shown.add_column(column.title)
    for row in found.texts():
        shown.add_row(*row)
    console.print(shown, markup=False, highlight=False)
