"""Leave the process of a worker as it was, whatever the code of an engine does to it."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    Settings = tuple[bool, torch.dtype, int, torch.device]


@contextmanager
def process_as_before() -> Iterator[None]:
    """Undo what would fail or change the tasks that the worker computes later.

    An engine may turn warnings or numerical errors into exceptions, lower the limit of recursion, close Python's
    output, change the mask of new files, or work in another folder, which may be gone. What it sets in Torch for the
    whole process, such as another precision or no gradients, holds for engines alone.
    """
    limit, streams, mask = sys.getrecursionlimit(), (sys.stdout, sys.stderr), os.umask(0o077)
    os.umask(mask)
    folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with warnings.catch_warnings(), np.errstate(), _torch_of_engines():
            yield
    finally:
        sys.setrecursionlimit(limit)
        sys.stdout, sys.stderr = streams
        os.umask(mask)
        with suppress(OSError):
            os.fchdir(folder)
        os.close(folder)


_settings_of_engines: tuple[torch.dtype, int] | None = None


@contextmanager
def _torch_of_engines() -> Iterator[None]:
    """Give engines the precision and threads of Torch that they left, and undo what they set afterwards.

    A package of an engine may set these once, when it is imported. A device or the lack of gradients is not given back:
    the molecular dynamics that an engine drives computes with tensors too. Beside other threads, which may use Torch
    meanwhile, nothing is touched.
    """
    global _settings_of_engines
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _torch_settings()
    if before is not None and _settings_of_engines is not None:
        _set_torch((before[0], *_settings_of_engines, before[3]))
    try:
        yield
    finally:
        left = _torch_settings()
        _settings_of_engines = None if left is None else left[1:3]
        _set_torch(before or _torch_defaults())


def _torch_settings() -> Settings | None:
    """Return what holds for the whole process; None where nothing imported Torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads(), torch.get_default_device()


def _torch_defaults() -> Settings | None:
    torch = sys.modules.get("torch")
    return None if torch is None else (True, torch.float32, 1, torch.device("cpu"))


def _set_torch(settings: Settings | None) -> None:
    torch = sys.modules.get("torch")
    if torch is None or settings is None or settings == _torch_settings():
        return
    gradients, dtype, threads, device = settings
    torch.set_grad_enabled(gradients)
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.set_default_device(None if device.type == "cpu" else device)
