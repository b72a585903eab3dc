"""What each stage of a campaign wants to run; which of it runs first is in `test_next_tasks_order`."""

from alloop.decisions.next_tasks import plan
from alloop.journal.events import LabelsImported, SelectionAsked, VerdictReached
from policies.exploration import Launch
from tests.support.histories import HELDOUT_WALKERS, ROCK_SALT, WALKERS, History


def wanted(history, start="", free=99):
    return [task for task in plan(history.state, history.charter, {"local": free}) if task.purpose.startswith(start)]


def purposes(history, start="", free=99):
    return [task.purpose for task in wanted(history, start, free)]


def contexts(history, start="", free=99):
    return [task.context for task in wanted(history, start, free)]


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


# -- isolated atoms and rattled copies ---------------------------------------------------------------------------


def test_a_campaign_begins_with_its_isolated_atoms_and_the_rattled_copies_of_every_system():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    assert [(task.purpose, task.slot_kind) for task in wanted(history)] == [
        ("atom/Na", "label"),
        ("atom/Cl", "label"),
        ("initial/A", "explore"),
        ("initial/B", "explore"),
    ]
    assert contexts(history)[1:3] == [
        {"element": "Cl"},
        {"walker": "A.initial", "segment": 0, "system": "A", "generation": None},
    ]


def test_what_was_begun_is_not_begun_again_even_if_it_failed():
    history = History().begin("atom/Na", {"element": "Na"}).do("atom/Cl", {"element": "Cl"}, reason="scf")
    history.rattled(4)
    assert purposes(history) == []


def test_without_rattled_frames_in_the_config_none_are_made():
    assert purposes(History(initial={"frames": 0})) == ["atom/Na", "atom/Cl"]


# -- pre-training ------------------------------------------------------------------------------------------------

OTHER = LabelsImported(reference="other", source="file", keys=("a", "b"))


def test_every_member_is_pre_trained_on_labels_of_another_reference_once_the_atoms_are_known():
    history = History().say(OTHER)
    assert purposes(history, "fit") == []
    history.atoms()
    assert purposes(history, "fit") == ["fit/pretrain/m0", "fit/pretrain/m1", "fit/pretrain/m2"]
    assert contexts(history, "fit")[1] == {"rung": None, "generation": None, "member": 1}


def test_what_a_second_head_replays_is_not_pre_trained_on():
    assert purposes(History(foundation=True, fit={"method": "multihead"}).say(OTHER).atoms(), "fit") == []


def test_members_are_fitted_when_no_pre_training_is_under_way_or_can_be_tried_again():
    history = History().say(OTHER).atoms().labelled(6).opened()
    context = {"rung": None, "generation": None, "member": 0}
    history.do("fit/pretrain/m0", context).do("fit/pretrain/m1", context).begin("fit/pretrain/m2", context)
    assert purposes(history, "fit") == []
    history.end("fit/pretrain/m2", reason="diverged")
    assert purposes(history, "fit") == ["fit/pretrain/m2/again1"]
    history.do("fit/pretrain/m2/again1", context, reason="diverged")
    history.do("fit/pretrain/m2/again2", context, reason="diverged")
    assert purposes(history, "fit") == ["fit/g0/m0", "fit/g0/m1", "fit/g0/m2"]


# -- fits --------------------------------------------------------------------------------------------------------


def test_the_committee_of_a_rung_is_fitted_its_leader_being_the_first_fit_of_the_rung_then_the_other_fits():
    history = History().atoms().labelled(6).opened(rung=6)
    assert [(task.purpose, task.slot_kind, task.context) for task in wanted(history, "fit")] == [
        ("fit/r6/f0", "fit", {"rung": 6, "fit": 0, "generation": 0, "member": 0}),
        ("fit/g0/m1", "fit", {"rung": None, "generation": 0, "member": 1}),
        ("fit/g0/m2", "fit", {"rung": None, "generation": 0, "member": 2}),
        ("fit/r6/f1", "fit", {"rung": 6, "fit": 1, "generation": None, "subset": False}),
    ]


def test_only_members_that_are_lacking_are_fitted():
    history = History().atoms().labelled(6).opened()
    history.member(0, 1).begin("fit/g0/m2", {"rung": None, "generation": 0, "member": 2})
    assert purposes(history, "fit") == ["fit/g0/m0"]


def test_a_fit_that_failed_is_tried_again_twice_with_the_same_context():
    history = History().atoms().labelled(6).opened()
    first = {task.purpose: task.context for task in wanted(history, "fit")}["fit/g0/m1"]
    tried = []
    while names := [name for name in purposes(history, "fit") if name.startswith("fit/g0/m1")]:
        tried += names
        assert contexts(history, names[0])[0] == first
        history.do(names[0], first, reason="diverged")
    assert tried == ["fit/g0/m1", "fit/g0/m1/again1", "fit/g0/m1/again2"]


# -- calibrations and selections ---------------------------------------------------------------------------------


def test_a_calibration_is_made_after_a_batch_of_labels_and_named_by_their_number():
    history = with_committee(select={"batch": 12}).labelled(5)
    assert purposes(history, "calibrate") == []
    (task,) = wanted(history.labelled(1), "calibrate")
    assert (task.purpose, task.slot_kind) == ("calibrate/g0/12", "measure")
    assert task.context == {"generation": 0, "labels": 12}


def test_a_calibration_that_failed_waits_for_another_label():
    history = with_committee().labelled(6).do("calibrate/g0/12", {"generation": 0, "labels": 12}, reason="error")
    assert purposes(history, "calibrate") == []
    assert purposes(history.labelled(1), "calibrate") == ["calibrate/g0/13"]


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
    assert purposes(history, "atom") == ["atom/Na", "atom/Cl"]


# -- held-out walkers --------------------------------------------------------------------------------------------


def heldout_walkers(history):
    return [purpose.split("/")[1] for purpose in purposes(history, "explore") if "heldout" in purpose]


def test_each_held_out_frame_that_is_needed_comes_from_the_walker_with_the_fewest():
    history = with_committee(heldout={"from_generation": 0})
    assert sorted(heldout_walkers(history)) == sorted(HELDOUT_WALKERS)
    history.heldout(3)
    assert heldout_walkers(history) == [HELDOUT_WALKERS[3]]
    history.label(history.drawn(1), reason="scf")
    assert heldout_walkers(history) == [HELDOUT_WALKERS[3]]


def test_held_out_frames_on_offer_and_walkers_under_way_count_as_frames():
    history = with_committee(heldout={"from_generation": 0})
    history.offer(HELDOUT_WALKERS[0], "random")
    history.explore(HELDOUT_WALKERS[1])
    assert sorted(heldout_walkers(history)) == sorted(HELDOUT_WALKERS[2:])


def test_held_out_walkers_wait_for_the_generation_that_may_draw():
    history = with_committee(heldout={"from_generation": 1})
    assert heldout_walkers(history) == []
    history.labelled(6).fitted()
    assert len(heldout_walkers(history)) == 4


def test_a_held_out_walker_continues_where_it_was_and_begins_anew_after_an_explosion():
    history = with_committee(heldout={"from_generation": 0})
    history.heldout(3)
    walker = HELDOUT_WALKERS[3]
    history.offer(walker, "last_good", ended="length")
    (context,) = contexts(history, f"explore/{walker}")
    assert (context["role"], context["generation"]) == ("heldout", 0)
    (own,) = context["walkers"]
    assert own["segment"] == 1
    assert own["start"].endswith("#0")
    history.offer(walker, "last_good", ended="contact")
    (context,) = contexts(history, f"explore/{walker}")
    assert context["walkers"][0] == {**own, "segment": 2, "start": None}


# -- evaluations, production runs and measurements ---------------------------------------------------------------

MEASURE = {"mobile": "Na", "temperatures_K": [600, 800], "production_ps": 4, "segment_ps": 2, "walkers_per_task": 2}


def test_every_model_of_a_rung_is_evaluated_on_the_complete_held_out_set_once():
    history = with_committee().heldout(4)
    task = wanted(history, "evaluate")[0]
    assert (task.purpose, task.slot_kind) == ("evaluate/r6/f0/h4", "measure")
    assert task.context == {"model": history.state.rungs[6].models[0], "heldout": 4, "of": "r6/f0"}
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


# -- exploring walkers -------------------------------------------------------------------------------------------


def exploring(history, free=99):
    return [purpose.split("/")[1] for purpose in purposes(history, "explore", free) if "heldout" not in purpose]


def test_all_idle_walkers_explore_under_the_newest_complete_committee():
    history = with_committee()
    assert sorted(exploring(history)) == sorted(WALKERS)
    history.explore(WALKERS[0])
    assert sorted(exploring(history)) == sorted(WALKERS[1:])
    context = contexts(history, "explore")[0]
    assert (context["role"], context["generation"], context["round"]) == ("train", 0, 1)
    assert context["walkers"][0]["start"] is None


def test_nobody_explores_before_there_is_a_committee_or_when_no_frame_is_needed():
    assert exploring(History().atoms().labelled(6).opened()) == []
    assert exploring(with_committee().pending(6)) == []
    assert exploring(with_committee(budget={"labels": 10})) == []


def test_in_overlap_a_full_pool_or_a_stalled_campaign_stops_exploring():
    history = with_committee()
    history.offer(WALKERS[0], *["random"] * 18)
    assert exploring(history) == []
    history = with_committee()
    for number in range(80):
        assert exploring(history)
        history.offer(WALKERS[number % 4])
    assert exploring(history) == []


def test_few_slots_hold_all_walkers_of_a_system_together():
    history = with_committee()
    assert [len(context["walkers"]) for context in contexts(history, "explore", free=1)] == [4]
    assert [len(context["walkers"]) for context in contexts(history, "explore", free=2)] == [2, 2]


class Curious:
    """An exploration policy that keeps what it is shown, and moves the first walker hotter and from its beginning."""

    seen = ()

    def next_segments(self, walkers, count):
        type(self).seen = tuple(walkers)
        return (Launch(walkers[0].id, 1234.0, restart=True),)


def test_the_policy_sees_every_walker_as_it_is_documented():
    history = with_committee(explore={"policy": f"{__name__}:Curious"})
    history.offer(WALKERS[0], ended="contact")
    history.explore(WALKERS[1])
    assert exploring(history) == [WALKERS[0]]
    views = {view.id: view for view in Curious.seen}
    assert list(views) == [WALKERS[0], WALKERS[1], WALKERS[2], WALKERS[3]]
    first, second, third = (views[walker] for walker in WALKERS[:3])
    assert (first.system, first.temperature_K, first.segments) == ("A", 600.0, 1)
    assert (first.last_generation, first.explosions, first.ended, first.running) == (0, 1, "contact", False)
    assert (second.last_generation, second.segments, second.ended, second.running) == (None, 0, None, True)
    assert (third.last_generation, third.segments, third.ended, third.running) == (None, 0, None, False)


def test_a_walker_moves_at_the_temperature_and_from_the_point_its_policy_says():
    history = with_committee(explore={"policy": f"{__name__}:Curious"})
    history.offer(WALKERS[0])
    (context,) = contexts(history, "explore")
    (walker,) = context["walkers"]
    assert (walker["temperature_K"], walker["start"], walker["segment"]) == (1234.0, None, 1)


def test_after_the_verdict_nothing_is_planned():
    assert purposes(with_committee().say(VerdictReached(verdict="stopped", reason="enough"))) == []
