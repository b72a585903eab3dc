"""Base class and value types of all sections of the config."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][\w.+-]*$"
IMPORT_PATH = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
SHA256 = r"^[0-9a-f]{64}$"
WALLTIME = r"^\d+:[0-5]\d:[0-5]\d$"
CLUSTER_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
IMAGE = r"^[A-Za-z0-9][\w./:@-]*$"
ABSOLUTE = r"^/[\w./+@-]*$"

PATTERN_WORDS = {
    NAME: "must start with a letter or digit and hold only letters, digits, `_`, `.`, `+` and `-`",
    IMPORT_PATH: "must be an import path like `package.module:Class`",
    SHA256: "must be a SHA-256 of 64 lower-case hex digits, as `sha256sum FILE` prints it",
    WALLTIME: "must be a time like `01:00:00` (hours:minutes:seconds)",
    CLUSTER_NAME: "must be a name of Kubernetes: lower-case letters, digits, `-` and `.`",
    IMAGE: "must be a container image like `registry.example/alloop:1.0`",
    ABSOLUTE: "must be an absolute path of letters, digits and `_./+@-`",
}


class Section(BaseModel):
    """A section of the config: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Keywords = dict[str, Any]
ImportPath = Annotated[str, Field(pattern=IMPORT_PATH)]
Sublattice = Annotated[tuple[str, ...], Field(min_length=2)]
"""Elements whose ions share sites."""
Name = Annotated[str, Field(pattern=NAME, max_length=60)]
