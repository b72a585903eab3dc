"""Say what a broken attempt costs its task, when the task is tried again, and what a person reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from alloop.failures import DISK_FULL
from alloop.files.redaction import redacted

SHARED_COST = 0.25
"""Attempts that a lost task costs if others were lost with it: it is unlikely to be the cause."""
PAUSES_S = (2.0, 8.0, 32.0)
"""Times (s) to wait before a task is tried again after an error of the machine, the last for all further ones."""
DISK_FULL_TRIES = 2
"""How often a task may find the disk full, after its worker has waited too, before the driver stops."""


@dataclass(frozen=True)
class Fault:
    """Why an attempt broke.

    Attributes
    ----------
    text : str
        One line for a person.
    cost : float
        Attempts it takes off those that ``budget.retries`` allows.
    pause : bool
        Whether to wait before the task is tried again.
    disk_full : bool
        Whether it can only be tried again when somebody makes room.
    inputs : bool
        Whether what the task read may be at fault.
    """

    text: str
    cost: float = 1.0
    pause: bool = False
    disk_full: bool = False
    inputs: bool = False


def find_fault(error: BaseException, losses: Counter[bytes]) -> Fault:
    """Return the cause and the cost of an error of the machine.

    Parameters
    ----------
    error : BaseException
        What a broken task ended with.
    losses : Counter
        Tasks lost together, see `common_losses`.

    Examples
    --------
    >>> find_fault(OSError(28, "No space left on device"), Counter())
    Fault(text='OSError: [Errno 28] No space left on device', cost=0.0, pause=True, disk_full=True, inputs=False)
    >>> find_fault(KeyError("x"), Counter()).cost
    1.0
    """
    if isinstance(error, WorkerLost):
        return Fault(f"its worker on {error.hostname} died: killed, or out of memory")
    if isinstance(error, ManagerLost):
        shared = losses[error.manager_id] > 1
        text = f"the workers on {error.hostname} are gone: killed, out of time, or the machine is lost"
        return Fault(text, cost=SHARED_COST if shared else 1.0)
    text = redacted(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return Fault(text, cost=0.0, pause=True, disk_full=True)
    return Fault(text, pause=isinstance(error, OSError), inputs=not isinstance(error, MemoryError))


def common_losses(errors: Iterable[BaseException | None]) -> Counter[bytes]:
    """Count the tasks that were lost with each group of workers."""
    return Counter(error.manager_id for error in errors if isinstance(error, ManagerLost))


def pause_s(times: int) -> float:
    """Return how long to wait (s) before a task is tried again that waited `times` times already."""
    return PAUSES_S[min(times, len(PAUSES_S) - 1)]
