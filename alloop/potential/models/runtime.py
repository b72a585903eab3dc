"""Set up Torch: its precisions, one thread, and models built from a precision and a seed."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

import torch

DTYPES = {"float32": torch.float32, "float64": torch.float64}

_lock = threading.RLock()

torch.set_num_threads(1)


@contextlib.contextmanager
def building(dtype: str, seed: int = 0) -> Iterator[None]:
    """Build models and graphs in a precision, from a seed.

    Torch keeps the default precision and the random state per process, so one thread at a time is let in, and both
    are as before when it leaves.

    Parameters
    ----------
    dtype : str
        ``float32`` or ``float64``.
    seed : int
        Seed of the random weights built inside.
    """
    with _lock, torch.random.fork_rng(devices=[]):
        before = torch.get_default_dtype()
        torch.set_default_dtype(DTYPES[dtype])
        torch.manual_seed(seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            torch.set_default_dtype(before)
