"""``alloop stop``: ask the driver of a campaign to stop in good order."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from alloop.campaign.folders import folder_of
from alloop.campaign.stop_request import ask_to_stop
from alloop.config.errors import ConfigError, Problem
from alloop.journal.journal import JOURNAL_FILE, living_driver

POLL_S = 0.2


def run_stop(where: Path, console: Console, wait_s: float = 60.0) -> bool:
    """Ask the driver of a campaign to stop, and wait for it.

    Parameters
    ----------
    where : pathlib.Path
        The campaign's folder, or the config that made it.
    console : rich.console.Console
        Where to print.
    wait_s : float
        How long to wait for the driver (s).

    Returns
    -------
    bool
        Whether no driver runs the campaign any more.

    Raises
    ------
    ConfigError
        If there is no campaign, or it cannot be written where its driver runs on another host.
    """
    root = folder_of(where)
    if not (root / JOURNAL_FILE).exists():
        raise ConfigError(root, Problem("", "there is no campaign; name its folder, or the config that made it"))
    driver = living_driver(root)
    if driver is None:
        _say(console, "No driver runs this campaign; nothing was done.")
        return True
    try:
        how = ask_to_stop(root, driver)
    except OSError as error:
        what = f"its driver ({driver}) runs elsewhere, and the request cannot be written ({error.strerror})"
        raise ConfigError(root, Problem("", f"{what}; stop it there")) from error
    _say(console, f"Asked it to stop: {how}.")
    until = time.monotonic() + wait_s
    while living_driver(root) is not None:
        if time.monotonic() >= until:
            _say(console, f"It still runs after {wait_s:g} s; it stops when it has written what is under way.")
            return False
        time.sleep(POLL_S)
    _say(console, "It has stopped. Nothing is lost; `alloop run` with its config continues it.")
    return True


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
