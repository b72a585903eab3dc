"""The example configs that alloop ships, from a clone and from an installed wheel alike."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path, PurePosixPath

import yaml

from alloop.config.errors import ConfigError, Problem
from alloop.config.suggestions import hint

SCHEMA = "schema.json"
TAUGHT_ONLY = ("electrolytes",)
"""Examples for `alloop teach`: their labels would cost more than anybody wants to spend on an example."""


def examples_folder() -> Path:
    """Return the folder of the examples: ``alloop/examples`` of a wheel, or ``configs`` of a clone.

    Raises
    ------
    FileNotFoundError
        If the installation lacks them.
    """
    package = Path(str(files("alloop")))
    for folder in (package / "examples", package.parent / "configs"):
        if (folder / SCHEMA).is_file():
            return folder
    raise FileNotFoundError("the example configs are missing from this installation; install alloop again")


def list_examples() -> tuple[str, ...]:
    """Return the names of the examples."""
    return tuple(sorted(path.stem for path in examples_folder().glob("*.yaml")))


def example_files(example: str) -> dict[PurePosixPath, bytes]:
    """Return the files of an example by their place in the new folder: the config, what it names, and the schema.

    Raises
    ------
    ConfigError
        If no example has that name.
    """
    folder = examples_folder()
    if example not in list_examples():
        mend = hint(example, list_examples(), f"there are: {', '.join(list_examples())}")
        raise ConfigError(example, Problem("", f"no such example; {mend}"))
    names = [f"{example}.yaml", SCHEMA, *_named_files(folder / f"{example}.yaml")]
    return {PurePosixPath(name): (folder / name).read_bytes() for name in dict.fromkeys(names)}


def _named_files(config: Path) -> list[str]:
    named = yaml.safe_load(config.read_text(encoding="utf-8"))
    return [system["structure"] for system in named["systems"]] + list((named.get("data") or {}).get("initial", ()))
