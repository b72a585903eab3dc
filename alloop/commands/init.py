"""``alloop init``: write an example config, or the first config of a crystal, into a folder of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from alloop.commands.init_crystal import Ask, Wishes, cost_told, propose_files
from alloop.config.errors import ConfigError, Problem
from alloop.config.examples import TAUGHT_ONLY, example_files, list_examples

__all__ = ["Wishes", "list_examples", "run_init", "run_init_crystal"]


def run_init(target: Path, example: str = "quickstart", console: Console | None = None) -> Path:
    """Write an example into a new or empty folder, and return the path of its config.

    Parameters
    ----------
    target : pathlib.Path
        The folder; made if missing.
    example : str
        A name of `list_examples`.
    console : rich.console.Console or None
        Where the next steps are told; None for silence.

    Raises
    ------
    ConfigError
        If there is no such example, or the folder cannot be written or is not empty: nothing is overwritten.
    """
    contents = {str(name): content for name, content in example_files(example).items()}
    config = _written(target, contents)
    if console is not None:
        _tell(console, config, "teach" if example in TAUGHT_ONLY else "run")
    return config


def run_init_crystal(
    target: Path, structure: Path, wishes: Wishes, ask: Ask | None = None, console: Console | None = None
) -> Path:
    """Write the first config of a crystal and its structure into a new or empty folder; see `propose_files`.

    Raises
    ------
    ConfigError
        If the structure cannot be used, something is missing, or the folder cannot be written or is not empty.
    """
    _refuse_used(target)
    config = _written(target, propose_files(target, structure, wishes, ask))
    if console is not None:
        _tell(console, config, "run", cost_told(config))
    return config


def _refuse_used(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        what = "exists already and is not an empty folder; choose a new folder"
        if target.is_file():
            what = f"is a file; `alloop init FOLDER --structure {target}` writes its config into a new folder"
        raise ConfigError(target, Problem("", what))


def _written(target: Path, contents: Mapping[str, bytes]) -> Path:
    """Write files into a new or empty folder, and return the path of the first, the config."""
    try:
        _refuse_used(target)
        for name, content in contents.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        what = f"cannot be written ({error.strerror}); choose a folder that you may write"
        raise ConfigError(target, Problem("", what)) from error
    return target / next(iter(contents))


def _tell(console: Console, config: Path, work: str, cost: Sequence[str] = ()) -> None:
    for line in (f"Wrote {config} and the files it names.", *cost):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("Next, see what it would do, then run it:", highlight=False)
    for command in ("check", work):
        console.print(f"  alloop {command} {config}", highlight=False, soft_wrap=True, markup=False)
