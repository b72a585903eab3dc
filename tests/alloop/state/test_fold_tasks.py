"""Events of tasks: planned, broken, finished; each kind of task changes its own part of the state."""

from functools import partial

import pytest

from alloop.journal.events import AttemptLost
from alloop.tasks.contract.records import SwapCount
from tests.support.histories import HELDOUT_WALKERS, WALKERS, History, changes
from tests.support.summaries import calibration_summary, offer

CONTEXT = {"rung": None, "generation": 0, "member": 1}


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


def walker(history, name=WALKERS[0]):
    return history.state.walkers[name]


# -- planned -----------------------------------------------------------------------------------------------------


def test_a_planned_task_runs_and_keeps_what_was_asked_and_when():
    history = History(step_s=10.0).begin("atom/Na", {"element": "Na"}, code={"gpaw": "1"})
    task = history.state.tasks["atom/Na"]
    assert history.state.running == {"atom/Na": task}
    assert (task.task, task.slot_kind, task.status, task.attempts, task.finished) == (
        "atom",
        "label",
        "running",
        1,
        None,
    )
    assert (task.request, task.context) == ({"code": {"gpaw": "1"}}, {"element": "Na"})
    assert task.planned_t == history.now


def test_a_label_that_is_planned_is_not_planned_again():
    history = History().pending(2)
    first, second = history.state.train_order
    history.begin(f"label/{first}", {"frame": first})
    assert list(history.state.to_label["train"]) == [second]
    assert history.state.pending("train") == 2


def test_all_walkers_of_a_planned_segment_are_running_until_it_ends():
    history = with_committee()
    purpose = together(history, WALKERS[:2])
    assert [walker(history, name).running for name in WALKERS[:2]] == [True, True]
    history.end(purpose, {"walkers": [{"offers": []}, {"offers": []}]})
    assert [walker(history, name).running for name in WALKERS[:2]] == [False, False]


# -- broken attempts ---------------------------------------------------------------------------------------------


def test_a_broken_attempt_counts_as_much_as_it_costs_and_the_task_goes_on():
    history = History().begin("atom/Na", {"element": "Na"})
    for cost in (1.0, 0.25):
        history.say(AttemptLost(purpose="atom/Na", key="a", error="x", cost=cost))
    assert history.state.tasks["atom/Na"].attempts == 2.25
    assert "atom/Na" in history.state.running
    assert history.state.broken["lost worker"] == 2


# -- finished ----------------------------------------------------------------------------------------------------


def test_a_finished_task_runs_no_more_and_its_request_is_forgotten():
    history = History().begin("atom/Na", {"element": "Na"}, code={}).end("atom/Na", {"energy_eV": -2.0})
    task = history.state.tasks["atom/Na"]
    assert (task.status, task.request, history.state.running) == ("ok", {}, {})
    assert task.finished.summary == {"energy_eV": -2.0}


@pytest.mark.parametrize(("reason", "kept"), [("lost", True), ("timeout", True), ("scf", False)])
def test_the_request_of_a_task_is_kept_only_where_other_machines_may_be_asked_it(reason, kept):
    history = History().begin("atom/Na", {"element": "Na"}, code={"gpaw": "1"}).end("atom/Na", reason=reason)
    assert bool(history.state.tasks["atom/Na"].request) is kept


@pytest.mark.parametrize(
    ("purpose", "context", "reused", "counted"),
    [
        ("atom/Na", {"element": "Na"}, False, 60.0),
        ("probe/1/0", {"label": "a"}, False, 60.0),
        ("atom/Na", {"element": "Na"}, True, 0.0),
        ("fit/g0/m1", CONTEXT, False, 0.0),
    ],
)
def test_core_seconds_of_labels_count_unless_the_result_was_there_already(purpose, context, reused, counted):
    history = with_committee().do(purpose, context, {"energy_eV": -1.0}, cpu_s=60.0, reused=reused)
    assert history.state.dft_core_s == counted


def test_a_label_that_failed_costs_its_core_seconds_too():
    history = History().pending(1)
    assert history.label(history.state.train_order, reason="scf", cpu_s=30.0).state.dft_core_s == 30.0


@pytest.mark.parametrize(
    ("purpose", "context", "broken"),
    [
        ("fit/g0/m1", CONTEXT, {"lost": 1}),
        ("evaluate/r6/f0/h4", {"model": "m", "heldout": 4, "of": "r6/f0"}, {"lost": 1}),
        ("atom/Na", {"element": "Na"}, {"lost": 1}),
        ("probe/1/0", {"label": "a"}, {}),
    ],
)
def test_failures_are_counted_by_their_reason_but_for_labels_and_probes_which_have_their_own_count(
    purpose, context, broken
):
    history = with_committee().do(purpose, context, reason="lost")
    assert dict(history.state.broken) == broken
    assert history.state.last_problem == f"{purpose}: lost"


def test_the_last_problem_is_told_in_its_details_where_there_are_some():
    history = History().failing(1).do("atom/Na", {"element": "Na"}, reason="scf", detail="80 iterations")
    assert history.state.last_problem == "atom/Na: 80 iterations"
    assert history.labelled(1).state.last_problem == "atom/Na: 80 iterations"


# -- segments of walkers -----------------------------------------------------------------------------------------


def together(history, names, segment=0):
    own = [{"walker": name, "segment": segment, "system": "A", "temperature_K": 600.0, "start": None} for name in names]
    role = "heldout" if "heldout" in names[0] else "train"
    purpose = f"explore/{names[0]}/{segment}+{len(names) - 1}"
    history.begin(purpose, {"generation": 0, "role": role, "round": history.state.selections, "walkers": own})
    return purpose


def test_walkers_of_one_task_have_their_own_frames_and_their_own_place():
    history = with_committee()
    purpose = together(history, WALKERS[:2])
    offers = [[offer("one", 0, "random")], [offer("two", 1, "random"), offer("two", 2, "disagreement")]]
    history.end(purpose, {"walkers": [{"offers": some, "ended": "length"} for some in offers]})
    assert list(history.state.pool) == [f"{WALKERS[0]}/0/0", f"{WALKERS[1]}/0/1", f"{WALKERS[1]}/0/2"]
    key = history.state.tasks[purpose].key
    assert [str(walker(history, name).continue_from) for name in WALKERS[:2]] == [f"{key}#0", f"{key}#1"]
    assert [(one.walker, one.place) for one in history.state.news] == [(WALKERS[0], 0), (WALKERS[1], 1)]


def test_a_walker_counts_its_segments_and_remembers_committee_round_and_end():
    history = with_committee().labelled(6).fitted()
    history.offer(WALKERS[1], "random", ended="disagreement")
    known = walker(history, WALKERS[1])
    assert (known.segments, known.last_generation, known.round, known.ended) == (1, 1, 2, "disagreement")
    assert (known.explosions, known.fruitless) == (0, 0)


@pytest.mark.parametrize(
    ("ends", "explosions"),
    [
        (("contact",), 1),
        (("temperature", "volume", "nan"), 3),
        (("contact", "length"), 0),
        (("contact", "disagreement"), 0),
        (("length", "contact"), 1),
    ],
)
def test_unphysical_ends_in_a_row_are_counted_as_explosions(ends, explosions):
    history = with_committee()
    for ended in ends:
        history.offer(WALKERS[0], ended=ended)
    assert walker(history).explosions == explosions


def test_a_segment_that_failed_counts_as_an_explosion_and_the_walker_stays_where_it_was():
    history = with_committee()
    history.offer(WALKERS[0], "random")
    before = walker(history).continue_from
    history.end(history.explore(WALKERS[0]), reason="lost")
    known = walker(history)
    assert (known.segments, known.explosions, known.ended, known.continue_from) == (2, 1, "lost", before)
    assert (known.fruitless, history.state.stalled_segments, len(history.state.news)) == (1, 2, 1)


def test_frames_that_the_gate_rejected_are_counted_by_their_reason():
    history = with_committee()
    history.end(history.explore(WALKERS[0]), {"walkers": [{"offers": [], "gated": {"contact": 2, "nan": 1}}]})
    assert dict(history.state.rejections) == {"contact": 2, "nan": 1}


def test_swaps_of_all_segments_of_a_walker_add_up():
    history = with_committee()
    for attempted, accepted in ((10, 3), (5, 0)):
        swaps = {"Br/Cl": {"attempted": attempted, "accepted": accepted}}
        history.end(history.explore(WALKERS[0]), {"walkers": [{"offers": [], "swaps": swaps}]})
    history.end(history.explore(WALKERS[1]), {"walkers": [{"offers": []}]})
    assert walker(history).swaps == {"Br/Cl": SwapCount(attempted=15, accepted=3)}
    assert walker(history, WALKERS[1]).swaps == {}


def test_held_out_segments_are_no_news_for_a_selection_and_do_not_stall_the_campaign():
    history = with_committee()
    history.offer(HELDOUT_WALKERS[0], "random")
    assert (history.state.news, history.state.segments_since_selection, history.state.stalled_segments) == ([], 0, 0)


@pytest.mark.parametrize(
    ("whys", "fruitless"), [((), 2), (("last_good",), 2), (("random",), 0), (("last_good", "random"), 0)]
)
def test_a_segment_without_a_frame_at_a_random_step_is_fruitless(whys, fruitless):
    history = with_committee()
    history.offer(HELDOUT_WALKERS[0])
    history.offer(HELDOUT_WALKERS[0], *whys)
    assert walker(history, HELDOUT_WALKERS[0]).fruitless == fruitless


def test_candidates_are_counted_by_the_generation_that_offered_them():
    history = with_committee()
    history.offer(WALKERS[0], "random", "random", generation=0)
    history.labelled(6).fitted()
    history.offer(WALKERS[0], "random", generation=1)
    assert [history.state.candidates(oldest) for oldest in (0, 1, 2)] == [3, 1, 0]


def test_rattled_copies_that_failed_leave_no_frame_and_stall_nothing():
    history = History()
    context = {"walker": "A.initial", "segment": 0, "system": "A", "generation": None}
    history.do("initial/A", context, reason="contact")
    assert (history.state.frames, history.state.stalled_segments, history.state.news) == ({}, 0, [])


# -- fits --------------------------------------------------------------------------------------------------------


def test_a_fitted_member_is_a_model_of_its_generation_which_is_complete_with_the_last():
    history = History().atoms().labelled(6).opened()
    for member in (0, 2, 1):
        assert len(history.state.fitting()) == 1
        history.member(0, member)
    assert history.state.fitting() == []
    assert sorted(history.state.generations[0].models) == [0, 1, 2]
    assert history.state.generations[0].models[2] == f"fit:{history.state.tasks['fit/g0/m2'].key}"


def test_the_leader_of_a_rungs_committee_is_a_model_of_both():
    history = History().atoms().labelled(6).opened(rung=6).member(0, 0)
    assert history.state.rungs[6].models == history.state.generations[0].models


def test_another_fit_of_a_rung_is_no_member_of_a_committee():
    history = History().atoms().labelled(6).opened(rung=6)
    assert changes(history, lambda: history.rung_fits(6)) == {"tasks", "rungs"}


def test_a_pre_trained_model_belongs_to_no_rung_and_no_committee():
    history = with_committee()
    context = {"rung": None, "generation": None, "member": 0}
    assert changes(history, lambda: history.do("fit/pretrain/m0", context)) == {"tasks"}


def test_a_fit_that_failed_leaves_no_model():
    history = History().atoms().labelled(6).opened()
    assert changes(history, lambda: history.do("fit/g0/m1", CONTEXT, reason="diverged")) == {
        *("tasks", "broken", "last_problem"),
    }


# -- the other kinds ---------------------------------------------------------------------------------------------


def test_isolated_atoms_have_their_energies_once_they_are_computed():
    history = (
        History().do("atom/Na", {"element": "Na"}, {"energy_eV": -1.5}).do("atom/Cl", {"element": "Cl"}, reason="scf")
    )
    assert history.state.e0s_eV == {"Na": -1.5}


def test_evaluations_are_kept_by_model_and_number_of_frames():
    history = with_committee().heldout(4).evaluated(6, 4, error=0.5)
    model = history.state.rungs[6].models[1]
    assert history.state.evaluations[model, 4].energy_error_eV_per_atom == (0.5,) * 4
    assert len(history.state.evaluations) == 2


def test_an_evaluation_that_failed_is_not_kept():
    history = with_committee().do("evaluate/x", {"model": "m", "heldout": 4, "of": "x"}, reason="error")
    assert history.state.evaluations == {}


def test_a_calibration_is_kept_with_the_number_of_labels_it_is_from():
    history = with_committee().labelled(3)
    history.do("calibrate/g0/9", {"generation": 0, "labels": 9}, calibration_summary())
    assert (list(history.state.calibrations), history.state.calibrated) == ([0], 9)
    history.do("calibrate/g0/10", {"generation": 0, "labels": 10}, reason="error")
    assert history.state.calibrated == 9
    assert history.state.calibrated_heldout == 0
    history.do("calibrate/g0/10/h4", {"generation": 0, "labels": 10, "heldout": 4}, calibration_summary())
    assert (history.state.calibrated, history.state.calibrated_heldout) == (10, 4)


def test_a_selection_that_failed_stays_asked_for_and_one_that_was_made_is_the_last_one():
    history = with_committee()
    history.offer(WALKERS[0], "random")
    purpose = history.asked()
    history.end(purpose, reason="lost")
    assert history.state.asked is not None
    assert history.state.last_selection is None
    again = with_committee()
    again.end(again.asked())
    assert again.state.asked is None
    assert again.state.last_selection == again.state.tasks["select/1"].key


def test_nothing_follows_from_a_single_probe():
    history = History().begin("probe/1/0", {"label": "a"})
    summary = {"energy_eV_per_atom": 1.0, "force_eV_per_A": 1.0, "stress_eV_per_A3": None}
    assert changes(history, lambda: history.end("probe/1/0", summary)) == {"tasks", "running"}


@pytest.mark.parametrize("outcome", [{}, {"reason": "error", "detail": "no memory"}])
def test_what_a_study_asked_for_is_kept_with_the_study_and_decides_nothing(outcome):
    history = with_committee()
    context = {"study": "mine", "model": "m", "heldout": 4}
    errors = {"energy_error_eV_per_atom": [0.1], "forces_squared_error": [0.2]}
    summary = {} if outcome else errors
    end = partial(history.do, "evaluate/study/0", context, summary, cpu_s=9.0, **outcome)
    assert changes(history, end) == {"tasks", "studies"}
    result = history.state.studies["mine"]["evaluate/study/0"]
    assert (result.summary is None, result.reason) == (bool(outcome), outcome.get("reason", ""))
