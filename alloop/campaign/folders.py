"""Where campaigns are on disk."""

from __future__ import annotations

import re
from pathlib import Path

from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import load_config


def campaign_folder(name: str, folder: Path | None = None) -> Path:
    """Return the absolute folder of a campaign: `folder`, or ``runs/<name>`` below the working directory."""
    return (folder or Path("runs") / name).expanduser().resolve()


def folder_of(where: Path) -> Path:
    """Return the campaign folder that a folder or a config names.

    Raises
    ------
    ConfigError
        If `where` is a file that is not a config, or does not exist.
    """
    where = where.expanduser()
    return where.resolve() if where.is_dir() else campaign_folder(load_config(where).config.name)


def refuse_unusable_path(root: Path) -> None:
    """Refuse a campaign folder whose path shells and batch systems would not take as one word.

    Raises
    ------
    ConfigError
        With the character.
    """
    strange = re.search(r"[^\w./+=@%,:-]", str(root))
    if strange is not None:
        what = f"the path holds {strange[0]!r}, which batch systems and shells read as more than a name"
        raise ConfigError(root, Problem("", f"{what}; name another campaign folder with --folder"))
