"""Tell whether a label was made with the settings of a config, also where these depend on the cell of a system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from alloop.checks.changed_config import differences
from alloop.checks.structures import read_systems
from alloop.config.label import LabelCommon, same_science
from alloop.config.loading import LoadedConfig
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure


def same_settings(settings: dict[str, Any] | None, loaded: LoadedConfig, frame: Structure | None = None) -> bool:
    """Return whether settings are the config's; where those depend on the cell, those of a system of the same atoms.

    Parameters
    ----------
    settings : dict or None
        Settings of a label, as its request has them; None where they are not known.
    loaded : LoadedConfig
        The config.
    frame : Structure or None
        The labelled frame; None: a system of any atoms will do.
    """
    try:
        if settings is None:
            return False
        found, label = label_settings(settings), loaded.config.label
        if same_science(found, label) or type(found) is not type(label):
            return same_science(found, label)
        return any(same_science(found, own) for _, own in _of_cells(loaded, frame))
    except ValidationError:
        return False


def system_like(settings: dict[str, Any] | None, loaded: LoadedConfig, frame: Structure) -> str:
    """Return the system whose cell leads to the settings of a label; empty where that is none or no cell matters."""
    if settings is None:
        return ""
    found = label_settings(settings)
    return next((name for name, own in _of_cells(loaded, frame) if same_science(found, own)), "")


def why_not_of_a_cell(settings: dict[str, Any] | None, loaded: LoadedConfig, frame: Structure) -> str:
    """Return why a label does not count though its campaign has the settings of the config."""
    if settings is None:
        return "it took them from a file"
    own = next((own for _, own in _of_cells(loaded, frame)), None)
    if own is None:
        return "no system has their atoms, whose cell would decide the settings"
    found = differences({"label": settings}, {"label": own.model_dump(mode="json")})
    return "; ".join(map(str, found)) or "they are of another cell"


def _of_cells(loaded: LoadedConfig, frame: Structure | None) -> Iterator[tuple[str, LabelCommon]]:
    """Yield the systems of the same atoms whose cell decides the settings of their labels, and these settings."""
    label = loaded.config.label
    for name, system in read_systems(loaded).items():
        own = engine_of(label).for_system(label, system)
        if own != label and (frame is None or sorted(frame.numbers) == sorted(system.numbers)):
            yield name, own
