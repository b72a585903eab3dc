"""Refuse requests of a journal that would run code other than the config's: somebody else may have written them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from alloop.config.label import PLACES, without_places
from alloop.decisions.charter import Charter
from alloop.journal.journal import JournalError
from alloop.labelling.registry import label_settings
from alloop.labelling.teachers import teacher_label
from alloop.state.records import TaskState
from alloop.tasks.contract.request import LabellingRequest, Request
from alloop.tasks.contract.select import SelectRequest
from alloop.tasks.contract.teach import TeachRequest
from alloop.tasks.registry import KINDS, request_from_json


def trusted_request(task: TaskState, charter: Charter) -> Request:
    """Return the request of a task in the journal, if it agrees with the config.

    The config of this run decides what runs: a label's engine and calculator, the selection policy, and the one
    foundation, a pickle, that a worker may open.

    Raises
    ------
    JournalError
        If it asks for anything else, or cannot be read.
    """
    try:
        request = request_from_json(task.task, task.request)
        settings = getattr(request, "settings", None)
        foreign = settings is not None and not _same_label(settings, charter)
    except (KeyError, ValidationError) as error:
        raise _refused(task, "cannot be read") from error
    if isinstance(request, TeachRequest) and not _is_teacher(request, charter):
        raise _refused(task, "asks for another teacher than the config's")
    if foreign:
        raise _refused(task, "asks for a label with other settings than the config's")
    select = charter.config.select
    if isinstance(request, SelectRequest) and (request.policy, request.options) != (select.policy, select.options):
        raise _refused(task, "asks for another selection policy than the config's")
    own = f"foundation:{charter.foundation}"
    if any(model and model.startswith("foundation:") and model != own for model in KINDS[request.kind].models(request)):
        raise _refused(task, "asks for another foundation than the config's")
    return _where_the_config_says(request, charter)


def _same_label(settings: dict[str, Any], charter: Charter) -> bool:
    return without_places(label_settings(settings)) == without_places(charter.config.label)


def _where_the_config_says(request: Request, charter: Charter) -> Request:
    """Return the request with the places of the config: its own may have moved, or be somebody else's."""
    if not isinstance(request, LabellingRequest):
        return request
    now = {key: getattr(charter.config.label, key) for key in PLACES if request.settings.get(key) is not None}
    return request.model_copy(update={"settings": request.settings | now}) if now else request


def _is_teacher(request: TeachRequest, charter: Charter) -> bool:
    teacher = charter.config.teacher
    return teacher is not None and label_settings(request.teacher) == teacher_label(teacher)


def _refused(task: TaskState, what: str) -> JournalError:
    return JournalError(
        f"the journal's task {task.purpose[:80]!r} {what}, so it is not run; restore the journal from a copy"
    )
