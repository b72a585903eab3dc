"""``alloop init``: write an example config into a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from alloop.config.errors import ConfigError, Problem
from alloop.config.examples import TAUGHT_ONLY, example_files, list_examples

__all__ = ["list_examples", "run_init"]


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
    contents = example_files(example)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConfigError(target, Problem("", "exists already and is not an empty folder; choose a new folder"))
        for name, content in contents.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        what = f"cannot be written ({error.strerror}); choose a folder that you may write"
        raise ConfigError(target, Problem("", what)) from error
    config = target / f"{example}.yaml"
    if console is not None:
        _tell(console, config, "teach" if example in TAUGHT_ONLY else "run")
    return config


def _tell(console: Console, config: Path, work: str) -> None:
    console.print(f"Wrote {config} and the files it names.", markup=False, highlight=False, soft_wrap=True)
    console.print("Next, see what it would do, then run it:", highlight=False)
    for command in ("check", work):
        console.print(f"  alloop {command} {config}", highlight=False, soft_wrap=True, markup=False)
