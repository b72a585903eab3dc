"""What a campaign that is told in events would submit now."""

from __future__ import annotations

from typing import Any

from alloop.decisions.next_tasks import plan
from alloop.decisions.stages import Wanted
from tests.support.histories import History


def wanted(history: History, start: str = "", free: int = 99) -> list[Wanted]:
    """Return the planned tasks whose purposes start so."""
    return [task for task in plan(history.state, history.charter, {"local": free}) if task.purpose.startswith(start)]


def purposes(history: History, start: str = "", free: int = 99) -> list[str]:
    """Return their purposes."""
    return [task.purpose for task in wanted(history, start, free)]


def contexts(history: History, start: str = "", free: int = 99) -> list[dict[str, Any]]:
    """Return their contexts."""
    return [task.context for task in wanted(history, start, free)]
