"""Base of the requests of all kinds of tasks."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from alloop.config.label import without_places
from alloop.files.canonical_json import content_key

SLOT_KINDS = ("explore", "label", "fit", "measure")
"""Kinds of slots that tasks occupy; the config names an executor for each."""


class Request(BaseModel):
    """Base of every request.

    Attributes
    ----------
    kind : str
        The task that answers it.
    slot_kind : str
        The kind of slot it occupies, one of `SLOT_KINDS`.
    PHYSICS_VERSION : int
        Raised only when the same request would give another result.
    NOT_IN_KEY : frozenset of str
        Fields that do not decide the result.
    LABEL_SECTION : str or None
        The field that holds a ``label`` section. What only says where something lies is not in the key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ClassVar[str]
    slot_kind: ClassVar[str]
    PHYSICS_VERSION: ClassVar[int] = 1
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()
    LABEL_SECTION: ClassVar[str | None] = None

    def key(self) -> str:
        """Return the content key of the request."""
        return content_key({"kind": self.kind, "physics_version": self.PHYSICS_VERSION, "request": self._in_key()})

    def _in_key(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json", exclude=set(self.NOT_IN_KEY))
        if self.LABEL_SECTION is not None:
            fields[self.LABEL_SECTION] = without_places(fields[self.LABEL_SECTION])
        return fields


class LabellingRequest(Request):
    """Base of the requests that a label engine answers.

    Attributes
    ----------
    settings : dict
        The config's ``label`` section.
    code : dict
        Versions of the code and its datasets that decide the result.
    """

    LABEL_SECTION: ClassVar[str | None] = "settings"

    settings: dict[str, Any]
    code: dict[str, str]
