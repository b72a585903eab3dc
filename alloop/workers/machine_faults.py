"""Say what a broken attempt costs its task, when the task is tried again, and what a person reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from alloop.failures import DISK_FULL
from alloop.tasks.attempts import BrokenAttempt, broken_by

SHARED_COST = 0.25
"""Attempts that a lost task costs if others were lost with it: it is unlikely to be the cause."""
PAUSES_S = (2.0, 8.0, 32.0)
"""Times (s) to wait before a task is tried again after an error of the machine, the last for all further ones."""
PLACE_TRIES = 2
"""How often a task may find the folder unusable, after its worker has waited too, before the driver stops."""

NO_RESULT = "the worker left no result, or a damaged one"


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
    place : str
        What is wrong with the campaign's folder, in words; empty if nothing: then it can be tried again.
    mend : str
        What somebody must do about the folder.
    inputs : bool
        Whether what the task read may be at fault.
    repeats : bool
        Whether the code of the task raised it, and would raise it again: twice the same is an answer.
    of_engine : bool
        Whether that is the code of a label engine, so that the answer is about the frame.
    """

    text: str
    cost: float = 1.0
    pause: bool = False
    place: str = ""
    mend: str = ""
    inputs: bool = False
    repeats: bool = False
    of_engine: bool = False


def find_fault(error: BrokenAttempt | BaseException | None, losses: Counter[bytes]) -> Fault:
    """Return the cause and the cost of an attempt that broke.

    Parameters
    ----------
    error : BrokenAttempt, BaseException or None
        What the worker says of it, or what the machinery between driver and workers raised; None if the worker says
        that all went well, and there is no result.
    losses : Counter
        Tasks lost together, see `common_losses`.

    Examples
    --------
    >>> full = find_fault(OSError(28, "No space left on device"), Counter())
    >>> full.text, full.cost, full.pause, full.place
    ('OSError: [Errno 28] No space left on device', 0.0, True, 'the disk is full')
    >>> find_fault(KeyError("x"), Counter()).cost
    1.0
    """
    if error is None:
        return Fault(NO_RESULT, inputs=True)
    if isinstance(error, WorkerLost):
        return Fault(f"its worker on {error.hostname} died: killed, or out of memory")
    if isinstance(error, ManagerLost):
        shared = losses[error.manager_id] > 1
        text = f"the workers on {error.hostname} are gone: killed, out of time, or the machine is lost"
        return Fault(text, cost=SHARED_COST if shared else 1.0)
    broken = error if isinstance(error, BrokenAttempt) else broken_by(error)
    if broken.kind in ("place", "system") and broken.number in DISK_FULL:
        return Fault(broken.text, cost=0.0, pause=True, place="the disk is full", mend="make room")
    if broken.kind == "place":
        what = "the campaign's folder cannot be used"
        return Fault(broken.text, cost=0.0, pause=True, place=what, mend="correct that")
    return Fault(
        broken.text,
        pause=broken.kind == "system" or broken.number is not None,
        inputs=broken.kind != "memory",
        repeats=broken.kind in ("raised", "import"),
        of_engine=broken.kind == "raised" and broken.of_engine,
    )


def common_losses(errors: Iterable[object]) -> Counter[bytes]:
    """Count the tasks that were lost with each group of workers."""
    return Counter(error.manager_id for error in errors if isinstance(error, ManagerLost))


def pause_s(times: int) -> float:
    """Return how long to wait (s) before a task is tried again that waited `times` times already."""
    return PAUSES_S[min(times, len(PAUSES_S) - 1)]
