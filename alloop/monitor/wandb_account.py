"""Find out how a campaign may be published: its account, and what in its folder or environment could mislead W&B."""

from __future__ import annotations

import logging
import netrc
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from alloop.config.machine import WandbConfig
from alloop.files.environment import expanded

PUBLIC_SERVER = "https://api.wandb.ai"
_VERBOSE = ("WANDB_DEBUG", "WANDB_CORE_DEBUG")
_REFUSED = re.compile(r"\b(error|status|code|http):? 40[13]\b|unauthorized|forbidden|permission denied", re.IGNORECASE)
Mode = Literal["online", "offline", "disabled"]


def choose_mode(config: WandbConfig, environ: Mapping[str, str]) -> Mode:
    """Return how to publish, without asking the network.

    ``auto`` and ``online`` need an account: ``WANDB_API_KEY`` or an entry in the netrc file. ``WANDB_MODE`` of
    the environment can only take away.
    """
    forced = environ.get("WANDB_MODE", "").lower()
    if not config.enabled or forced == "disabled":
        return "disabled"
    if config.mode == "offline" or forced in ("offline", "dryrun") or not has_account(environ):
        return "offline"
    return "online"


def has_account(environ: Mapping[str, str]) -> bool:
    """Return whether the environment or the netrc file holds credentials for the server."""
    if environ.get("WANDB_API_KEY") or environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(environ.get("WANDB_BASE_URL") or PUBLIC_SERVER).netloc
    home = Path(environ.get("HOME") or expanded("~"))
    paths = [Path(environ["NETRC"])] if environ.get("NETRC") else [home / ".netrc", home / "_netrc"]
    return any(_names_host(path, host) for path in paths)


def _names_host(path: Path, host: str) -> bool:
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return False
    return bool(found and found[2])


def meddled(folder: Path) -> Path | None:
    """Return what in a campaign's folder could mislead W&B, or None.

    W&B writes below ``wandb``, through links too, and reads its server and proxies from ``wandb/settings`` of the
    working directory; it never writes such a file into a campaign.
    """
    for name in ("wandb", ".wandb"):
        home = folder / name
        if os.path.lexists(home) and (home.is_symlink() or not home.is_dir()):
            return home
        if os.path.lexists(home / "settings"):
            return home / "settings"
    return None


def refusal(folder: Path) -> str | None:
    """Return why W&B is not used with a campaign's folder from the working folder, in words, or None if it may be.

    A settings file in either could send the account's key to a server of its own.
    """
    strange = meddled(folder)
    if strange is not None:
        return f"{strange} is not of W&B's making: remove it"
    for name in ("wandb", ".wandb"):
        settings = Path(name) / "settings"
        if os.path.lexists(settings):
            return f"{settings.absolute()} could name another server: start from another folder, or remove it"
    return None


def refused_for_good(error: BaseException) -> bool:
    """Return whether the server or W&B itself refused what was asked, so that asking again does not help."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"AuthenticationError", "UsageError"} or _REFUSED.search(str(error)))


def sync_command(config: WandbConfig, folder: Path) -> str:
    """Return the command that sends what is missing; whose account it is, only the user's config says."""
    return f"`alloop sync {folder}`" if config.entity is None else f"`alloop sync CONFIG --folder {folder}`"


def quieten() -> None:
    """Keep wandb from reporting about itself.

    With a silent server it waits for that and prints its troubles, and asked for all details, it writes the API key
    into its log in the campaign's folder.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    for name in _VERBOSE:
        os.environ.pop(name, None)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def short(error: BaseException) -> str:
    """Return the kind of an error alone: messages of a server or a library may hold credentials."""
    return type(error).__name__
