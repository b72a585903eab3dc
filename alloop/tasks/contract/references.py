"""References from one task to the results of others. In JSON each is one string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_NAME = re.compile(r"[a-z0-9]{1,64}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


class _Text:
    """Base of references: a value that JSON holds as one string."""

    FORM: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that a text names.

        Raises
        ------
        ValueError
            If the text has another form.
        """
        raise NotImplementedError

    @classmethod
    def _validated(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"a reference has the form {cls.FORM}")
        return cls.parse(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read a string and write it again, so that requests keep the keys that their strings gave them."""
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.to_string_ser_schema()
        )


@dataclass(frozen=True)
class ResultRef:
    """The result of a task, by its kind and key."""

    kind: str
    key: str


@dataclass(frozen=True)
class ModelRef:
    """A model: ``fit:<key>`` or ``foundation:<sha256>``.

    A head of a foundation that has several is ``foundation:<sha256>#<head>``, a member of one that is a committee
    ``foundation:<sha256>@<member>``. Requests hold it as its text.
    """

    origin: str
    key: str
    head: str | None = None
    member: int | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Return the reference that a text names."""
        origin, _, rest = text.partition(":")
        key, mark, head = rest.partition("#")
        key, at, member = key.partition("@")
        if at and not _is_number(member):
            raise ValueError(f"a member of a foundation is a number, not {member[:80]!r}")
        return cls(origin, key, head if mark else None, int(member) if at else None)

    def __str__(self) -> str:
        name = f"{self.origin}:{self.key}"
        if self.member is not None:
            return f"{name}@{self.member}"
        return name if self.head is None else f"{name}#{self.head}"


@dataclass(frozen=True)
class OfferRef(_Text):
    """One offered frame in the result of a task, ``<kind>/<key>#<index>``."""

    FORM: ClassVar[str] = "<kind>/<key>#<index>"

    kind: str
    key: str
    index: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that a text names."""
        kind, slash, rest = text.partition("/")
        key, mark, index = rest.partition("#")
        if not (slash and mark and _is_number(index) and _NAME.fullmatch(kind) and _NAME.fullmatch(key)):
            raise ValueError(f"a frame has a name of the form {cls.FORM}, not {text[:80]!r}")
        return cls(kind, key, int(index))

    @property
    def result(self) -> ResultRef:
        """The result that holds the frame."""
        return ResultRef(self.kind, self.key)

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}#{self.index}"


@dataclass(frozen=True)
class SegmentRef(_Text):
    """One walker in the result of a task, ``<key>#<place>``; ``<key>`` alone is its only walker.

    The task is an ``explore`` task, unless ``<kind>/`` stands before the key.
    """

    FORM: ClassVar[str] = "<key>#<place>"

    key: str
    place: int | None = None
    kind: str = "explore"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that a text names."""
        before, mark, place = text.partition("#")
        kind, slash, key = before.rpartition("/")
        fits = _NAME.fullmatch(key) and (_NAME.fullmatch(kind) or not slash)
        if (mark and not _is_number(place)) or not fits:
            raise ValueError(f"a walker's segment has a name of the form {cls.FORM}, not {text[:80]!r}")
        return cls(key, int(place) if mark else None, kind or "explore")

    @property
    def result(self) -> ResultRef:
        """The result that holds the segment."""
        return ResultRef(self.kind, self.key)

    def __str__(self) -> str:
        name = self.key if self.kind == "explore" else f"{self.kind}/{self.key}"
        return name if self.place is None else f"{name}#{self.place}"
