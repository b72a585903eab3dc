"""MACE and torch as alloop uses them: imported in the one order that works, on one thread, without their noise."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator

import torch

DTYPES = {"float32": torch.float32, "float64": torch.float64}

_UNSAFE_LOADING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_lock = threading.RLock()


def _import_mace() -> None:
    """Import `mace` before `e3nn`, and take back the switch that makes every ``torch.load`` of the process unpickle."""
    before = os.environ.get(_UNSAFE_LOADING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import mace
        import mace.calculators
        import mace.modules  # noqa: F401
    if before is None:
        os.environ.pop(_UNSAFE_LOADING, None)


_import_mace()
warnings.filterwarnings("ignore", message="The TorchScript type system", category=UserWarning)
warnings.filterwarnings("ignore", message=r".*torch\.jit.*", category=DeprecationWarning)
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
