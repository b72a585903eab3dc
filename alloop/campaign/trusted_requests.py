"""Refuse requests of a journal that would run code other than the config's: somebody else may have written them."""

from __future__ import annotations

from pydantic import ValidationError

from alloop.config.label import LabelCommon, same_science
from alloop.decisions.charter import Charter
from alloop.journal.journal import JournalError
from alloop.labelling.registry import engine_of, label_settings, settings_of_systems
from alloop.labelling.teachers import teacher_label
from alloop.state.records import TaskState
from alloop.tasks.contract.aimd import AimdRequest
from alloop.tasks.contract.cost import CostByLabelsRequest
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SelectRequest
from alloop.tasks.contract.teach import TeachRequest
from alloop.tasks.registry import KINDS, request_from_json


class NotAskedError(JournalError):
    """A task of a study asks for a label with settings that the config does not have, or does not have any more."""


def trusted_request(task: TaskState, charter: Charter) -> Request:
    """Return the request of a task in the journal, if it agrees with the config.

    The config of this run decides what runs: a label's engine and calculator, the selection policy, and the one
    foundation, a pickle, that a worker may open, with its head.

    Raises
    ------
    NotAskedError
        If it is a study's and asks for a label with other settings: those of the study may have changed.
    JournalError
        If it asks for anything else, or cannot be read.
    """
    try:
        request = request_from_json(task.task, task.request)
        label = _label_of(request, charter)
        foreign = label is not None and not any(
            same_science(_section(request), one) for one in _forms(request, label, charter)
        )
    except (KeyError, ValidationError) as error:
        raise _refused(task, "cannot be read") from error
    if foreign and isinstance(request, TeachRequest):
        raise _refused(task, "asks for another teacher than the config's")
    if foreign:
        kind = NotAskedError if task.of_study else JournalError
        raise _refused(task, "asks for a label with other settings than the config's", kind)
    select = charter.config.select
    if isinstance(request, SelectRequest) and (request.policy, request.options) != (select.policy, select.options):
        raise _refused(task, "asks for another selection policy than the config's")
    models = KINDS[request.kind].models(request)
    if any(model and model.startswith("foundation:") and model not in charter.foundations for model in models):
        raise _refused(task, "asks for another foundation than the config's")
    return request if label is None else _placed(request, label)


def _label_of(request: Request, charter: Charter) -> LabelCommon | None:
    """Return the label settings that the config has for a request; None if it holds none.

    Raises
    ------
    KeyError
        If it asks for a teacher and the config has none.
    """
    if not isinstance(request, TeachRequest):
        return None if request.LABEL_SECTION is None else charter.config.label
    if charter.config.teacher is None:
        raise KeyError("teacher")
    return teacher_label(charter.config.teacher)


def _forms(request: Request, label: LabelCommon, charter: Charter) -> tuple[LabelCommon, ...]:
    """Return the settings as the config has them, as its systems have them, and as a study's supercell has them."""
    own = label, *settings_of_systems(label, charter.systems.values())
    if not isinstance(request, AimdRequest | CostByLabelsRequest):
        return own
    assigned = (label, charter.config.studies.aimd.functional_of(label))
    return *own, *(engine_of(one).for_system(one, request.structure) for one in assigned)


def _section(request: Request) -> LabelCommon:
    assert request.LABEL_SECTION is not None
    return label_settings(getattr(request, request.LABEL_SECTION))


def _placed(request: Request, label: LabelCommon) -> Request:
    """Return the request with the places of the config: its own may have moved, or be somebody else's."""
    assert request.LABEL_SECTION is not None
    now = {key: value for key, value in label.model_dump(mode="json").items() if key in ("python", "arguments")}
    return request.model_copy(update={request.LABEL_SECTION: getattr(request, request.LABEL_SECTION) | now})


def _refused(task: TaskState, what: str, kind: type[JournalError] = JournalError) -> JournalError:
    return kind(f"the journal's task {task.purpose[:80]!r} {what}, so it is not run; restore the journal from a copy")
