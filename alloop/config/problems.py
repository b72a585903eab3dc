"""Turn pydantic's errors into messages that use the words of the config."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from alloop.config.base import PATTERN_WORDS, Section
from alloop.config.errors import KeyPath, Problem, dotted, shown
from alloop.config.fields import field, follow, sections, tag_of
from alloop.config.foreign_keys import in_short
from alloop.config.source import forgotten
from alloop.config.suggestions import did_you_mean, explain_unknown, nearest_key

_MOST_NAMED = 8


def problems_of(error: ValidationError, root: type[Section], lines: Mapping[KeyPath, int]) -> list[Problem]:
    """Return the problems of a config, unknown keys first, each group in the order of the lines.

    A missing key is not reported where an unknown key of the same section was probably meant for it.

    Parameters
    ----------
    error : pydantic.ValidationError
        What the models found.
    root : type of Section
        The model that was validated.
    lines : mapping
        Line of every path in the text.
    """
    details = error.errors(include_url=False)
    unknown = {follow(root, d["loc"])[0] for d in details if d["type"] == "extra_forbidden"}
    found = []
    for detail in details:
        path, types = follow(root, detail["loc"])
        if detail["type"] == "missing" and _meant(path, unknown):
            continue
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts the entries that are right, and lists the wrong ones separately
        first = path not in unknown
        found.append((first, _line_of(path, lines), _problem(detail, path, types, root, lines)))
    return _in_one_go([problem for *_, problem in sorted(found, key=lambda entry: entry[:2])])


def _in_one_go(problems: list[Problem]) -> list[Problem]:
    """Let the first problem, the one that is told, name all keys of another program; they come together."""
    unknown = [problem for problem in problems if problem.what.startswith("unknown key;")]
    words = [short for problem in unknown if (short := in_short(problem.key.rpartition(".")[2]))]
    others = words[1:]
    if not others or not in_short(problems[0].key.rpartition(".")[2]):
        return problems
    more = f" ({', '.join(others[:_MOST_NAMED])}{', …' if len(others) > _MOST_NAMED else ''})"
    return [replace(problems[0], what=problems[0].what + more), *problems[1:]]


def _meant(missing: KeyPath, unknown: set[KeyPath]) -> bool:
    return any(u[:-1] == missing[:-1] and nearest_key(str(u[-1]), [str(missing[-1])]) for u in unknown)


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _problem(
    detail: ErrorDetails, path: KeyPath, types: tuple[Any, ...], root: type[Section], lines: Mapping[KeyPath, int]
) -> Problem:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        _, parents = follow(root, detail["loc"][:-1])
        what = explain_unknown(str(path[-1]), path[:-1], sections(parents), root)
    elif kind == "missing":
        what, path = _missing(detail, path, root)
    elif kind in ("union_tag_not_found", "union_tag_invalid"):
        what, path = _tag(kind, value, path, types)
    elif value is None and kind != "value_error":
        what = "is empty; give a value, or delete the line to get the default"
    elif kind in _WORDS:
        what = _WORDS[kind](value, context)
    else:
        what = detail["msg"].removeprefix("Value error, ")
    return Problem(dotted(path), what, _line_of(path, lines))


def _missing(detail: ErrorDetails, path: KeyPath, root: type[Section]) -> tuple[str, KeyPath]:
    if isinstance(path[-1], int):
        wanted = _fixed_length(follow(root, detail["loc"][:-1])[1])
        return f"must have {wanted or 'more'} entries (it has {len(detail['input'])})", path[:-1]
    _, parents = follow(root, detail["loc"][:-1])
    info = next((f for s in sections(parents) if (f := field(s, str(path[-1])))), None)
    meaning = f": {info.description[0].lower()}{info.description[1:].rstrip('.')}" if info and info.description else ""
    return f"missing; this key is needed{meaning}", path


def _fixed_length(types: tuple[Any, ...]) -> int | None:
    arguments = getattr(types[0], "__args__", ()) if types else ()
    return len(arguments) if arguments and Ellipsis not in arguments else None


def _tag(kind: str, value: Any, path: KeyPath, types: tuple[Any, ...]) -> tuple[str, KeyPath]:
    tags = [tag for section in sections(types) for tag in tag_of(section).items()]
    key, names = tags[0][0], [name for _, name in tags]
    choices = " or ".join(f"`{key}: {name}`" for name in names)
    if kind == "union_tag_not_found":
        slip = next((slip for name in value if (slip := forgotten(str(name)))), f"write {choices}")
        return f"missing; {slip}", (*path, key)
    return f"must be {_one_of(names)} (it is {shown(value.get(key))}){_closest(value.get(key), names)}", (*path, key)


def _one_of(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _closest(value: Any, names: list[str]) -> str:
    nearest = did_you_mean(value, names) if isinstance(value, str) else None
    return f"; did you mean `{nearest}`?" if nearest else ""


def _number(value: Any, article: str) -> str:
    return f"must be {article} (it is {shown(value)}){_number_hint(value) if isinstance(value, str) else ''}"


def _number_hint(text: str) -> str:
    if re.fullmatch(r"[-+]?\d*,\d+", text):
        return "; write a point, not a comma"
    if re.fullmatch(r"[-+]?\d+\.?\d*\s*[A-Za-zÅ°][\w/Å]*", text):
        return "; the key names the unit, so write the number alone"
    return ""


def _slip(value: Any) -> str:
    what = forgotten(value) if isinstance(value, str) else None
    return f"; {what}" if what else ""


def _literal(value: Any, context: Mapping[str, Any]) -> str:
    names = [name.strip("' ") for name in str(context["expected"]).replace(" or ", ", ").split(",")]
    return f"must be {_one_of(names)} (it is {shown(value)}){_closest(value, names)}"


def _pattern(value: Any, context: Mapping[str, Any]) -> str:
    words = PATTERN_WORDS.get(context["pattern"], f"must match `{context['pattern']}`")
    return f"{words} (it is {shown(value)})"


def _bound(words: str, key: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda value, context: f"must be {words} {context[key]:g} (it is {shown(value)})"


def _is(words: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda value, _: f"must be {words} (it is {shown(value)})"


def _too_short(value: Any, context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return f"needs at least {least} {'entry' if least == 1 else 'entries'} (it has {len(value)})"


def _too_long(value: Any, context: Mapping[str, Any]) -> str:
    return f"must have {context['max_length']} entries (it has {len(value)})"


_list = _is("a list, for instance `[1, 2]`")
_section = lambda value, _: f"must be a section with keys of its own (it is {shown(value)}){_slip(value)}"  # noqa: E731
_whole = lambda value, _: _number(value, "a whole number")  # noqa: E731
_real = lambda value, _: _number(value, "a number")  # noqa: E731
_WORDS: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "finite_number": _is("a finite number"),
    "int_type": _whole,
    "int_parsing": _whole,
    "int_from_float": _whole,
    "float_type": _real,
    "float_parsing": _real,
    "bool_type": _is("true or false"),
    "bool_parsing": _is("true or false"),
    "string_type": lambda value, _: f"must be a text (it is {shown(value)}); quotes make a number or word a text",
    "string_too_long": lambda _, context: f"must have at most {context['max_length']} characters",
    "string_pattern_mismatch": _pattern,
    "literal_error": _literal,
    "tuple_type": _list,
    "list_type": _list,
    "dict_type": _section,
    "model_type": _section,
    "model_attributes_type": _section,
    "too_short": _too_short,
    "too_long": _too_long,
}
