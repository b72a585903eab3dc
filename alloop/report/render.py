"""Fill the templates of the report: every text is escaped, and loses its control characters. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from alloop.report.blocks import Block
from alloop.status.numbers import clipped

LONGEST_TEXT = 4000
_CODE = re.compile(r"`([^`]+)`")


def render(template: str, **values: Any) -> Markup:
    """Return a template filled with values."""
    return Markup(_environment().get_template(template).render(**values))


def html_of(blocks: Iterable[Block]) -> Markup:
    """Return blocks as HTML."""
    return render("blocks.html", blocks=tuple(blocks), numbers={})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("alloop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {"lines": _lines, "marked": _marked, "for_script": _for_script}
    return environment


def _printable(value: object) -> object:
    return clipped(value, LONGEST_TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value


def _lines(text: str) -> Markup:
    """Return a text with its line breaks."""
    return Markup("\n").join(clipped(line, LONGEST_TEXT) for line in text.splitlines())


def _marked(text: str) -> Markup:
    """Return a text in which what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(clipped(text, LONGEST_TEXT)))))


def _for_script(value: object) -> Markup:
    """Return JSON that is safe inside a script element."""
    content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)
