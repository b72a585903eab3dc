"""A console whose errors never stop a campaign: what cannot be written is not shown."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from rich.console import Console


class Terminal(Console):
    """A rich console that survives a full disk behind its output, and a reader who went away."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; what cannot be written is not shown."""
        with contextlib.suppress(OSError):
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Print nothing any more."""
        self.quiet = True


def flush_or_forget() -> None:
    """Flush the output; where that fails, drop it, and keep Python from failing over it once more at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
