"""Every kind of task is whole: what the engine, the views and the simulation ask of it is there."""

import pytest

from alloop.report.figures import COLOURS
from alloop.simulation.answers import answer
from alloop.tasks.contract.fit import FineTuning
from alloop.tasks.contract.kind import WORK
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.registry import KINDS, function, request_from_json
from alloop.tasks.workspace import Workspace
from tests.support.requests import EXAMPLES, store_inputs

every_kind = pytest.mark.parametrize("name", sorted(KINDS))


def test_every_kind_has_an_example_here():
    assert sorted(EXAMPLES) == sorted(KINDS)


@every_kind
def test_a_request_is_the_same_after_a_way_through_the_journal(name):
    request, _ = EXAMPLES[name]
    again = request_from_json(name, request.model_dump(mode="json"))
    assert again == request
    assert again.key() == request.key()


@every_kind
def test_what_a_task_reads_is_known(name):
    request, reads = EXAMPLES[name]
    assert {f"{one.kind}/{one.key}" for one in KINDS[name].reads(request)} == reads
    assert all(isinstance(one, ResultRef) and one.kind in KINDS for one in KINDS[name].reads(request))


def test_a_fit_reads_what_its_second_head_replays():
    tuning = FineTuning(method="multihead", replay=("a2", "teach/b#0", "teach/b#1"))
    request, reads = EXAMPLES["fit"]
    found = KINDS["fit"].reads(request.model_copy(update={"finetuning": tuning}))
    assert {f"{one.kind}/{one.key}" for one in found} == reads | {"label/a2", "teach/b"}


@every_kind
def test_a_task_can_be_computed_by_a_worker(name):
    assert callable(function(KINDS[name].run))


@every_kind
def test_a_simulated_answer_is_one_that_the_driver_takes(name, tmp_path):
    (request, _), kind, workspace = EXAMPLES[name], KINDS[name], Workspace(tmp_path)
    store_inputs(workspace)
    summary, data = answer(request, workspace)
    workspace.write(Result(key=request.key(), kind=name, status="ok", summary=summary, data=data))
    assert workspace.has_verified(name, request.key())
    assert workspace.data(kind, request.key()) is not None
    assert kind.answers(request.model_dump(mode="json"), {}, workspace.summary(kind, request.key()))


@every_kind
def test_the_core_hours_of_a_kind_have_a_row_and_a_colour(name):
    assert KINDS[name].work in WORK
    assert KINDS[name].work in COLOURS


@every_kind
def test_what_a_person_is_told_of_a_task_is_text(name, tmp_path):
    (request, _), kind, workspace = EXAMPLES[name], KINDS[name], Workspace(tmp_path)
    store_inputs(workspace)
    summary, _ = answer(request, workspace)
    assert isinstance(kind.words("purpose", kind.summary.model_validate(summary)), str)


def test_no_work_is_without_a_kind():
    assert {kind.work for kind in KINDS.values()} == set(WORK)
