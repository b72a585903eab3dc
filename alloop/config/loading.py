"""Load a config file, or say in one line what is wrong with it."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alloop.config.base import Section
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import ConfigError, KeyPath, Problem, dotted
from alloop.config.label import AseLabel
from alloop.config.problems import problems_of
from alloop.config.source import SourceError, parse
from alloop.config.teacher import TeacherFile
from alloop.files.environment import expanded

MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class LoadedConfig:
    """A config and where it came from.

    Attributes
    ----------
    config : CampaignConfig
        The config itself.
    path : pathlib.Path
        The file as the user named it.
    text : str
        Its text.
    folder : pathlib.Path
        The folder, absolute, at which the relative paths of the config start.
    lines : mapping
        Line (from 1) of every key and list entry by its path.
    """

    config: CampaignConfig
    path: Path
    text: str
    folder: Path
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False, compare=False)

    def resolve(self, name: str) -> Path:
        """Return the path a file name in the config means."""
        return self.folder / expanded(name)

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Return a problem of a key, with the line of the nearest key that is in the text."""
        nearest = path
        while nearest and nearest not in self.lines:
            nearest = nearest[:-1]
        return Problem(dotted(path), what, self.lines.get(nearest) if nearest else None)

    def error(self, path: KeyPath, what: str) -> ConfigError:
        """Return the error of a key."""
        return ConfigError(self.path, self.problem(path, what))


def load_config(path: Path) -> LoadedConfig:
    """Read and check a campaign config; nothing is created and nothing but YAML's plain values is built.

    Parameters
    ----------
    path : pathlib.Path
        A YAML file.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, or does not fit the models.
    """
    path = Path(path)
    return config_from_text(_read(path), path, path.resolve().parent)


def config_from_text(text: str, path: Path, folder: Path) -> LoadedConfig:
    """Check the text of a campaign config.

    Parameters
    ----------
    text : str
        YAML.
    path : pathlib.Path
        How errors name the file.
    folder : pathlib.Path
        Where relative paths in the config start.

    Raises
    ------
    ConfigError
        If the text is not YAML, or does not fit the models.
    """
    try:
        source = parse(text)
    except SourceError as error:
        raise ConfigError(path, error.problem) from None
    try:
        config = CampaignConfig.model_validate_json(json.dumps(source.data), strict=True)
    except ValidationError as error:
        raise ConfigError(path, problems_of(error, CampaignConfig, source.lines)) from None
    return LoadedConfig(config=_placed(config, folder), path=path, text=text, folder=folder, lines=source.lines)


def _placed(config: CampaignConfig, folder: Path) -> CampaignConfig:
    """Return the config with the places that workers read as absolute paths."""
    changed: dict[str, Any] = {}
    if isinstance(config.label, AseLabel):
        changed["label"] = _absolute(config.label, "python", folder)
    if config.teacher is not None and not isinstance(model := config.teacher.model, str):
        key = "path" if isinstance(model, TeacherFile) else "python"
        changed["teacher"] = config.teacher.model_copy(update={"model": _absolute(model, key, folder)})
    return config.model_copy(update=changed) if changed else config


def _absolute(section: Section, key: str, folder: Path) -> Section:
    place = getattr(section, key)
    return section if place is None else section.model_copy(update={key: str(folder / expanded(place))})


def _read(path: Path) -> str:
    try:
        _refuse_unless_file(path)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(path, Problem("", f"cannot be read ({error.strerror}); check its permissions")) from None
    if len(content) > MAX_BYTES:
        raise ConfigError(path, Problem("", f"is larger than {MAX_BYTES // 1000} kB; is it a config?"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, Problem("", "is not UTF-8 text; is it a config?", line)) from None


def _refuse_unless_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(path, Problem("", "no such file; `alloop init` writes an example config")) from None
    if stat.S_ISDIR(mode):
        configs = sorted(p.name for p in path.glob("*.yaml"))
        example = f", for instance {path / configs[0]}" if configs else ""
        raise ConfigError(path, Problem("", f"is a folder; name the config file in it{example}"))
    if not stat.S_ISREG(mode):
        raise ConfigError(path, Problem("", "is not a regular file; write the config to a file first"))
