"""Base of the requests of all kinds of tasks."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from alloop.config.label import PLACES
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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ClassVar[str]
    slot_kind: ClassVar[str]
    PHYSICS_VERSION: ClassVar[int] = 1
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()

    def key(self) -> str:
        """Return the content key of the request."""
        return content_key({"kind": self.kind, "physics_version": self.PHYSICS_VERSION, "request": self._in_key()})

    def _in_key(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude=set(self.NOT_IN_KEY))


class LabellingRequest(Request):
    """Base of the requests that a label engine answers.

    Attributes
    ----------
    settings : dict
        The config's ``label`` section. What only says where something lies is not in the key.
    code : dict
        Versions of the code and its datasets that decide the result.
    """

    settings: dict[str, Any]
    code: dict[str, str]

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        fields["settings"] = {key: value for key, value in fields["settings"].items() if key not in PLACES}
        return fields
