"""Leave the process of a worker as it was, whatever the code of an engine does to it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np


@contextmanager
def process_as_before() -> Iterator[None]:
    """Undo what would fail or change the tasks that the worker computes later.

    An engine may turn warnings or numerical errors into exceptions, lower the limit of recursion, close Python's
    output, change the mask of new files, or work in another folder, which may be gone.
    """
    limit, streams, mask = sys.getrecursionlimit(), (sys.stdout, sys.stderr), os.umask(0o077)
    os.umask(mask)
    folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with warnings.catch_warnings(), np.errstate():
            yield
    finally:
        sys.setrecursionlimit(limit)
        sys.stdout, sys.stderr = streams
        os.umask(mask)
        with suppress(OSError):
            os.fchdir(folder)
        os.close(folder)
