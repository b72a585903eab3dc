"""Ask the driver of a campaign to stop in good order: by a signal on its host, else by a file that it looks for."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from alloop.files.durable import write_durably
from alloop.journal.driver_lock import LOCK_FILE

REQUEST_FILE = "stop.request"
BY_REQUEST = "`alloop stop`"
"""The reason of a driver that found a request."""


def ask_to_stop(root: Path, driver: str) -> str:
    """Ask a driver to stop, and return how it was asked, in words.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    driver : str
        Who holds it, as `living_driver` says: ``pid 123 on host``.

    Raises
    ------
    OSError
        If the driver runs elsewhere and the folder cannot be written.
    """
    number = _process_here(root, driver)
    if number is not None:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)
            return f"process {number} was sent a signal"
    write_durably(root / REQUEST_FILE, f"asked by {os.uname().nodename}\n".encode())
    return f"its driver ({driver}) finds a request in the folder"


def stop_requested(root: Path) -> str | None:
    """Return why the driver should stop, if a request lies in the campaign's folder."""
    return BY_REQUEST if (root / REQUEST_FILE).exists() else None


def forget_request(root: Path) -> None:
    """Remove a request: a new driver is not meant by it, and one that stops has done what it says."""
    with suppress(OSError):
        (root / REQUEST_FILE).unlink()


def _process_here(root: Path, driver: str) -> int | None:
    """Return the process of a driver if it runs on this host and has the lock of the campaign open."""
    named = re.match(r"pid (\d+) on (.+)", driver)
    if named is None or named[2].strip() != os.uname().nodename:
        return None
    number, lock = int(named[1]), (root / LOCK_FILE)
    try:
        held = [entry.resolve() for entry in Path(f"/proc/{number}/fd").iterdir()]
    except OSError:
        return None
    return number if lock.resolve() in held else None
