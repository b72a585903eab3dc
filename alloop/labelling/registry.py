"""The label engines, found by the models of the ``label`` section."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, get_args

from pydantic import TypeAdapter

from alloop.config.fields import tag_of
from alloop.config.label import LabelCommon, LabelConfig
from alloop.labelling.engine import LabelEngine
from alloop.materials.structure import Structure

_SETTINGS: TypeAdapter[LabelCommon] = TypeAdapter(LabelConfig)


def _load(section: type[LabelCommon]) -> LabelEngine[Any]:
    name = tag_of(section)["engine"]
    engine: LabelEngine[Any] = import_module(f"alloop.labelling.{name}_engine").ENGINE
    return engine


ENGINES: dict[type[LabelCommon], LabelEngine[Any]] = {
    section: _load(section) for section in get_args(get_args(LabelConfig)[0])
}
"""Each engine by its model: `ENGINE` of ``alloop/labelling/NAME_engine.py`` for the model with ``engine: NAME``."""


def engine_of(label: LabelCommon) -> LabelEngine[Any]:
    """Return the engine of a ``label`` section."""
    return ENGINES[type(label)]


def settings_of_systems(label: LabelCommon, structures: Iterable[Structure]) -> tuple[LabelCommon, ...]:
    """Return the settings that labels of some systems have: one where these do not depend on the cell."""
    found: list[LabelCommon] = []
    for one in (engine_of(label).for_system(label, structure) for structure in structures):
        found += [] if one in found else [one]
    return tuple(found)


def label_settings(settings: dict[str, Any]) -> LabelCommon:
    """Return the ``label`` section from its dumped form.

    Raises
    ------
    pydantic.ValidationError
        If a key or value does not fit.
    """
    return _SETTINGS.validate_python(settings)
