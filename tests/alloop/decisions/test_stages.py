"""Stages of the plan: which slots their tasks need, and whether one of them runs."""

from alloop.decisions.stages import Stage
from alloop.tasks.contract.explore import EXPLORE
from alloop.tasks.contract.label import ATOM, LABEL
from tests.support.histories import HELDOUT_WALKERS, WALKERS, History


def nothing(state, charter, room):
    return iter(())


def test_a_stage_needs_the_slots_of_its_kinds_each_named_once():
    assert Stage(nothing, (ATOM, LABEL, EXPLORE)).slot_kinds == ("label", "explore")


def test_a_stage_runs_while_a_task_of_its_kinds_does():
    history = History().begin("atom/Na", {"element": "Na"})
    assert Stage(nothing, (ATOM,)).runs(history.state)
    assert not Stage(nothing, (LABEL,)).runs(history.state)
    assert not Stage(nothing, (ATOM,)).runs(history.end("atom/Na", reason="scf").state)


def test_a_stage_that_shares_its_kind_with_another_runs_only_with_tasks_of_its_own():
    training = Stage(nothing, (EXPLORE,), owns=lambda task: task.context["role"] == "train")
    heldout = Stage(nothing, (EXPLORE,), owns=lambda task: task.context["role"] == "heldout")
    history = History()
    history.explore(HELDOUT_WALKERS[0])
    assert (training.runs(history.state), heldout.runs(history.state)) == (False, True)
    history.explore(WALKERS[0])
    assert (training.runs(history.state), heldout.runs(history.state)) == (True, True)


def test_what_a_killed_study_left_behind_is_of_no_stage():
    history = History().begin("atom/Na", {"element": "Na", "study": "relax"})
    assert history.state.running
    assert not Stage(nothing, (ATOM,)).runs(history.state)
