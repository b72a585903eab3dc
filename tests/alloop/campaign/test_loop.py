from dataclasses import replace

import pytest

from alloop.campaign.opening import open_state
from alloop.decisions.fit_requests import pretrained
from alloop.journal.events import FramesSelected, LabelsImported, RungJudged, TaskPlanned
from tests.support.loops import STARTED, config, finished, found, loop


def planned(campaign):
    return [e.event for e in campaign.listeners[0].entries if isinstance(e.event, TaskPlanned)]


def test_a_campaign_climbs_its_ladder_to_a_verdict(tmp_path):
    campaign, verdict = finished(tmp_path)
    state = campaign.state
    assert verdict.verdict == "ladder_exhausted"
    assert sorted(state.rungs) == [6, 12, 24]
    assert [len(state.rungs[size].frames) for size in (6, 12, 24)] == [6, 12, 24]
    assert state.labelled("train") == 24
    assert state.labelled("heldout") == 6


def test_a_rung_is_the_first_labels_in_selection_order_whatever_the_order_of_completion(tmp_path):
    campaign, _ = finished(tmp_path, seed=11, slots=5)
    state = campaign.state
    labelled = [i for i in state.train_order if state.frames[i].status == "labelled"]
    for size, rung in state.rungs.items():
        assert list(rung.frames) == labelled[:size]


def test_failed_labels_are_replaced_and_never_in_a_rung(tmp_path):
    campaign, verdict = finished(tmp_path, fail={"label/A.600K.0/": "scf"})
    state = campaign.state
    assert verdict.verdict == "ladder_exhausted"
    assert state.failures["scf"] > 0
    assert all(state.frames[i].status == "labelled" for rung in state.rungs.values() for i in rung.frames)
    assert len(state.rungs[24].frames) == 24


def test_heldout_frames_come_from_walkers_no_training_frame_comes_from(tmp_path):
    campaign, _ = finished(tmp_path, systems=2)
    state = campaign.state
    heldout = {state.frames[i].walker for i in state.heldout_order}
    assert heldout.isdisjoint(state.frames[i].walker for i in state.train_order)
    assert all(state.frames[i].offer.why == "random" for i in state.heldout_order)
    per_stratum = [(state.frames[i].system, ".600K" in state.frames[i].walker) for i in state.heldout_order]
    counts = [per_stratum.count(stratum) for stratum in set(per_stratum)]
    assert len(counts) == 4
    assert max(counts) - min(counts) <= 1


def test_earlier_rungs_are_evaluated_again_when_the_heldout_set_grows(tmp_path):
    campaign, _ = finished(tmp_path)
    last = campaign.state.judged[-1]
    assert last.heldout == 6
    assert campaign.state.judged[0].heldout == 4
    assert {row["frames"] for row in last.table} == {6}
    assert [event.size for event in campaign.state.judged if event.heldout == 6] == [6, 12, 24]
    assert [row["size"] for row in last.table] == [6, 12, 24]


def test_every_task_is_in_the_journal_before_it_is_submitted(tmp_path):
    campaign = loop(tmp_path, config())
    planned = set()
    submit = campaign.workers.submit

    def watched(purpose, request):
        planned.update(e.event.purpose for e in campaign.journal.entries() if isinstance(e.event, TaskPlanned))
        assert purpose in planned
        submit(purpose, request)

    campaign.workers.submit = watched
    campaign.run(STARTED)


def test_selection_is_in_the_journal_before_its_labels(tmp_path):
    campaign, _ = finished(tmp_path)
    chosen = set()
    for entry in campaign.listeners[0].entries:
        if isinstance(entry.event, FramesSelected):
            chosen |= {choice.id for choice in entry.event.chosen}
        if isinstance(entry.event, TaskPlanned) and entry.event.purpose.startswith("label/"):
            frame = entry.event.purpose.removeprefix("label/")
            assert frame in chosen or "heldout" in frame


def test_the_state_is_the_fold_of_the_journal(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.run(STARTED)
    again = open_state(campaign.journal)
    live = campaign.state
    assert again.train_order == live.train_order
    assert {p: t.status for p, t in again.tasks.items()} == {p: t.status for p, t in live.tasks.items()}
    assert again.evaluations == live.evaluations
    assert again.judged == live.judged
    assert (again.labelled("train"), again.pending("train")) == (live.labelled("train"), live.pending("train"))
    assert again.dft_core_s == live.dft_core_s


def test_random_selection_buys_the_same_number_of_labels(tmp_path):
    campaign, verdict = finished(tmp_path, select={"policy": "random"})
    assert verdict.verdict == "ladder_exhausted"
    assert campaign.state.labelled("train") == 24
    chosen = [campaign.state.frames[i] for i in campaign.state.train_order]
    assert {frame.offer.why for frame in chosen} == {"initial", "random"}


def test_a_foundation_is_generation_zero_and_explores_alone(tmp_path):
    campaign = loop(tmp_path, config(initial={"frames": 0}), foundation="f" * 64)
    campaign.run(STARTED)
    state = campaign.state
    assert state.generations[0].foundation
    fits = [
        e.event for e in campaign.listeners[0].entries if isinstance(e.event, TaskPlanned) and e.event.task == "fit"
    ]
    rung_fits = [fit for fit in fits if fit.context["rung"] is not None]
    assert all(fit.request["init"] == "foundation:" + "f" * 64 for fit in rung_fits)
    first = next(e.event for e in campaign.listeners[0].entries if isinstance(e.event, FramesSelected))
    assert {choice.why for choice in first.chosen} <= {"fill", "probe", "random", "last_good"}


def test_bootstrap_members_differ_and_what_is_out_of_a_bag_stays_out(tmp_path):
    campaign, _ = finished(tmp_path)
    fits = {}
    for entry in campaign.listeners[0].entries:
        event = entry.event
        if isinstance(event, TaskPlanned) and event.task == "fit" and event.context.get("member"):
            fits[event.context["generation"], event.context["member"]] = event.request
    last = max(generation for generation, _ in fits)
    assert sorted(fits[last, 1]["train"]) != sorted(fits[last, 2]["train"])
    for member in (1, 2):
        assert set(fits[last, member]["train"]).isdisjoint(fits[last, member]["valid"])
        for generation in range(1, last):
            assert set(fits[generation, member]["valid"]) <= set(fits[last, member]["valid"])


def test_a_rung_is_fitted_on_exactly_its_labels_without_looking_at_others(tmp_path):
    campaign, _ = finished(tmp_path)
    for entry in campaign.listeners[0].entries:
        event = entry.event
        if isinstance(event, TaskPlanned) and event.purpose.startswith("fit/r"):
            rung = campaign.state.rungs[event.context["rung"]]
            labels = [campaign.state.frames[i].label for i in rung.frames]
            assert event.request["train"] == labels
            assert event.request["valid"] == []
            assert event.request["patience"] is None


def test_candidates_that_wait_are_selected_without_new_exploration(tmp_path):
    select = {"batch": 1, "pool_factor": 2, "per_walker": 1}
    _, verdict = finished(tmp_path, select=select, explore={"temperatures_K": [600, 900, 1200], "replicas": 2})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


@pytest.mark.parametrize("lookahead", [0, 1])
def test_heldout_frames_are_drawn_where_no_later_generation_can_come_before_the_rung_is_judged(tmp_path, lookahead):
    ladder = {"rungs": [4, 8], "fits": 2, "lookahead_rungs": lookahead}
    _, verdict = finished(tmp_path, ladder=ladder, heldout={"minimum": 2, "from_generation": 5})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


def test_a_single_first_label_is_enough_to_begin(tmp_path):
    _, verdict = finished(tmp_path, initial={"frames": 1})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


def test_initial_frames_keep_within_the_label_budget(tmp_path):
    campaign, verdict = finished(tmp_path, initial={"frames": 6}, budget={"labels": 4})
    assert campaign.state.labels_spent() == 4
    assert verdict.verdict == "budget_spent"


def test_a_foundation_is_first_refitted_after_as_many_labels_as_any_committee(tmp_path):
    ladder, select = {"rungs": [24, 48], "fits": 2}, {"batch": 4}
    campaign, _ = finished(tmp_path, foundation="f" * 64, initial={"frames": 0}, ladder=ladder, select=select, slots=4)
    assert len(campaign.state.generations[1].frames) < 12


def test_lockstep_explores_with_the_newest_committee(tmp_path):
    campaign, _ = finished(tmp_path, overlap=False)
    selections = [e.event for e in campaign.listeners[0].entries if isinstance(e.event, FramesSelected)]
    assert all(selection.chosen for selection in selections)


def test_pretraining_is_done_before_any_fit_that_starts_from_it_even_at_the_second_try(tmp_path):
    initial = config(initial={"frames": 6})
    with found(tmp_path, initial) as journal:
        journal.append([LabelsImported(reference="other", source="x.extxyz", keys=("a" * 40, "b" * 40))])
    campaign = loop(tmp_path, initial, fail={"fit/pretrain/m0": "diverged"}, slots=5)
    campaign.workers.fail_once = True
    campaign.run(STARTED)
    fits = [event for event in planned(campaign) if event.task == "fit"]
    pretrained = {event.purpose: f"fit:{event.key}" for event in fits if event.purpose.startswith("fit/pretrain")}
    rungs = [event for event in fits if event.context["rung"] is not None]
    assert {event.request["init"] for event in rungs} == {pretrained["fit/pretrain/m0/again1"]}
    levelled = {event.request["init"] for event in fits if event.request["level_energy"]}
    others = {event.request["init"] for event in fits if not event.request["level_energy"]}
    assert pretrained["fit/pretrain/m0/again1"] in levelled
    assert levelled <= set(pretrained.values())
    assert others.isdisjoint(pretrained.values())
    assert others - {None}, "members that go on from fits to labels are left as they are"


def test_labels_of_before_the_campaign_owe_no_probes(tmp_path):
    wanted = config(ladder={"rungs": [70, 80], "fits": 2}, select={"probe_fraction": 0.1})
    brought = tuple(f"{number:040d}" for number in range(60))
    with found(tmp_path, wanted) as journal:
        journal.append([LabelsImported(reference="same", source="x.extxyz", keys=brought)])
    campaign = loop(tmp_path, wanted)
    campaign.run(STARTED)
    chosen = [frame for frame in campaign.state.frames.values() if frame.selection is not None]
    assert len(chosen) >= 12
    assert sum(frame.reason == "probe" for frame in chosen) <= 0.1 * len(chosen) + 2


def test_replayed_frames_leave_every_schedule_its_passes_and_every_check_a_whole_one(tmp_path):
    fit = {"method": "multihead", "epochs": 5, "max_steps": 1, "rung_steps": 1, "check_every_steps": 1, "batch_size": 3}
    replaying = config(initial={"frames": 6}, fit={"every_labels": 6, **fit})
    with found(tmp_path, replaying, foundation="f" * 64) as journal:
        journal.append([LabelsImported(reference="other", source="x.extxyz", keys=("a" * 40, "b" * 40))])
    campaign = loop(tmp_path, replaying, foundation="f" * 64)
    campaign.run(STARTED)
    fits = [event.request for event in planned(campaign) if event.task == "fit"]
    assert {bool(request["finetuning"]["replay"]) for request in fits} == {True}
    for request in fits:
        frames = 2 * len(request["train"])
        assert frames <= 3 * request["check_every_steps"] < frames + 3
        assert 5 * frames <= 3 * request["max_steps"] < 5 * (frames + 3)


def test_a_generation_that_never_completes_does_not_hold_up_later_rungs(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.workers.lose = ("fit/g1/",)
    verdict = campaign.run(STARTED)
    assert verdict.verdict == "ladder_exhausted"
    assert len(campaign.state.generations[1].models) < 3


@pytest.mark.parametrize("overlap", [True, False])
def test_a_member_that_cannot_be_fitted_ends_neither_refits_nor_rungs(tmp_path, overlap):
    campaign = loop(tmp_path, config(fit={"every_labels": 3}, overlap=overlap), fail={"fit/g1/m1": "diverged"})
    verdict = campaign.run(STARTED)
    assert verdict.verdict == "ladder_exhausted"
    later = [generation for generation in campaign.state.generations[2:] if generation.rung is None]
    assert later
    assert all(len(generation.models) == 3 for generation in later)


def test_held_out_frames_keep_up_with_the_training_set(tmp_path):
    campaign, _ = finished(tmp_path, heldout={"minimum": 2, "fraction": 0.5}, ladder={"rungs": [6, 12, 24], "fits": 2})
    judged = [entry.event for entry in campaign.listeners[0].entries if isinstance(entry.event, RungJudged)]
    first = {event.size: event.heldout for event in reversed(judged)}
    assert first == {6: 3, 12: 6, 24: 12}
    assert len(campaign.state.heldout_order) == 12


TEACHER = {"model": "chgnet", "rounds": 2, "frames": 60}


def test_a_committee_can_be_taught_alone_and_the_campaign_goes_on_from_there(tmp_path):
    campaign = loop(tmp_path, config(teacher=TEACHER))
    campaign.charter = replace(campaign.charter, goal="taught")
    campaign.measure(STARTED)
    campaign.journal.close()
    assert {event.task for event in planned(campaign)} == {"teach", "fit"}
    assert all(pretrained(campaign.state, member) for member in range(3))
    assert campaign.state.verdict is None

    again = loop(tmp_path, config(teacher=TEACHER))
    assert again.run(STARTED).verdict == "ladder_exhausted"
    again.journal.close()
    assert not [event for event in planned(again) if event.task == "teach" or "pretrain" in event.purpose]


def test_a_campaign_that_begins_with_a_committee_climbs_its_ladder(tmp_path):
    campaign, verdict = finished(tmp_path, foundation="f" * 64, foundation_members=3)
    assert verdict.verdict == "ladder_exhausted"
    requests = [event.request for event in planned(campaign) if event.task == "explore"]
    assert requests[0]["members"] == [f"foundation:{'f' * 64}@{member}" for member in range(3)]
