"""The ``teacher`` section: the universal potential that a committee learns from before the first label."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from alloop.config.base import SHA256, Count, ImportPath, Keywords, Positive, Section


class TeacherFile(Section):
    """A MACE model on disk, trusted only by its checksum."""

    path: str = Field(description="Model file; a relative path starts at the config's folder.")
    sha256: Annotated[str, Field(pattern=SHA256)] = Field(description="Checksum of the file, as `sha256sum` prints it.")


class TeacherCalculator(Section):
    """Any ASE calculator that answers in a fraction of a second."""

    calculator: ImportPath = Field(description="Calculator class, as module:Class.")
    arguments: Keywords = Field(default_factory=dict, description="Keyword arguments of the calculator.")
    python: str | None = Field(
        None, description="A Python, or a folder of packages, in which the calculator lives; null: this one."
    )


def _model_tag(value: Any) -> str:
    if isinstance(value, TeacherFile) or (isinstance(value, dict) and "path" in value):
        return "file"
    return "calculator" if isinstance(value, dict | TeacherCalculator) else "name"


def _as_tuple(value: Any) -> Any:
    """Return a list as a tuple: a section that a validator has seen counts as Python's, where a list is no tuple."""
    return tuple(value) if isinstance(value, list) else value


TeacherModel = Annotated[
    Annotated[str, Tag("name")] | Annotated[TeacherFile, Tag("file")] | Annotated[TeacherCalculator, Tag("calculator")],
    Discriminator(_model_tag),
]


class TeacherConfig(Section):
    """The universal potential that the committee learns from before the first label; nothing of it is ever a label."""

    model: TeacherModel = Field(
        "sevennet-l3i5",
        description="`sevennet-l3i5`, `chgnet`, the name of a foundation model, {path, sha256} of a MACE model, "
        "or {calculator, arguments, python}.",
    )
    head: str | None = Field(None, description="Head of a MACE model that has several.")
    rounds: Annotated[int, Field(ge=1)] = Field(
        3,
        description="Times that frames are labelled by the teacher and fitted: rattled copies, then the student's MD.",
    )
    frames: Annotated[int, Field(ge=8)] = Field(144, description="Frames per system and round.")
    temperatures_K: Annotated[tuple[Positive, ...] | None, BeforeValidator(_as_tuple)] = Field(
        None, description="Temperatures of the student's MD; null: those of `explore`, and 1.3 times the hottest."
    )
    steps: Count = Field(1500, description="Optimiser steps of the fit after each round.")
    learning_rate: Positive = Field(0.02, description="Learning rate of these fits.")


def _named(value: Any) -> Any:
    """Return the section of a teacher that is given by its name alone."""
    return {"model": value} if isinstance(value, str) else value


Teacher = Annotated[TeacherConfig | None, BeforeValidator(_named, json_schema_input_type=TeacherConfig | str | None)]
