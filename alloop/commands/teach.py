"""``alloop teach``: let the teacher teach a committee over all systems of a config, and write it as a foundation."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from rich.console import Console

from alloop.campaign.folders import campaign_folder, resolved
from alloop.commands import exit_codes
from alloop.commands.interruption import interruptible
from alloop.commands.run import run_loaded
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import load_config
from alloop.journal.journal import read_entries
from alloop.outputs.foundation import untaught, write_foundation
from alloop.state.fold import fold
from alloop.tasks.workspace import Workspace

FOUNDATION_FILE = "foundation.pt"


def run_teaching(
    path: Path, folder: Path | None, console: Console, *, plain: bool = False, output: Path | None = None
) -> int:
    """Run the teaching phase of a campaign, or continue it; write the members, and return the exit code.

    No label is computed. `alloop run` with the same config goes on from there.

    Parameters
    ----------
    path : pathlib.Path
        The config.
    folder : pathlib.Path or None
        The campaign's folder; ``runs/<name>`` if None.
    console : rich.console.Console
        Where to print.
    plain : bool
        Lines instead of a live display.
    output : pathlib.Path or None
        The file to write; ``foundation.pt`` in the campaign's folder if None.

    Raises
    ------
    ConfigError, JournalError, ExecutionError, FoundationError, RestartWanted
        As `alloop.commands.run.run_campaign` does.
    """
    loaded = load_config(path)
    if loaded.config.teacher is None:
        what = "`alloop teach` needs a teacher, which answers the labels; name one, such as `teacher: sevennet-l3i5`"
        raise loaded.error(("teacher",), what)
    root = campaign_folder(loaded.config.name, folder)
    target = _target(output) if output else root / FOUNDATION_FILE
    code = run_loaded(loaded, root, console, plain=plain, goal="taught")
    state = fold(read_entries(root))
    # A campaign that stopped later, over its labels, has taught its committee all the same.
    if code != exit_codes.OK and (code != exit_codes.STOPPED or untaught(state)):
        return code
    with interruptible("Stopped while the foundation was written; run the same command again."):
        sha256 = write_foundation(Workspace(root), state, target)
    for line in (
        f"The committee that was taught: {target}",
        f"A config begins from it with `{_config_line(target, sha256)}` in its section `potential`.",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return exit_codes.OK


def _target(output: Path) -> Path:
    """Return the file to write, whose missing folders are made; refuse what cannot be one, before hours of teaching."""
    target = resolved(output)
    if target.exists() and not target.is_file():
        raise ConfigError(output, Problem("", "is not a file; name a file with --output"))
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ConfigError(output, Problem("", f"cannot be written below {above}; name another file with --output"))
    return target


def _config_line(path: Path, sha256: str) -> str:
    """Return the line of a config as YAML that holds for any path: one with a comma or a colon is quoted."""
    named = yaml.safe_dump(
        {"path": str(path), "sha256": sha256},
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
    return f"foundation: {named.strip()}"
