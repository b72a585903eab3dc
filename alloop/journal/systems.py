"""The systems of a campaign, as its first event holds them."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from alloop.materials.structure import Structure
from alloop.tasks.contract.records import Record


class SystemRecord(Record):
    """A system as the campaign was created with it.

    Attributes
    ----------
    name : str
        Its name.
    structure : Structure
        Its atoms.
    composition : str
        Name that all orderings of its composition share. A system is a composition of its own unless this says
        otherwise.
    """

    name: str
    structure: Structure
    composition: str

    @model_validator(mode="before")
    @classmethod
    def _of_its_own(cls, values: Any) -> Any:
        if isinstance(values, dict) and "composition" not in values:
            return values | {"composition": values.get("name")}
        return values
