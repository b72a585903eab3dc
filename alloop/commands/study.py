"""``alloop study NAME``: run a study of a campaign, which changes none of its decisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig
from alloop.config.suggestions import hint
from alloop.state.state import CampaignState
from alloop.status.messages import wrapped
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


def prepared(loaded: LoadedConfig, asked: Study, dft: int | None) -> Study:
    """Return a study that can be done with a config; `dft` goes before the number in the config, this time only.

    Raises
    ------
    ConfigError
        If the study has no calculations by the label engine, or cannot be done with this config.
    """
    if dft is not None and "dft" not in type(asked.settings(loaded.config)).model_fields:
        raise ConfigError(loaded.path, Problem("", f"the study `{asked.name}` takes no --dft; leave it out"))
    found = asked.problem(loaded.config)
    if found is not None:
        raise loaded.error(*found)
    return asked if dft is None else replace(asked, changed={"dft": dft})


def fitting(asked: Study | None, loaded: LoadedConfig, state: CampaignState) -> Study | None:
    """Return a study with what it reads from files.

    Raises
    ------
    ConfigError
        If these do not fit the campaign.
    """
    return None if asked is None else asked.prepare(asked, loaded, state)


def show_study(state: CampaignState, asked: Study, console: Console) -> None:
    """Print what a study found."""
    found = tables(state).get(asked.name)
    if found is None:
        console.print(f"The study `{asked.name}` found nothing to compute.", markup=False, highlight=False)
        return
    for line in (found.title, *(part for row in found.lines() for part in wrapped(f"  {row}", indent="    "))):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
