"""Campaigns as the commands find them on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alloop.checks.sanity import find_unjudgeable
from alloop.config.errors import ConfigError, Problem
from alloop.config.loading import LoadedConfig, load_config
from alloop.failures import first_line
from alloop.journal.journal import JournalError, read_entries
from alloop.state.fold import fold
from alloop.state.state import State


def campaign_folder(name: str, folder: Path | None) -> Path:
    """Return the absolute folder of a campaign: `folder`, or ``runs/<name>`` below the working directory."""
    return (folder or Path("runs") / name).expanduser().resolve()


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


def folder_of(where: Path) -> Path:
    """Return the campaign folder that a folder or a config names.

    Raises
    ------
    ConfigError
        If `where` is a file that is no config.
    """
    return where.resolve() if where.is_dir() else campaign_folder(load_config(where).config.name, None)


def never_converging(loaded: LoadedConfig) -> list[str]:
    """Return what keeps a campaign from ever being converged, though it can run: a line each."""
    return [f"Never converges: {loaded.error(key, what)}" for key, what in find_unjudgeable(loaded.config)]


@contextmanager
def blaming_journal(root: Path) -> Iterator[None]:
    """Turn what goes wrong while a journal is shown into one line: somebody else may have written it."""
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {first_line(error)}"
        raise JournalError(
            f"{root}: its journal holds what cannot be shown ({what}); restore it from a copy"
        ) from error


def folded(root: Path) -> State:
    """Return the state of a campaign without taking part in it.

    Raises
    ------
    JournalError
        If there is no campaign in the folder.
    """
    return fold(read_entries(root))
