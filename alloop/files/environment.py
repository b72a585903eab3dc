"""What alloop sets in the environment of the processes it starts, and the paths that depend on the environment."""

from __future__ import annotations

import getpass
import os
from collections.abc import MutableMapping
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Variables that make a process compute on one thread."""

NO_HOME = "/dev/null"
"""A home in which nothing can be, not even for root."""


def fill_in(environ: MutableMapping[str, str]) -> None:
    """Set what libraries and the processes of a campaign need, where it is missing.

    A user that the system does not know, as in many containers, gets a number as name, and a home that cannot exist:
    nothing is read from a folder of somebody else. What a calculator prints never fails for the encoding of its output.
    """
    environ["PYTHONIOENCODING"] = f"{environ.get('PYTHONIOENCODING', '').partition(':')[0]}:replace"
    try:
        getpass.getuser()
    except (KeyError, OSError):
        environ["USER"] = str(os.getuid())
    if str(expanded("~")) == "~":
        environ["HOME"] = NO_HOME


def expanded(path: Path | str) -> Path:
    """Return a path with the home folder for a leading ``~``; it stays as it is where no home is known."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
