"""Events of the code that makes the labels."""

import pytest

from alloop.journal.events import CodeChanged, CodeDriftFound, CodeRefused, RelabelRecord
from alloop.state.fold_code import outdated
from tests.support.histories import History
from tests.support.small import CODE

NEW = {"gpaw": "2"}
DRIFT = CodeDriftFound(code=NEW, labels=("a", "b"))
SAME = {"energy_eV_per_atom": 0.0, "force_eV_per_A": 0.0, "stress_eV_per_A3": None}
ACCEPTED = CodeChanged(old=dict(CODE), new=NEW, probes=(RelabelRecord(label="a", key="b", deviation=SAME),))
UNPROVEN = CodeChanged(old=dict(CODE), new=NEW, probes=())


def ordered(history, frame, **code):
    return history.begin(f"label/{frame}", {"frame": frame}, code=code)


def test_a_question_is_open_from_the_drift_until_its_answer_and_counted():
    history = History().say(DRIFT)
    assert (history.state.drift, history.state.drifts) == (DRIFT, 1)
    history.say(CodeRefused(code=NEW, reason="x"))
    assert (history.state.drift, history.state.drifts) == (None, 1)
    history.say(DRIFT, ACCEPTED)
    assert (history.state.drift, history.state.drifts) == (None, 2)


@pytest.mark.parametrize("ends", [CodeRefused(code=NEW, reason="x"), ACCEPTED, DRIFT])
def test_probes_of_a_question_that_is_over_run_no_more_and_everything_else_does(ends):
    history = History().pending(1).say(DRIFT)
    ordered(history, history.state.train_order[0])
    history.begin("probe/1/0", {"label": "a"}).say(ends)
    assert [task.task for task in history.state.running.values()] == ["label"]
    assert "probe/1/0" in history.state.tasks


def test_refused_code_leaves_the_code_of_the_labels_as_it_was():
    history = History().say(DRIFT, CodeRefused(code=NEW, reason="x"))
    assert history.state.codes == [dict(CODE)]


def test_accepted_code_makes_the_labels_from_now_on_and_the_former_one_is_remembered():
    history = History().say(DRIFT, ACCEPTED)
    assert history.state.codes == [dict(CODE), NEW]
    assert history.state.code == NEW


def test_labels_that_were_ordered_from_former_code_are_ordered_again_and_those_that_are_there_stay():
    history = History().labelled(1).pending(3)
    _, old, other, waiting = history.state.train_order
    ordered(history, old, gpaw="1")
    ordered(history, other)
    history.say(DRIFT, ACCEPTED)
    assert list(history.state.running) == [f"label/{other}"]
    assert f"label/{old}" not in history.state.tasks
    assert set(history.state.to_label["train"]) == {old, waiting}
    assert (history.state.pending("train"), history.state.labelled("train")) == (3, 1)


def test_probed_code_keeps_the_isolated_atoms_and_code_without_probes_computes_them_again():
    history = History().atoms().say(DRIFT, ACCEPTED)
    assert len(history.state.e0s_eV) == 2
    assert "atom/Na" in history.state.tasks
    history.say(DRIFT, UNPROVEN)
    assert history.state.e0s_eV == {}
    assert "atom/Na" not in history.state.tasks


def test_an_atom_that_is_being_computed_by_unproven_code_is_planned_again():
    history = History().begin("atom/Na", {"element": "Na"}).say(DRIFT, UNPROVEN)
    assert history.state.running == {}
    assert history.state.tasks == {}


@pytest.mark.parametrize(
    ("asked", "is_old"),
    [({}, False), ({"gpaw": "1"}, False), ({"gpaw": "0"}, True), ({"gpaw": "1", "setup_Na": "x"}, True)],
)
def test_a_task_is_outdated_when_the_present_code_differs_in_anything_it_asked_for(asked, is_old):
    history = History(code={"gpaw": "1", "libxc": "7"}).begin("atom/Na", {"element": "Na"}, code=asked)
    assert outdated(history.state, history.state.tasks["atom/Na"]) is is_old
