"""Versions of the code and datasets that decide a label, apart from its settings."""

from __future__ import annotations

from collections.abc import Iterable

from alloop.config.label import LabelCommon
from alloop.labelling.registry import engine_of


def code_identity(label: LabelCommon, elements: Iterable[str]) -> dict[str, str]:
    """Return the versions of the code and its datasets, for the keys of labels; see `LabelEngine.identity`."""
    return engine_of(label).identity(label, elements)
