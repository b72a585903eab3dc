"""What each stage of a campaign wants to run; which of it runs first is in `test_next_tasks_order`.

Fits and walkers have files of their own.
"""

from alloop.journal.events import SelectionAsked, VerdictReached
from tests.support.histories import ROCK_SALT, WALKERS, History
from tests.support.plans import contexts, purposes, wanted


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


# -- isolated atoms and rattled copies ---------------------------------------------------------------------------


def test_a_campaign_begins_with_its_isolated_atoms_the_heaviest_first_and_the_rattled_copies_of_every_system():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    assert [(task.purpose, task.slot_kind) for task in wanted(history)] == [
        ("atom/Cl", "label"),
        ("atom/Na", "label"),
        ("initial/A", "explore"),
        ("initial/B", "explore"),
    ]
    assert contexts(history)[1:3] == [
        {"element": "Na"},
        {"walker": "A.initial", "segment": 0, "system": "A", "generation": None},
    ]


def test_what_was_begun_is_not_begun_again_even_if_it_failed():
    history = History().begin("atom/Na", {"element": "Na"}).do("atom/Cl", {"element": "Cl"}, reason="scf")
    history.rattled(4)
    assert purposes(history) == []


def test_without_rattled_frames_in_the_config_none_are_made():
    assert purposes(History(initial={"frames": 0})) == ["atom/Cl", "atom/Na"]


# -- calibrations and selections ---------------------------------------------------------------------------------


def test_a_calibration_is_made_after_a_batch_of_labels_and_named_by_their_number():
    history = with_committee(select={"batch": 12}).labelled(5)
    assert purposes(history, "calibrate") == []
    (task,) = wanted(history.labelled(1), "calibrate")
    assert (task.purpose, task.slot_kind) == ("calibrate/g0/12", "measure")
    assert task.context == {"generation": 0, "labels": 12, "heldout": 0}


def test_a_calibration_that_failed_waits_for_another_label():
    history = with_committee().labelled(6).do("calibrate/g0/12", {"generation": 0, "labels": 12}, reason="error")
    assert purposes(history, "calibrate") == []
    assert purposes(history.labelled(1), "calibrate") == ["calibrate/g0/13"]


def test_a_new_committee_is_calibrated_on_the_held_out_frames_there_are_and_so_is_the_last_after_the_verdict():
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}).heldout(6)
    (task,) = wanted(history, "calibrate")
    assert (task.purpose, task.context) == ("calibrate/g0/6/h6", {"generation": 0, "labels": 6, "heldout": 6})
    history.say(VerdictReached(verdict="converged", reason="why"))
    assert purposes(history) == ["calibrate/g0/6/h6"]
    history.do(task.purpose, task.context, reason="error")
    assert purposes(history) == []


def test_a_selection_that_was_asked_for_is_made_once():
    history = with_committee()
    assert purposes(history, "select") == []
    frames = history.offer(WALKERS[0], "random")
    history.say(SelectionAsked(number=1, generation=0, oldest=0, count=1, seed=1))
    (task,) = wanted(history, "select")
    assert (task.purpose, task.slot_kind, task.context) == ("select/1", "measure", {"generation": 0})
    history.begin("select/1", task.context)
    assert purposes(history, "select") == []
    assert purposes(history.selected(frames), "select") == []


# -- labels ------------------------------------------------------------------------------------------------------


def test_chosen_frames_are_labelled_in_the_order_of_their_selection_before_held_out_ones():
    history = with_committee().heldout(4).pending(2)
    (heldout,) = history.drawn(1)
    chosen = history.state.train_order[6:]
    assert purposes(history, "label") == [f"label/{name}" for name in (*chosen, heldout)]
    assert contexts(history, "label")[0] == {"frame": chosen[0]}
    assert {task.slot_kind for task in wanted(history, "label")} == {"label"}


def test_held_out_frames_are_labelled_first_while_a_full_rung_waits_for_them():
    history = with_committee().pending(1)
    (heldout,) = history.drawn(1)
    assert purposes(history, "label") == [f"label/{heldout}", f"label/{history.state.train_order[-1]}"]


def test_no_label_is_begun_when_the_core_hours_are_spent():
    history = History(budget={"dft_core_hours": 1.0}).pending(2)
    history.label(history.state.train_order[:1], cpu_s=3600)
    assert purposes(history, "label") == []
    assert purposes(history, "atom") == ["atom/Cl", "atom/Na"]


# -- evaluations, production runs and measurements ---------------------------------------------------------------

MEASURE = {"mobile": "Na", "temperatures_K": [600, 800], "production_ps": 4, "segment_ps": 2, "walkers_per_task": 2}


def test_every_model_of_a_rung_is_evaluated_on_the_complete_held_out_set_once():
    history = with_committee().heldout(4)
    task = wanted(history, "evaluate")[0]
    assert (task.purpose, task.slot_kind) == ("evaluate/r6/f0/h4", "measure")
    model = history.state.rungs[6].models[0]
    assert task.context == {"model": model, "heldout": 4, "of": "r6/f0", "retirements": 0}
    history.do(task.purpose, task.context, reason="error")
    assert purposes(history, "evaluate") == ["evaluate/r6/f1/h4"]


def test_production_runs_go_segment_by_segment_and_are_measured_when_they_are_long_enough():
    history = with_committee(measure=MEASURE)
    assert purposes(history, "produce") == ["produce/r6/f0/A/b0/0", "produce/r6/f1/A/b0/0"]
    expected = {"rung": "r6", "fit": 0, "system": "A", "batch": 0, "measuring": 0}
    assert contexts(history, "produce/r6/f0") == [expected]
    history.produced("r6")
    assert purposes(history, "produce/r6/f0") == ["produce/r6/f0/A/b0/1"]
    assert purposes(history, "measure") == []
    history.produced("r6")
    (task,) = wanted(history, "measure")
    assert (task.purpose, task.slot_kind) == ("measure/r6/f0/A/4ps", "measure")
    assert task.context == {"rung": "r6", "fit": 0, "system": "A", "production_ps": 4.0, "measuring": 0}


# -- the end -------------------------------------------------------------------------------------------------------


def test_after_the_verdict_nothing_is_planned():
    assert purposes(with_committee().say(VerdictReached(verdict="stopped", reason="enough"))) == []
