"""Events of the campaign as a whole: config, policies, imported labels, generations and the verdict."""

import pytest
from pydantic import ValidationError

from alloop.journal.events import (
    CampaignCreated,
    ConfigChanged,
    GenerationOpened,
    LabelsImported,
    PolicyChanged,
    VerdictReached,
)
from alloop.state.fold_campaign import foundation_models
from tests.support.histories import FOUNDATION, HELDOUT_WALKERS, WALKERS, History

CODE = {"gpaw": "1"}


def changed(history, **sections):
    """Resume a campaign under another config."""
    config = {**history.state.config, **sections}
    return history.say(ConfigChanged(config=config, changes=tuple(sections) or ("execution",)))


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


# -- a changed config --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "lifted"),
    [("budget_spent", True), ("stopped", True), ("converged", False), ("ladder_exhausted", False)],
)
@pytest.mark.parametrize("event", ["config", "policy"])
def test_a_verdict_that_came_from_want_of_means_is_lifted_by_other_means_or_a_mended_policy(verdict, lifted, event):
    history = with_committee().say(VerdictReached(verdict=verdict, reason="x"))
    if event == "config":
        changed(history, budget={"labels": 99})
    else:
        history.say(PolicyChanged(policies={"select.policy": "a"}, changed=("select.policy",)))
    assert (history.state.verdict is None) is lifted


def test_walkers_that_rested_run_again_under_a_changed_config_and_a_mended_policy():
    for happens in (changed, lambda history: history.say(PolicyChanged(policies={}, changed=()))):
        history = with_committee()
        history.offer(HELDOUT_WALKERS[0])
        history.offer(WALKERS[0])
        assert (history.state.walkers[HELDOUT_WALKERS[0]].fruitless, history.state.stalled_segments) == (1, 1)
        happens(history)
        assert (history.state.walkers[HELDOUT_WALKERS[0]].fruitless, history.state.stalled_segments) == (0, 0)


def test_keys_that_an_older_journal_lacks_are_no_change():
    """A campaign that began before floors keeps what it judged when its budget grows."""
    history = with_committee().judged(6)
    history.say(VerdictReached(verdict="converged", reason="x"))
    ladder = dict(history.state.config["ladder"])
    for name in ("floor_energy_meV_per_atom", "floor_forces_meV_per_A"):
        ladder.pop(name, None)
    history.state.config["ladder"] = ladder
    changed(history, budget={"labels": 99}, ladder={**ladder, "floor_energy_meV_per_atom": 0.0})
    assert history.state.verdict is not None
    assert len(history.state.judged) == 1
    changed(history, ladder={**ladder, "floor_energy_meV_per_atom": 0.5})
    assert history.state.verdict is None


def test_only_other_measure_settings_forget_what_was_measured():
    history = with_committee(measure={"mobile": "Na"}).produced("r6").judged(6)
    changed(history, budget={"labels": 9})
    assert (history.state.measurings, len(history.state.runs), len(history.state.judged)) == (0, 1, 1)
    changed(history, measure={"mobile": "Cl"})
    assert (history.state.measurings, len(history.state.runs), len(history.state.judged)) == (1, 0, 0)


# -- what machines failed at is tried again ----------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "revived"), [("lost", True), ("timeout", True), ("scf", False), ("contact", False)])
def test_a_label_that_machines_failed_at_is_tried_again_when_they_change(reason, revived):
    history = History().labelled(1).failing(1, reason)
    name = history.state.train_order[-1]
    assert (history.state.pending("train"), history.state.failures[reason]) == (0, 1)
    changed(history)
    task = history.state.tasks[f"label/{name}"]
    assert (task.status == "running", f"label/{name}" in history.state.running) == (revived, revived)
    assert (history.state.pending("train"), history.state.failures[reason]) == ((1, 0) if revived else (0, 1))
    assert history.state.frames[name].status == ("selected" if revived else "failed")
    if revived:
        assert (task.attempts, task.finished) == (1, None)
        assert history.state.labels_spent() == 2


def test_a_held_out_frame_that_is_tried_again_goes_behind_those_that_models_were_evaluated_on():
    history = with_committee().heldout(1)
    history.label(history.drawn(1), reason="lost")
    history.heldout(2)
    first, lost, *rest = history.state.heldout_order
    assert history.state.heldout_settled() == 3
    changed(history)
    assert history.state.heldout_order == [first, *rest, lost]
    assert history.state.heldout_settled() == 3
    assert history.state.frames[lost].status == "heldout"
    history.end(f"label/{lost}")
    assert history.state.heldout_settled() == 4


def test_a_held_out_frame_beyond_a_late_one_keeps_its_place_when_it_is_tried_again():
    history = with_committee().heldout(1)
    late, lost = history.drawn(2)
    history.label([lost], reason="lost")
    order = list(history.state.heldout_order)
    changed(history)
    assert history.state.heldout_order == order
    history.label([late])
    assert history.state.heldout_settled() == 2


@pytest.mark.parametrize(
    ("purpose", "context", "revived"),
    [
        ("fit/g0/m9", {"rung": None, "generation": 0, "member": 9}, True),
        ("evaluate/r6/f0/h4", {"model": "m", "heldout": 4, "of": "r6/f0"}, True),
        ("atom/Na", {"element": "Na"}, True),
        ("probe/1/0", {"label": "a"}, False),
        (
            "explore/A.600K.0/0",
            {
                "generation": 0,
                "role": "train",
                "round": 0,
                "walkers": [{"walker": WALKERS[0], "segment": 0, "system": "A"}],
            },
            False,
        ),
    ],
)
def test_every_task_but_a_probe_and_a_walkers_segment_is_tried_again(purpose, context, revived):
    history = with_committee().do(purpose, context, reason="lost")
    broken = history.state.broken["lost"]
    changed(history)
    assert (purpose in history.state.running) is revived
    assert history.state.broken["lost"] == broken - revived


def test_of_several_attempts_of_a_fit_only_the_last_is_tried_again():
    history = History().atoms().labelled(6).opened()
    context = {"rung": None, "generation": 0, "member": 1}
    for attempt in ("", "/again1", "/again2"):
        history.do(f"fit/g0/m1{attempt}", context, reason="lost")
    assert history.state.broken["lost"] == 3
    changed(history)
    assert list(history.state.running) == ["fit/g0/m1/again2"]
    assert history.state.broken["lost"] == 2


def test_an_attempt_that_was_followed_by_a_good_one_is_not_tried_again():
    history = History().atoms().labelled(6).opened()
    context = {"rung": None, "generation": 0, "member": 1}
    history.do("fit/g0/m1", context, reason="lost").do("fit/g0/m1/again1", context)
    assert not changed(history).state.running


def test_a_label_of_former_code_is_ordered_anew_and_not_tried_again():
    history = History().pending(1)
    name = history.state.train_order[0]
    history.begin(f"label/{name}", {"frame": name}, code={"gpaw": "0"}).end(f"label/{name}", reason="lost")
    changed(history)
    assert f"label/{name}" not in history.state.tasks
    assert history.state.running == {}
    assert list(history.state.to_label["train"]) == [name]
    assert history.state.pending("train") == 1


# -- imported labels ---------------------------------------------------------------------------------------------


def test_imported_labels_are_trained_on_and_cost_nothing():
    keys = ("a" * 14, "b" * 14)
    history = History(budget={"labels": 5})
    history.say(LabelsImported(reference="same", source="file", keys=keys, structures=("s", "t")))
    assert history.state.train_order == [f"imported/{key[:12]}" for key in keys]
    assert [frame.label for frame in history.state.labelled_frames("train")] == list(keys)
    assert (history.state.imported, history.state.labels_spent()) == (2, 0)
    assert history.state.imported_structures == {"s", "t"}
    assert {(frame.source, frame.imported_from) for frame in history.state.frames.values()} == {(None, None)}


def test_labels_of_another_campaign_say_where_they_come_from():
    history = History()
    history.say(LabelsImported(reference="same", source="runs/a", keys=("a",), campaign="run1"))
    history.say(LabelsImported(reference="other", source="runs/b", keys=("b",), campaign="run2"))
    assert history.state.imported_from == {"run1", "run2"}
    assert history.state.frames["imported/a"].imported_from == "run1"


def test_labels_of_another_reference_are_for_pre_training_only():
    history = History()
    history.say(LabelsImported(reference="other", source="file", keys=("a", "b"), structures=("s",)))
    assert history.state.pretraining == ["a", "b"]
    assert (history.state.train_order, history.state.imported, history.state.imported_structures) == ([], 0, set())


def test_what_was_imported_is_told_apart_by_its_keys_and_their_order():
    def brought(*batches):
        history = History()
        for keys in batches:
            history.say(LabelsImported(reference="same", source="file", keys=keys))
        return history.state.brought

    assert brought() == ""
    assert len({brought(("a",)), brought(("b",)), brought(("a",), ("b",)), brought(("a", "b"))}) == 4
    assert brought(("a",), ("b",)) == brought(("a",), ("b",))


# -- generations -------------------------------------------------------------------------------------------------


def test_a_generation_holds_the_first_frames_without_those_that_are_missing():
    history = History().atoms().labelled(5)
    names = history.state.train_order
    history.say(GenerationOpened(number=0, upto=4, missing=(names[1],), labels=3))
    (generation,) = history.state.generations
    assert generation.frames == (names[0], names[2], names[3])
    assert (generation.rung, generation.foundation, generation.models) == (None, False, {})
    assert history.state.fitting() == [generation]
    assert history.state.rungs == {}


def test_the_generation_of_a_rung_opens_the_rung_with_the_same_frames():
    history = History().atoms().labelled(6).opened(rung=6)
    assert history.state.rungs[6].frames == history.state.generations[0].frames
    assert (history.state.rungs[6].kind, history.state.rungs[6].models) == ("acquired", {})


def test_a_foundation_is_a_complete_generation_and_the_rung_without_labels():
    history = History(foundation=True)
    assert history.state.generations[0].models == {0: f"foundation:{FOUNDATION}"}
    assert history.state.fitting() == []
    rung = history.state.foundation_rung
    assert (rung.size, rung.kind, rung.models, rung.name) == (0, "foundation", {0: f"foundation:{FOUNDATION}"}, "r0")


@pytest.mark.parametrize(("members", "begin"), [(2, (0, 1)), (3, (0, 1, 2)), (5, (0, 1, 2))])
def test_a_foundation_that_is_a_committee_disagrees_from_the_start_and_its_leader_is_the_rung(members, begin):
    history = History(foundation=True, foundation_members=members)
    models = {member: f"foundation:{FOUNDATION}@{member}" for member in begin}
    assert history.state.generations[0].models == models
    assert history.state.active() is history.state.generations[0]
    assert history.state.fitting() == []
    assert history.state.foundation_rung.models == {0: models[0]}


def test_a_journal_that_names_members_without_end_is_refused():
    created = History(foundation=True).state.created.model_dump(mode="json")
    with pytest.raises(ValidationError, match="foundation_members"):
        CampaignCreated.model_validate(created | {"foundation_members": 10**12})


def test_a_journal_of_before_committees_begins_with_the_foundation_it_began_with():
    created = History(foundation=True, head="omol").state.created
    earlier = created.model_dump(mode="json")
    del earlier["foundation_members"]
    assert CampaignCreated.model_validate(earlier) == created
    assert foundation_models(created) == (f"foundation:{FOUNDATION}#omol",)
