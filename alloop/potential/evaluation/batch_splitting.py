"""Split a batch of walkers into evaluations that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from alloop.potential.evaluation.batch_limits import atoms_that_fit
from alloop.potential.evaluation.device_memory import Memory

_T = TypeVar("_T")
_OUT_OF_MEMORY = (
    ("out of memory",),
    ("can't allocate memory",),
    ("bad_alloc",),
    ("_alloc_failed",),
    ("_allocation_failed",),
    ("cublas_status_not_initialized", "cublascreate"),
    ("nvml_success", "cudacachingallocator.cpp"),
    ("failed to allocate", "bytes on"),
    ("run_func_(", "model_container_runner.cpp"),
    ("canuse32bitindexmath",),
    ("32-bit index math",),
)
"""Words that a message has all of, in lower case: those of torch for a GPU and the machine; of cuBLAS and cuDNN, also
where no memory is left for the handle itself (EleutherAI/lm-evaluation-harness, issue 1689); of torch where the driver
does not say how much is free (fal-ai/fal, pull request 478); of Warp (torch-sim, pull request 589); of code compiled
ahead of time, which says no more of what went wrong (torch-sim, pull request 337); and of arrays with more elements
than an index can count (pytorch, issue 80020), which fewer rows mend as well."""


class BatchSplitter:
    """Splits batches by a number of atoms, which is halved whenever memory runs out.

    Where memory is the limit, the first two rows of the first batch are evaluated alone: one to make all that is kept
    for later, one to measure the memory that it takes. From there on parts are as large as fit.

    Parameters
    ----------
    atoms : int
        Atoms in one evaluation, to begin with.
    memory : Memory or None
        That of a device where memory is the limit.
    """

    def __init__(self, atoms: int, memory: Memory | None = None) -> None:
        self.atoms, self._unmeasured = atoms, memory

    def in_parts(self, rows: Sequence[int], atoms_each: int, evaluate: Callable[[Sequence[int]], _T]) -> list[_T]:
        """Evaluate rows of so many atoms each in as few parts as fit, and return what each part gave, in order.

        Raises
        ------
        RuntimeError
            What the evaluation raises, also when memory runs out for a single row.
        """
        found: list[_T] = []
        if self._unmeasured is not None and len(rows) > 2:
            memory, self._unmeasured = self._unmeasured, None
            first = evaluate(rows[:1])
            second, taken = memory.measured(lambda: evaluate(rows[1:2]))
            self.atoms = atoms_that_fit(taken / atoms_each, memory.free_bytes())
            found = [first, second]
        done = len(found)
        while done < len(rows):
            some = rows[done : done + max(self.atoms // atoms_each, 1)]
            part = _unless_out_of_memory(evaluate, some)
            if part is None:
                self.atoms = max(len(some) // 2, 1) * atoms_each
                # Only after the failed evaluation and its traceback are gone can its memory be given back.
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                continue
            found.extend(part)
            done += len(some)
        return found


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, of a GPU or of the machine."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower() if isinstance(error, RuntimeError) else ""
    if any(all(word in said for word in words) for words in _OUT_OF_MEMORY):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def _unless_out_of_memory(evaluate: Callable[[Sequence[int]], _T], rows: Sequence[int]) -> tuple[_T] | None:
    """Return the result alone in a tuple, or None where fewer rows might fit."""
    try:
        return (evaluate(rows),)
    except (RuntimeError, MemoryError) as error:
        if len(rows) == 1 or not is_out_of_memory(error):
            raise
        return None
