"""Write the reference of the config, ``docs/config.md``, from the models: ``python docs/make_config_reference.py``."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from alloop.config.base import IMPORT_PATH, SHA256, WALLTIME, Section
from alloop.config.campaign import FREE_SECTIONS, CampaignConfig
from alloop.config.fields import alternatives, sections, tag_of

REFERENCE = Path(__file__).with_name("config.md")

HEAD = """\
# The config, key by key

Written by `docs/make_config_reference.py` from the models; do not edit. The unit of a value is at the end of its
key: `_K`, `_fs`, `_eV`, `_A` (Å), `_eV_per_A` (eV/Å), `_GPa`, `_h`, `_s`. An unknown key is an error. Relative paths
start at the folder of the config.

Sections marked *free* may change when a campaign resumes. Rungs, fits, held-out frames and walkers can be added, and
tolerances tightened; any other change is a new campaign.
"""

PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
PATTERNS = {SHA256: "64 hex digits", IMPORT_PATH: "`module:Class`", WALLTIME: "`h:mm:ss`"}
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def reference() -> str:
    """Return the reference as it stands in its file."""
    parts = [HEAD, *(_section(title, section) for title, section in _sections(CampaignConfig, ""))]
    return "\n".join(parts)


def _sections(section: type[Section], title: str) -> Iterator[tuple[str, type[Section]]]:
    """Yield every section below one, in the order of the config, with the path of its keys."""
    yield title, section
    for name, info in section.model_fields.items():
        path = f"{title}.{name}" if title else name
        for inner in alternatives(info.annotation):
            member, below = _held(inner, path)
            for found in sections(alternatives(member)):
                yield from _sections(found, below)


def _held(annotation: Any, path: str) -> tuple[Any, str]:
    """Return what a list or mapping holds and how its keys are written; anything else is returned as it is."""
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0], f"{path}[]"
    if get_origin(annotation) is dict:
        return get_args(annotation)[1], f"{path}.NAME"
    return annotation, path


def _section(title: str, section: type[Section]) -> str:
    tags = "".join(f", {key}: {value}" for key, value in tag_of(section).items())
    heading = f"`{title}{tags}`" if title else "Top level"
    free = " (*free*)" if title.partition(".")[0] in FREE_SECTIONS else ""
    about = " ".join((section.__doc__ or "").split())
    rows = [_row(name, info) for name, info in section.model_fields.items()]
    lines = [f"## {heading}{free}", "", about, "", "| key | value | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([*lines, ""])


def _row(name: str, info: FieldInfo) -> str:
    value = _with_metadata(_words(info.annotation), info.metadata)
    return f"| `{name}` | {value} | {_default(info)} | {info.description or _about(info)} |"


def _about(info: FieldInfo) -> str:
    """Return the first sentence of the section that a key holds."""
    found = sections(alternatives(info.annotation))
    return f"{(found[0].__doc__ or '').split('.')[0]}." if len(found) == 1 else "See below."


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**needed**"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, Section):
        return "see below"
    if isinstance(value, dict) and value:
        return ", ".join(f"`{name}`" for name in value)
    return f"`{json.dumps(value)}`"


def _bounds(metadata: list[Any]) -> list[str]:
    """Return the bounds of a number in words."""
    found = ((words, getattr(entry, name, None)) for entry in metadata for name, words in BOUNDS.items())
    return [f"{words} {bound}" for words, bound in found if bound is not None]


def _words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        field = FieldInfo.from_annotation(annotation)
        return _with_metadata(_words(field.annotation), field.metadata)
    if origin in (Union, types.UnionType):
        words = dict.fromkeys(_words(a) for a in arguments if a is not types.NoneType)
        return " or ".join([*words, *(["null"] if types.NoneType in arguments else [])])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        many = "list of" if Ellipsis in arguments else f"{len(arguments)} of"
        return f"{many}: {_words(arguments[0])}"
    if origin is dict:
        return f"mapping of names to: {_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    return PLAIN[annotation]


def _with_metadata(words: str, metadata: list[Any]) -> str:
    pattern = next((p for entry in metadata if (p := getattr(entry, "pattern", None))), None)
    return PATTERNS.get(str(pattern)) or " ".join([words, ", ".join(_bounds(metadata))]).strip()


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
