"""Where campaigns are on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import load_config
from alloop.failures import first_line
from alloop.files.environment import expanded

LONGEST_NAME, LONGEST_PATH, MOST_LEVELS = 255, 470, 200
"""Lengths (bytes) of a name and of a path, and levels of folders, that leave room for the files of a campaign.

SQLite opens no file whose path has more than 512 bytes.
"""


def campaign_folder(name: str, folder: Path | None = None) -> Path:
    """Return the absolute folder of a campaign: `folder`, or ``runs/<name>`` below the working directory.

    Raises
    ------
    ConfigError
        If the path cannot be that of a folder.
    """
    return resolved(folder or Path("runs") / name)


def folder_of(where: Path) -> Path:
    """Return the campaign folder that a folder or a config names.

    Raises
    ------
    ConfigError
        If `where` is a file that is not a config, or does not exist.
    """
    folder = resolved(where)
    if not os.path.lexists(folder):
        what = "no such file or folder; name a campaign's folder or config (`alloop list runs` shows campaigns)"
        raise ConfigError(where, Problem("", what))
    return folder if folder.is_dir() else campaign_folder(load_config(expanded(where)).config.name)


def resolved(path: Path) -> Path:
    """Return a path in full, the home folder for a leading ``~``.

    Raises
    ------
    ConfigError
        If no file can have it: it is too long, goes round in circles, or starts at a folder that is gone.
    """
    refuse_long_path(path)
    try:
        found = expanded(path).resolve()
    except FileNotFoundError:
        raise ConfigError(path, Problem("", "the working folder is gone; change into one that exists")) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(path, Problem("", f"cannot be a path ({first_line(error)}); name another one")) from error
    refuse_long_path(found)
    return found


def refuse_long_path(path: Path) -> None:
    """Refuse a path that no file system takes, or that leaves no room for the files of a campaign.

    Raises
    ------
    ConfigError
        With the beginning of the path.
    """
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if longest > LONGEST_NAME or len(os.fsencode(path)) > LONGEST_PATH or len(path.parts) > MOST_LEVELS:
        limits = f"a name may have {LONGEST_NAME} bytes, a path {LONGEST_PATH} bytes and {MOST_LEVELS} levels"
        raise ConfigError(Path(f"{str(path)[:60]}…"), Problem("", f"is too long: {limits}; name another place"))


def refuse_unusable_path(root: Path) -> None:
    """Refuse a campaign folder that cannot be one, whatever is in it; nothing is created.

    Raises
    ------
    ConfigError
        If shells and batch systems would not take its path as one word, or it is a file or cannot be made.
    """
    strange = re.search(r"[^\w./+=@%,:-]", str(root))
    if strange is not None:
        what = f"the path holds {strange[0]!r}, which batch systems and shells read as more than a name"
        raise ConfigError(root, Problem("", f"{what}; name another campaign folder with --folder"))
    if root.exists() and not root.is_dir():
        raise ConfigError(root, Problem("", "is a file; name another campaign folder with --folder"))
    above = next(folder for folder in (root, *root.parents) if folder.exists())
    if above != root and not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        what = f"cannot be made below {above}; name another campaign folder with --folder"
        raise ConfigError(root, Problem("", what))
