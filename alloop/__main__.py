"""``alloop`` and ``python -m alloop``: a signal ends in one line from the first moment on."""

from __future__ import annotations

from alloop.commands.interruption import end_at_once


def main() -> None:
    """Listen to signals, then import the command line and run it."""
    end_at_once()
    from alloop.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
