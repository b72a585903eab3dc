"""Ask a GPU how much memory is free, and how much an evaluation takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

_T = TypeVar("_T")


class Memory(Protocol):
    """The memory of a device."""

    def measured(self, work: Callable[[], _T]) -> tuple[_T, int]:
        """Do some work; return what it gave, and how many bytes it took at its peak beside those in use before."""
        ...

    def free_bytes(self) -> int:
        """Return how many bytes nothing uses."""
        ...


class CudaMemory:
    """The memory of a GPU, as torch's allocator sees it. To ask for it is not to wait for the GPU.

    Parameters
    ----------
    device : torch.device
        Which GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def measured(self, work: Callable[[], _T]) -> tuple[_T, int]:
        """Do some work; return what it gave, and how many bytes it took at its peak beside those in use before."""
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        found = work()
        return found, torch.cuda.max_memory_allocated(self._device) - before

    def free_bytes(self) -> int:
        """Return how many bytes nothing uses, those included that the allocator keeps for later."""
        kept = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        free: int = torch.cuda.mem_get_info(self._device)[0]
        return free + kept


def memory_of(device: torch.device) -> Memory | None:
    """Return the memory of a GPU; None for a CPU, where memory is not the limit, and where there is no GPU."""
    return CudaMemory(device) if device.type == "cuda" and torch.cuda.is_available() else None
