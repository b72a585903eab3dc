"""What a journal may ask of workers. Others may have written it, so it decides nothing that runs code."""

from __future__ import annotations

from pydantic import ValidationError

from alloop.decisions.charter import Charter
from alloop.journal.journal import JournalError
from alloop.labelling.registry import label_settings
from alloop.state.records import TaskState
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SelectRequest
from alloop.tasks.registry import KINDS, request_from_json


def trusted_request(task: TaskState, charter: Charter) -> Request:
    """Return the request of a task that the journal holds, if it asks for nothing but what the config says.

    The config of this run decides what runs: a label's engine and calculator, the selection policy, and the one
    foundation, a pickle, that a worker may open.

    Raises
    ------
    JournalError
        If it asks for anything else, or for nothing that a worker could do.
    """
    try:
        request = request_from_json(task.task, task.request)
        settings = getattr(request, "settings", None)
        foreign = settings is not None and label_settings(settings) != charter.config.label
    except (KeyError, ValidationError) as error:
        raise _refused(task, "cannot be read") from error
    if foreign:
        raise _refused(task, "asks for a label with other settings than the config's")
    select = charter.config.select
    if isinstance(request, SelectRequest) and (request.policy, request.options) != (select.policy, select.options):
        raise _refused(task, "asks for another selection policy than the config's")
    own = f"foundation:{charter.foundation}"
    if any(model and model.startswith("foundation:") and model != own for model in KINDS[request.kind].models(request)):
        raise _refused(task, "asks for another foundation than the config's")
    return request


def _refused(task: TaskState, what: str) -> JournalError:
    return JournalError(
        f"the journal's task {task.purpose[:80]!r} {what}, and is not run; restore the journal from a copy"
    )
