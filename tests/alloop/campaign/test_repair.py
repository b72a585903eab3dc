from dataclasses import replace

import pytest

from alloop.campaign.repair import Repairer
from alloop.state.records import segments_of
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.records import Result
from tests.support.loops import STARTED, config, loop


@pytest.fixture
def campaign(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.run(STARTED)
    return campaign


def mender(campaign, submitted):
    return Repairer(
        campaign.state,
        campaign.journal,
        campaign.workspace,
        campaign.charter,
        lambda purpose, request: submitted.append((purpose, request.key())),
    )


def as_planned(campaign, kind, **context):
    """Return a finished task of a kind as it was when it ran."""
    tasks = (task for task in campaign.state.tasks.values() if task.task == kind)
    task = next(task for task in tasks if all(task.context.get(name) == value for name, value in context.items()))
    return replace(task, request=campaign.journal.planned(task.purpose), status="running")


def damage(campaign, kind, key):
    path = campaign.workspace.result_path(kind, key)
    path.write_bytes(path.read_bytes()[:-30])


def test_a_task_whose_inputs_stand_waits_for_nothing(campaign):
    submitted = []
    one = mender(campaign, submitted)
    assert not any(one.begin(as_planned(campaign, kind)) for kind in ("label", "fit", "evaluate", "explore", "select"))
    assert submitted == []


def made_again(campaign, kind, key):
    """Let a worker have done the repair."""
    campaign.workspace.write(Result(key=key, kind=kind, status="failed", reason="stands"))


def later_segment(campaign):
    """Return a segment that continues another, as it was when it ran."""
    explorations = [task for task in campaign.state.tasks.values() if task.task == "explore"]
    segments = [task for task in explorations if segments_of(task.context)[0].segment]
    return replace(segments[0], request=campaign.journal.planned(segments[0].purpose), status="running")


def test_two_tasks_that_read_the_same_damaged_model_wait_for_one_repair(campaign):
    submitted = []
    one, evaluation = mender(campaign, submitted), as_planned(campaign, "evaluate")
    model = evaluation.request["model"].removeprefix("fit:")
    fit = next(task for task in campaign.state.tasks.values() if task.key == model)
    damage(campaign, "fit", model)
    other = replace(evaluation, purpose="evaluate/other")
    assert one.begin(evaluation)
    assert one.begin(other)
    assert submitted == [(fit.purpose, model)]
    assert one.mends(fit.purpose)
    campaign.workspace.result_path("fit", model).with_suffix(".damaged").rename(
        campaign.workspace.result_path("fit", model)
    )
    assert one.ended(fit.purpose) == [evaluation, other]
    assert not one.mends(fit.purpose)


def test_a_task_waits_for_all_of_its_repairs(campaign):
    submitted = []
    one, segment = mender(campaign, submitted), later_segment(campaign)
    members = [member.removeprefix("fit:") for member in segment.request["members"][:2]]
    for key in members:
        damage(campaign, "fit", key)
    assert one.begin(segment)
    (first, _), (second, _) = submitted
    assert one.ended(first) == []
    assert one.ended(second) == [segment]


def test_labels_come_back_from_the_journal_and_are_not_computed_again(campaign):
    submitted = []
    fit = as_planned(campaign, "fit")
    damage(campaign, "label", fit.request["train"][0])
    assert not mender(campaign, submitted).begin(fit)
    assert submitted == []
    assert campaign.workspace.data(LABEL, fit.request["train"][0])


def test_a_repair_that_stumbles_over_damage_waits_for_a_repair_of_its_own(campaign):
    submitted = []
    one, second = mender(campaign, submitted), later_segment(campaign)
    start = second.request["walkers"][0]["start"].partition("#")[0]
    first = next(task for task in campaign.state.tasks.values() if task.key == start)
    members = set(campaign.journal.planned(first.purpose)["members"]) - set(second.request["members"])
    model = (members or set(second.request["members"])).pop().removeprefix("fit:")
    damage(campaign, "explore", start)
    assert one.begin(second)
    assert submitted == [(first.purpose, start)]
    damage(campaign, "fit", model)
    assert one.ended(first.purpose) == []
    fit, key = submitted[1]
    assert key == model
    (again,) = one.ended(fit)
    assert again.purpose == first.purpose
    made_again(campaign, "explore", start)
    assert one.ended(first.purpose) == [second]


def test_a_result_that_is_damaged_again_and_again_is_given_up(campaign):
    submitted = []
    one, evaluation = mender(campaign, submitted), as_planned(campaign, "evaluate")
    model = evaluation.request["model"].removeprefix("fit:")
    damage(campaign, "fit", model)
    rounds = 0
    while one.begin(evaluation):
        rounds += 1
        one.ended(submitted[-1][0])
        assert rounds < 10
    assert rounds == 3
