"""Say when a job of a batch system must take no new task, so that its end does not cut one off. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alloop.config.machine import BatchExecutor, ExecutionConfig
from alloop.state.records import TaskState
from alloop.tasks.contract.request import SLOT_KINDS

MARGIN = 1.2
"""How much longer than the longest so far the next task may take."""


def longest_s(tasks: Iterable[TaskState]) -> dict[str, float]:
    """Return the longest time (s) that a task of the campaign itself took, by what it needs a slot for."""
    longest: dict[str, float] = {}
    for task in tasks:
        timing = task.finished.timing if task.finished else None
        if timing is not None and not task.of_study:
            longest[task.slot_kind] = max(longest.get(task.slot_kind, 0.0), timing.finished_t - timing.started_t)
    return longest


def drain_s(config: ExecutionConfig, label: str, measured_s: Mapping[str, float]) -> int | None:
    """Return the age (s) at which a job of an executor takes no new task any more; None: it takes tasks to its end.

    Parameters
    ----------
    config : ExecutionConfig
        Names the executors of each kind of task.
    label : str
        The executor.
    measured_s : mapping
        The longest time of each kind of task so far, see `longest_s`; what the config declares goes before.

    Examples
    --------
    >>> cpu = {"kind": "slurm", "walltime": "10:00:00"}
    >>> config = ExecutionConfig.model_validate({"executors": {"cpu": cpu, "local": {"kind": "local"}}, "label": "cpu"})
    >>> drain_s(config, "cpu", {"label": 3600.0, "fit": 9000.0})
    31680
    >>> drain_s(config, "cpu", {})
    """
    executor = config.executors[label]
    if not isinstance(executor, BatchExecutor):
        return None
    served = [measured_s.get(kind, 0.0) for kind in SLOT_KINDS if getattr(config, kind) == label]
    declared = executor.longest_task_min
    needed_s = MARGIN * max(served, default=0.0) if declared is None else 60.0 * declared
    left_s = executor.walltime_s - needed_s
    return int(left_s) if needed_s and left_s > 0 else None
