"""YAML text to plain data, with the line of every key.

The scalars are those of YAML 1.2: ``1e-3`` is a number, ``no`` and ``01:00:00`` are texts. Nothing but
mappings, lists and plain values is ever built, whatever tags the text bears.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from alloop.config.errors import KeyPath, Problem, dotted, shown
from alloop.failures import plain_text
from alloop.files.redaction import quotable

MAX_VALUES = 100_000
_CHARACTERS = 100
"""A text counts as another value for so many characters."""
_MAX_DEPTH = 60
_LEAST = 1e-30
"""Size of the smallest number that is a setting of anything."""
_PREFIX = "tag:yaml.org,2002:"
_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
}


_LONGEST_LINE = 1000
_COMMENT = re.compile(r"\s+#.*$")
_KEY = r"(?:- +)*(?P<key>[A-Za-z_]\w*)"
_DASH = re.compile(r"-(?P<key>[A-Za-z_]\w*):(?:\s+(?P<value>.*))?")
_SLIPS = {
    _DASH: "a space is missing after the dash",
    re.compile(rf"{_KEY}:(?P<value>(?!//)[^\s:].*)"): "a space is missing after the colon",
    re.compile(rf"{_KEY}\s*=\s*(?P<value>[^\s=].*)"): "`=` stands where a colon belongs",
}
"""Texts that are no ``key: value``, and what is wrong there."""
_NO_COLON = {re.compile(rf"{_KEY}(?:\s+(?P<value>[^\s:'\"]+|[\[{{].*))?"): "a colon is missing"}


@dataclass(frozen=True)
class Source:
    """The data of a config text, and the line of every key.

    Attributes
    ----------
    data : dict
        The top mapping.
    lines : mapping
        Line (from 1) of every key and list entry by its path.
    """

    data: dict[str, Any]
    lines: Mapping[KeyPath, int]


class SourceError(Exception):
    """A text that is not a usable YAML mapping.

    Parameters
    ----------
    problem : Problem
        What is wrong, and where.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def parse(text: str) -> Source:
    """Return the data and lines of a YAML text.

    Raises
    ------
    SourceError
        If the text is not YAML, not one mapping, gives a key twice, or holds anything but plain finite values.
    """
    node = _compose(text)
    if node is None:
        raise SourceError(Problem("", "is empty; `alloop init` writes an example to start from"))
    if not isinstance(node, yaml.MappingNode):
        slip = forgotten(text.splitlines()[_line(node) - 1])
        what = f"must hold sections like `label:` and `explore:` at its top level{f' ({slip})' if slip else ''}"
        raise SourceError(Problem("", what, _line(node)))
    builder = _Builder()
    data = builder.build(node, (), 0)
    return Source(data, builder.lines)


class _Loader(yaml.SafeLoader):
    """Resolves the scalars of YAML 1.2 and no others."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # PyYAML declares it so


for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_PREFIX + _name, re.compile(rf"^(?:{_pattern})$"), _first)


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        lines = text.splitlines()
        raise SourceError(_look_alike(error, lines) or _slip(error, lines) or _malformed(error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = "holds a character that YAML does not allow; is it a text file?"
        raise SourceError(Problem("", what, line)) from error
    except RecursionError as error:
        raise SourceError(Problem("", "is nested too deeply to be a config")) from error
    return node


def forgotten(line: str, slips: Mapping[re.Pattern[str], str] = _SLIPS) -> str | None:
    """Return what is missing in a text that should read ``key: value``, with the mend; None if nothing is.

    Examples
    --------
    >>> forgotten("  timestep_fs:2.0  # short")
    'a space is missing after the colon; write `timestep_fs: 2.0`'
    >>> forgotten("https://example.org"), forgotten("08:30")
    (None, None)
    """
    for pattern, what in slips.items() if len(line) <= _LONGEST_LINE else ():
        if found := pattern.fullmatch(_COMMENT.sub("", line.strip())):
            value, dash = found["value"] or "", "- " if pattern is _DASH else ""
            mend = f"{dash}{found['key']}:{' ' if value else ''}{value if len(value) <= 60 else '…'}"
            return f"{what}; write `{quotable(mend)}`"
    return None


def _look_alike(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem | None:
    """Return the problem of a character of web pages and word processors that only looks like one of YAML."""
    found_in = {int(mark.line) for mark in (error.context_mark, error.problem_mark) if mark is not None}
    before = (_line_before(number, lines) for number in found_in)
    for number in sorted({*found_in, *before} & {*range(len(lines))}):
        text = _COMMENT.sub("", lines[number])
        if found := next((c for c in text if _is_look_alike(c)), ""):
            name = f"U+{ord(found):04X} ({unicodedata.name(found, 'without a name').lower()})"
            what = f"not valid YAML: it holds {name}, which only looks like a character of YAML"
            return Problem("", what, number + 1)
    return None


def _is_look_alike(character: str) -> bool:
    """Return whether a character is a space, dash, quote or fullwidth sign beyond those of a keyboard."""
    wide = unicodedata.east_asian_width(character) == "F" and not character.isalnum()
    return not character.isascii() and (wide or unicodedata.category(character) in ("Zs", "Cf", "Pd", "Pi", "Pf"))


def _slip(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem | None:
    """Return the problem of a line that is no ``key: value``; YAML notices it in a later one."""
    if error.problem_mark is None:
        return None
    number = int(error.problem_mark.line)
    suspects = [number]
    if error.context_mark is not None and "simple key" in str(error.context):
        suspects = [int(error.context_mark.line)]
    elif "mapping values" in str(error.problem):
        suspects.append(_line_before(number, lines))
    told = ((n, forgotten(lines[n], _SLIPS | _NO_COLON)) for n in suspects if 0 <= n < len(lines))
    return next((Problem("", f"not valid YAML: {what}", n + 1) for n, what in told if what is not None), None)


def _line_before(number: int, lines: list[str]) -> int:
    """Return the last line before another one that holds anything, from 0; -1 if there is none."""
    return next((n for n in range(number - 1, -1, -1) if lines[n].strip()), -1)


def _malformed(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "cannot be read"
    if "'\\t'" in what:
        what = "a tab stands where YAML takes spaces only; use spaces"
    elif "mapping values are not allowed" in what:
        what = f"{what}; look for a missing quote, a missing line break or wrong indentation"
    elif "found another document" in what:
        what = "more than one document (`---`); a config is one"
    began = error.context_mark.line + 1 if error.context_mark and error.context_mark is not mark else None
    if began is not None and mark is not None and began <= mark.line:
        what = f"{what}, {error.context} that begins in line {began}"
    column = f" (column {mark.column + 1})" if mark else ""
    return Problem("", f"not valid YAML: {what}{column}", mark.line + 1 if mark else None)


class _Builder:
    """Turns nodes into data; counts what aliases expand to."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._values = 0

    def build(self, node: yaml.Node, path: KeyPath, depth: int) -> Any:
        self.lines.setdefault(path, _line(node))
        self._values += 1 + (len(node.value) // _CHARACTERS if isinstance(node, yaml.ScalarNode) else 0)
        if self._values > MAX_VALUES or depth > _MAX_DEPTH:
            what = "holds too many or too deeply nested values; are aliases (`*name`) at fault?"
            raise self._error(node, path[:1], what)
        if isinstance(node, yaml.MappingNode):
            self._expect_tag(node, path, "map")
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            self._expect_tag(node, path, "seq")
            return [self.build(child, (*path, i), depth + 1) for i, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            here = (*path, key)
            if key in mapping:
                raise self._error(key_node, here, f"given twice (first in line {self.lines[here]}); keep one")
            self.lines[here] = _line(key_node)
            mapping[key] = self.build(value_node, here, depth + 1)
        return mapping

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.style is None:
            raise self._error(node, path, "merge keys (`<<`) are not supported; write the keys out")
        key = self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str) or not key:
            text = f"`{node.value}`" if isinstance(node, yaml.ScalarNode) else "a list or section"
            raise self._error(node, path, f"{text} cannot be a key; put a key that is not a word in quotes")
        return key

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._error(node, path, f"{shown(plain_text(text))} holds half a character; write it whole")
        try:
            value = _SCALAR_VALUES[kind](text)
        except KeyError:
            raise self._refused_tag(node, path) from None
        except ValueError:
            raise self._error(node, path, f"{shown(text)} is not a value of type {kind}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(node, path, f"must be a finite number (it is {text})")
        if isinstance(value, float) and value and not _LEAST <= abs(value) <= 1.0 / _LEAST:
            raise self._error(node, path, f"must be 0 or from {_LEAST:g} to {1 / _LEAST:g} in size (it is {text})")
        return value

    def _expect_tag(self, node: yaml.Node, path: KeyPath, kind: str) -> None:
        if node.tag != _PREFIX + kind:
            raise self._refused_tag(node, path)

    def _refused_tag(self, node: yaml.Node, path: KeyPath) -> SourceError:
        tag = node.tag.replace(_PREFIX, "!!")
        return self._error(node, path, f"the tag `{tag}` is not allowed; write plain values")

    @staticmethod
    def _error(node: yaml.Node, path: KeyPath, what: str) -> SourceError:
        return SourceError(Problem(dotted(path), what, _line(node)))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _null(text: str) -> None:
    if text.lower() not in ("", "~", "null"):
        raise ValueError(text)


_SCALAR_VALUES: dict[str, Any] = {"str": str, "int": _integer, "float": _float, "bool": _boolean, "null": _null}
