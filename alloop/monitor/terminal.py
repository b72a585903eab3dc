"""A console whose errors never stop a campaign: what cannot be written is not shown."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from typing import Any

from rich.console import Console

_SPELLED = {
    "→": "->",
    "±": "+-",
    "×": "x",
    "÷": "/",
    "·": "*",
    "•": "*",
    "✓": "+",
    "│": "|",
    "–": "-",
    "—": "-",
    "−": "-",
    "⁻": "-",
    "≤": "<=",
    "≥": ">=",
    "°": "deg",
}
"""What stands for a character that the encoding of the output lacks, where Unicode knows nothing like it."""


class Terminal(Console):
    """A rich console that survives a full disk behind its output, and a reader who went away."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; what cannot be written is not shown."""
        with contextlib.suppress(OSError, ValueError):
            super().print(*objects, **options)

    def say(self, *lines: str) -> None:
        """Print lines as they are, however long they are."""
        for line in lines:
            self.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Print nothing any more."""
        self.quiet = True


def mend_streams() -> None:
    """Make input and output usable, whatever this process was started with.

    A closed descriptor becomes the null device: the next file that is opened would take its number, and what a child
    prints would go into that file. A character that the encoding lacks is spelled.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(descriptor):
            _open_nowhere(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115
    codecs.register_error("alloop.spelled", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="alloop.spelled")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for the characters that cannot be encoded, as a handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(character: str) -> str:
    if (name := unicodedata.name(character, "")).startswith("GREEK"):
        return name.rpartition(" ")[2].lower()
    alike = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _SPELLED.get(character) or alike or "?"


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_nowhere(descriptor: int) -> None:
    """Let a descriptor be the null device, for children too."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)


def flush_or_forget() -> None:
    """Flush the output; where that fails, drop it, and keep Python from failing over it once more at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                _open_nowhere(stream.fileno())
