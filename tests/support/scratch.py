"""A campaign from a foundation with two fitted rungs, and the study of fits from scratch of the larger one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alloop.config.studies import StudiesConfig
from alloop.decisions.next_tasks import plan
from alloop.decisions.stages import Wanted
from alloop.studies.scratch import STUDY
from tests.support.histories import History

FREE = {"local": 100}
FOUNDED: dict[str, Any] = {"potential": {"foundation": "small"}, "foundation": True}


def with_rungs(**changes: Any) -> History:
    """Return a campaign with rungs of 6 and 12 labels, two fits each, and four held-out frames."""
    history = History(**{**FOUNDED, **changes}).atoms().labelled(12)
    return history.fitted(rung=6).fitted(rung=12).rung_fits(12).heldout(4)


def wanted(history: History, **settings: Any) -> list[Wanted]:
    """Return the tasks that the study asks for now."""
    studies = StudiesConfig.model_validate({"scratch": settings})
    asked = replace(history.charter, config=history.charter.config.model_copy(update={"studies": studies}))
    return plan(history.state, asked, FREE, STUDY.stage())


def parts(tasks: list[Wanted], part: str) -> list[Wanted]:
    """Return the tasks of one part of the study."""
    return [task for task in tasks if task.context["part"] == part]


def fit(history: History, **settings: Any) -> History:
    """Let every fit end well."""
    for task in parts(wanted(history, **settings), "fit"):
        history.study(task)
    return history
