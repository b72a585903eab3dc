"""How commands begin and end that drive a campaign. What takes long to import is imported once a config is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from alloop.commands.interruption import NOTHING_STARTED, interruptible
from alloop.monitor.terminal import Terminal

if TYPE_CHECKING:
    from alloop.decisions.charter import Goal


def driven(run: Callable[[], int]) -> NoReturn:
    """Run a driver and end with its exit code."""
    with interruptible(NOTHING_STARTED):
        code = run()
    raise typer.Exit(code)


def campaign_driver(
    config: Path,
    folder: Path | None,
    plain: bool,
    accept_policy: bool = False,
    goal: Goal = "verdict",
    study: str | None = None,
    dft: int | None = None,
) -> Callable[[], int]:
    """Return what drives a campaign; its modules are imported here, before anything is begun."""
    refuse_early(config, folder)
    from alloop.commands.run import run_campaign

    asked = partial(run_campaign, config, folder, accept_policy=accept_policy, goal=goal, study=study, dft=dft)
    return partial(on_terminal, asked, plain)


def name_in(config: Path) -> str:
    """Return the name of a campaign; what is no config is refused before what takes long is imported."""
    from alloop.config.loading import load_config

    return load_config(config).config.name


def refuse_early(config: Path, folder: Path | None = None) -> None:
    """Refuse what is no config, or no folder for its campaign, before what takes long is imported."""
    from alloop.campaign.folders import campaign_folder, refuse_unusable_path

    refuse_unusable_path(campaign_folder(name_in(config), folder))


def on_terminal(drive: Callable[..., int], plain: bool) -> int:
    """Drive a campaign that prints on this terminal; a driver that must restart does so in place."""
    from alloop.commands.restart import RestartWanted, restart_in_place

    console = Terminal()
    try:
        return drive(console, plain=plain or not console.is_terminal)
    except RestartWanted as wanted:
        restart_in_place(wanted)
