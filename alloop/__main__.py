"""``alloop`` and ``python -m alloop``: a signal ends in one line, or in silence, once Python itself has started."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there are words for it: Python's own handler is a traceback

from alloop.commands.interruption import end_at_once


def main() -> None:
    """Listen to signals, then import the command line and run it."""
    end_at_once()
    from alloop.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
