"""``alloop sync``: send Weights & Biases what it lacks of a campaign."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from alloop.campaign.folders import resolved
from alloop.commands.outputs import DATASET_FILE, EXPORT_FOLDER, REPORT_FILE
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import load_config
from alloop.config.machine import MonitorConfig, WandbConfig
from alloop.journal.events import CampaignCreated, DriverStarted
from alloop.journal.journal import Entry
from alloop.monitor.wandb_account import has_account, refusal, short, sync_command
from alloop.monitor.wandb_artifacts import Output, outputs
from alloop.monitor.wandb_layout import MISSING, save_layout
from alloop.monitor.wandb_segments import begun_t, segments
from alloop.monitor.wandb_sync import LONGEST_UPLOAD_S, RefusedError, Synced, SyncError, sync, sync_in_time
from alloop.outputs.models import choose_models
from alloop.outputs.readme import PROVENANCE_FILE
from alloop.reading import ReadCampaign
from alloop.state.state import CampaignState

LOGIN = "run `wandb login`, or set WANDB_API_KEY"
REFUSED = f"{LOGIN} of an account that may write to the project; see monitor.wandb.entity and project"
_INIT_S, _FINISH_S = 20.0, 15.0
MOST_SENDING_S = _INIT_S + _FINISH_S + LONGEST_UPLOAD_S
"""Longest time that sending the outputs takes (s)."""


def run_sync(where: Path, campaign: ReadCampaign, console: Console, *, layout: bool = False) -> bool:
    """Send the server what it lacks of a campaign, and say what it has now.

    Parameters
    ----------
    where : pathlib.Path
        The campaign's folder, or the config that made it.
    campaign : ReadCampaign
        The campaign; a driver may run it offline meanwhile.
    console : rich.console.Console
        Where to print.
    layout : bool
        Whether to save a layout of the project's page too.

    Returns
    -------
    bool
        Whether the server has everything.

    Raises
    ------
    ConfigError
        If the campaign is not to be published, or there is no account for it.
    """
    state, root = campaign.state, campaign.root
    config = _section(where, state)
    if layout and find_spec("wandb_workspaces") is None:
        raise ConfigError(root, Problem("--layout", MISSING))
    if not config.enabled:
        what = "the campaign is not to be published; set it to true in its config and run `alloop run` once more"
        raise ConfigError(root, Problem("monitor.wandb.enabled", what))
    refused = refusal(root)
    if refused is not None:
        raise ConfigError(root, Problem("", f"Weights & Biases is not used; {refused}"))
    if not has_account(os.environ):
        raise ConfigError(root, Problem("", f"there is no account for Weights & Biases; {LOGIN}"))
    if campaign.driver is not None and _publishes(root, campaign.entries):
        _say(console, f"Nothing to do: its driver ({campaign.driver}) is sending everything itself.")
        return True
    try:
        synced = sync(config, root, campaign.entries, partial(campaign_outputs, state, root))
    except RefusedError as error:
        raise ConfigError(root, Problem("monitor.wandb", f"{error}; {REFUSED}")) from error
    except SyncError as error:
        _say(console, f"W&B: {error}; nothing is lost: run the same command again.")
        return False
    _say(console, f"W&B: {synced.rows} rows were missing; {_words(synced)}")
    absent = _absent(synced, root) if config.artifacts else ""
    if absent:
        _say(console, absent)
    laid_out = not layout or _lay_out(synced, console)
    return laid_out and all(not one.trouble or one.unwanted for one in synced.uploads)


def _lay_out(synced: Synced, console: Console) -> bool:
    try:
        address = save_layout(synced.entity, synced.project)
    except Exception as error:
        _say(console, f"W&B: the layout was not saved ({short(error)})")
        return False
    _say(console, f"layout: {address}")
    return True


def _section(where: Path, state: CampaignState) -> WandbConfig:
    """Return how to publish; whose account it is, is never read from a campaign's folder."""
    where = resolved(where)
    if not where.is_dir():
        return load_config(where).config.monitor.wandb
    config = MonitorConfig.model_validate(state.config.get("monitor", {})).wandb
    if config.entity is not None:
        what = f"the campaign is published under {config.entity!r}: name its config in place of its folder"
        raise ConfigError(where, Problem("monitor.wandb.entity", what))
    return config


def send_outputs(config: WandbConfig, root: Path, state: CampaignState, entries: Sequence[Entry]) -> str:
    """Upload the outputs of a campaign that has its verdict, within a time limit; return a line for the user."""
    refused = refusal(root)
    if refused is not None:
        return f"W&B: not used; {refused}"
    limits = {"init_timeout_s": _INIT_S, "finish_timeout_s": _FINISH_S}
    ask = partial(sync, config, root, entries, partial(campaign_outputs, state, root), **limits)
    try:
        return f"W&B: {_words(sync_in_time(ask, MOST_SENDING_S))}"
    except SyncError as error:
        first = f"{REFUSED}; then " if isinstance(error, RefusedError) else ""
        return f"W&B: {error}; {first}{sync_command(config, root)} sends the rest"


def campaign_outputs(state: CampaignState, root: Path, scratch: Path) -> list[Output]:
    """Return the outputs of a campaign that exist and are no links, its config written into a scratch folder."""
    export = root / EXPORT_FOLDER
    models = [export / chosen.file for chosen in choose_models(state, committee=False)]
    found = outputs(state, export / DATASET_FILE, models, export / PROVENANCE_FILE, root / REPORT_FILE, scratch)
    linked = {path for one in found for path in one.files if path.is_symlink() or path.parent.is_symlink()}
    return [one for one in found if not linked & set(one.files)]


def _publishes(root: Path, entries: Sequence[Entry]) -> bool:
    """Return whether the driver that started last writes an online segment; it opens one just before it starts."""
    created = entries[0].event
    assert isinstance(created, CampaignCreated)
    began = max((n for n, entry in enumerate(entries) if isinstance(entry.event, DriverStarted)), default=0)
    newest = segments(root, created.run_id)[-1:]
    return any(one.name.startswith("run-") and begun_t(one) >= int(entries[max(0, began - 1)].t) for one in newest)


def _absent(synced: Synced, root: Path) -> str:
    """Return which artifacts could not go because no file is there, and what writes them; empty if all went."""
    makers = {"dataset": "export", "model": "export", "report": "report"}
    kinds = [kind for kind in makers if kind not in {one.kind for one in synced.uploads}]
    commands = " and ".join(f"`alloop {name} {root}`" for name in dict.fromkeys(makers[kind] for kind in kinds))
    return f"W&B: no {', '.join(kinds)} is written yet; {commands} writes what is missing" if kinds else ""


def _words(synced: Synced) -> str:
    return "; ".join([synced.url, ", ".join(str(one) for one in synced.uploads)] if synced.uploads else [synced.url])


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
