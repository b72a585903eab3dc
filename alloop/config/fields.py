"""Look up keys in the models of the config: their names, their types, and the section that a path leads to."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from alloop.config.base import Section
from alloop.config.errors import KeyPath


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the types an annotation allows, apart from None.

    Examples
    --------
    >>> alternatives(int | str | None)
    (<class 'int'>, <class 'str'>)
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(a for member in get_args(annotation) for a in alternatives(member) if a is not types.NoneType)
    return (annotation,)


def follow(root: type[Section], location: tuple[str | int, ...]) -> tuple[KeyPath, tuple[Any, ...]]:
    """Return the path in the config that a pydantic location means, and the types allowed there.

    Parameters
    ----------
    root : type of Section
        The model the location starts at.
    location : tuple
        Location of a pydantic error, in which labels of union members are between the keys.
    """
    path: list[str | int] = []
    here: tuple[Any, ...] = (root,)
    for part in location:
        if len(here) > 1:
            here = _member(here, part)
        else:
            path.append(part)
            here = _inside(here[0], part)
    return tuple(path), here


def sections(types_: tuple[Any, ...]) -> tuple[type[Section], ...]:
    """Return those types that are sections."""
    return tuple(t for t in types_ if _is_section(t))


def every_section(root: type[Section]) -> Iterator[tuple[KeyPath, type[Section]]]:
    """Yield every section below a model with its path; ``*`` takes the place of a name or an index."""
    yield from _walk(root, ())


def field(section: type[Section], key: str) -> FieldInfo | None:
    """Return the field of a key, or None."""
    return section.model_fields.get(key)


def tag_of(section: type[Section]) -> dict[str, str]:
    """Return the keys of a section that allow only one text: its tags, such as ``engine: gpaw``."""
    return {name: str(values[0]) for name, values in _literals(section).items() if len(values) == 1}


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _literals(section: type[Section]) -> dict[str, tuple[Any, ...]]:
    found = {name: get_args(info.annotation) for name, info in section.model_fields.items() if _is_literal(info)}
    return {name: values for name, values in found.items() if values}


def _is_literal(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is Literal


def _member(here: tuple[Any, ...], label: str | int) -> tuple[Any, ...]:
    tagged = tuple(s for s in sections(here) if label in tag_of(s).values())
    if label == "list":  # the tag of the form that is a list
        tagged = tuple(one for one in here if get_origin(one) is tuple)
    return (tagged or sections(here) or here)[:1]


def _inside(annotation: Any, part: str | int) -> tuple[Any, ...]:
    if _is_section(annotation):
        info = annotation.model_fields.get(part)
        return alternatives(info.annotation) if info is not None else (Any,)
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin is dict:
        return alternatives(arguments[1])
    if origin is tuple:
        fixed = Ellipsis not in arguments and isinstance(part, int) and part < len(arguments)
        return alternatives(arguments[int(part)] if fixed else arguments[0])
    return (Any,)


def _walk(section: type[Section], path: KeyPath) -> Iterator[tuple[KeyPath, type[Section]]]:
    yield path, section
    for name, info in section.model_fields.items():
        for inner in alternatives(info.annotation):
            container = get_origin(inner) in (dict, tuple)
            below = (*path, name, "*") if container else (*path, name)
            candidates = _inside(inner, 0 if get_origin(inner) is tuple else "*") if container else (inner,)
            for candidate in sections(candidates):
                yield from _walk(candidate, below)
