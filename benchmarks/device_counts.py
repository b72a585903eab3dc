"""Count what some work asks of a device and of the host, and measure what the device can do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

ASKED = ("tolist", "item", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__")
"""Methods of a tensor by which the host asks for numbers."""
WAITED_FOR = ("nonzero", "masked_select", "bincount", "_unique2", "equal")
"""Operations that the host waits for, because they decide a shape or an answer."""


LAUNCHES = ("cudaLaunch", "cuLaunch", "cudaGraphLaunch", "cudaMemcpy", "cudaMemset")
"""Beginnings of the calls by which the host starts something on a GPU."""
COPIES_TO_HOST = "Memcpy DtoH"


@dataclass(frozen=True)
class Trace:
    """What a profiler saw a GPU do.

    Attributes
    ----------
    launches : int
        Calls that started a kernel, a captured graph or a copy.
    host_copies : int
        Copies from the GPU to the host.
    share : float
        Part of the time in which it computed.
    """

    launches: int
    host_copies: int
    share: float


@dataclass(frozen=True)
class Counts:
    """What some work asked for.

    Attributes
    ----------
    operations : int
        Operations that compute: a GPU launches at least one kernel for each.
    host_copies : int
        Times that the host waited for numbers.
    bytes : int
        Of all that operations read and write, as if nothing stayed in a cache.
    flops : int
        Of matrix products, two for a multiplication and an addition.
    """

    operations: int
    host_copies: int
    bytes: int
    flops: int


class _Asked(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.copies = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.copies += getattr(func, "__name__", "") in ASKED
        return func(*args, **(kwargs or {}))


class _Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations = self.copies = self.bytes = self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.copies += func.__name__.partition(".")[0] in WAITED_FOR
        if (of_products := flop_registry.get(func._overloadpacket)) is not None:
            self.flops += of_products(*args, **(kwargs or {}), out_val=found)
        if not func.is_view:
            self.operations += 1
            tensors = [leaf for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in tensors)
        return found


def counts_of(work: Callable[[], None]) -> Counts:
    """Do some work and count."""
    with _Operations() as seen, _Asked() as asked:
        work()
    return Counts(seen.operations, asked.copies + seen.copies, seen.bytes, seen.flops)


def seconds_of(work: Callable[[], None], device: str) -> float:
    """Return how long some work takes, until the device is done."""
    _wait(device)
    begin = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - begin


def traced(work: Callable[[], None]) -> Trace:
    """Do some work and return what torch's profiler saw a GPU do."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as told:
        whole_s = seconds_of(work, "cuda")
    events = told.key_averages()
    busy_s = sum(event.self_device_time_total for event in events) * 1e-6
    return trace_of({event.key: event.count for event in events}, busy_s / whole_s)


def trace_of(counts: Mapping[str, int], share: float) -> Trace:
    """Return launches and copies to the host among the events of a profile.

    Examples
    --------
    >>> trace_of({"cudaLaunchKernel": 3, "cudaGraphLaunch": 1, "Memcpy DtoH (Device -> Pinned)": 2, "mm": 9}, 0.5)
    Trace(launches=4, host_copies=2, share=0.5)
    """
    launches = sum(count for name, count in counts.items() if name.startswith(LAUNCHES))
    copies = sum(count for name, count in counts.items() if name.startswith(COPIES_TO_HOST))
    return Trace(launches, copies, share)


def bandwidth(device: str) -> float:
    """Return how many bytes a second a large copy reads and writes."""
    source = torch.ones(1 << (27 if device == "cuda" else 24), device=device)
    target = torch.empty_like(source)
    best_s = min(seconds_of(lambda: _copy(source, target), device) for _ in range(5))
    return 2 * source.numel() * source.element_size() / best_s


def peak(device: str) -> float:
    """Return how many operations a second a large product of float32 matrices makes."""
    side = 8192 if device == "cuda" else 1024
    matrix = torch.ones(side, side, device=device)
    best_s = min(seconds_of(lambda: _multiply(matrix), device) for _ in range(5))
    return 2 * side**3 / best_s


def _copy(source: torch.Tensor, target: torch.Tensor) -> None:
    target.copy_(source)


def _multiply(matrix: torch.Tensor) -> None:
    matrix @ matrix


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
