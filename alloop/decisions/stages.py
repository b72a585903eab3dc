"""The parts of a plan: tasks that should run, and the stages that ask for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from alloop.decisions.charter import Charter
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.request import Request


@dataclass(frozen=True)
class Wanted:
    """A task that should run: its purpose, how to build its request, and what the fold needs to know of it."""

    purpose: str
    slot_kind: str
    build: Callable[[], Request]
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One part of the plan.

    Attributes
    ----------
    wants : callable
        CampaignState, charter and free slots -> the tasks that the stage still asks for, the most urgent first.
    kinds : tuple of TaskKind
        Kinds of these tasks.
    owns : callable
        Whether a running task of these kinds is one of this stage.
    """

    wants: Callable[[CampaignState, Charter, int], Iterator[Wanted]]
    kinds: tuple[TaskKind[Any, Any], ...]
    owns: Callable[[TaskState], bool] = lambda task: True

    @property
    def slot_kinds(self) -> tuple[str, ...]:
        """Kinds of slots that the tasks of this stage occupy."""
        return tuple(dict.fromkeys(kind.slot_kind for kind in self.kinds))

    def runs(self, state: CampaignState) -> bool:
        """Return whether a task of this stage is running; what a killed study left behind belongs to none."""
        names = {kind.name for kind in self.kinds}
        running = (task for task in state.running.values() if not task.of_study)
        return any(task.task in names and self.owns(task) for task in running)
