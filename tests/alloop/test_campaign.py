import itertools

import pytest

from alloop.campaign import StopRequested
from alloop.events import (
    AttemptLost,
    ConfigChanged,
    FramesSelected,
    LabelsImported,
    RungJudged,
    TaskFinished,
    TaskPlanned,
    Tick,
)
from alloop.failure import OutOfTimeError, PolicyError
from alloop.journal import Journal
from alloop.opening import open_state
from alloop.tasks.results import Timing
from tests.support.loops import STARTED, config, found, loop


def run(folder, **settings):
    workers = {key: settings.pop(key) for key in ("seed", "fail", "slots", "systems", "foundation") if key in settings}
    campaign = loop(folder, config(**settings), **workers)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    return campaign, verdict


def test_a_campaign_climbs_its_ladder_to_a_verdict(tmp_path):
    campaign, verdict = run(tmp_path)
    state = campaign.state
    assert verdict.verdict == "ladder_exhausted"
    assert sorted(state.rungs) == [6, 12, 24]
    assert [len(state.rungs[size].frames) for size in (6, 12, 24)] == [6, 12, 24]
    assert state.labelled("train") == 24
    assert state.labelled("heldout") == 6


def test_a_rung_is_the_first_labels_in_selection_order_whatever_the_order_of_completion(tmp_path):
    campaign, _ = run(tmp_path, seed=11, slots=5)
    state = campaign.state
    labelled = [i for i in state.train_order if state.frames[i].status == "labelled"]
    for size, rung in state.rungs.items():
        assert list(rung.frames) == labelled[:size]


def test_failed_labels_are_replaced_and_never_in_a_rung(tmp_path):
    campaign, verdict = run(tmp_path, fail={"label/A.600K.0/": "scf"})
    state = campaign.state
    assert verdict.verdict == "ladder_exhausted"
    assert state.failures["scf"] > 0
    assert all(state.frames[i].status == "labelled" for rung in state.rungs.values() for i in rung.frames)
    assert len(state.rungs[24].frames) == 24


def test_heldout_frames_come_from_walkers_no_training_frame_comes_from(tmp_path):
    campaign, _ = run(tmp_path, systems=2)
    state = campaign.state
    heldout = {state.frames[i].walker for i in state.heldout_order}
    assert heldout.isdisjoint(state.frames[i].walker for i in state.train_order)
    assert all(state.frames[i].offer.why == "random" for i in state.heldout_order)
    per_stratum = [(state.frames[i].system, ".600K" in state.frames[i].walker) for i in state.heldout_order]
    counts = [per_stratum.count(stratum) for stratum in set(per_stratum)]
    assert len(counts) == 4
    assert max(counts) - min(counts) <= 1


def test_earlier_rungs_are_evaluated_again_when_the_heldout_set_grows(tmp_path):
    campaign, _ = run(tmp_path)
    last = campaign.state.judged[-1]
    assert last.heldout == 6
    assert campaign.state.judged[0].heldout == 4
    assert {row["frames"] for row in last.table} == {6}
    assert [event.size for event in campaign.state.judged if event.heldout == 6] == [6, 12, 24]
    assert [row["size"] for row in last.table] == [6, 12, 24]


def test_lockstep_selects_the_same_frames_whatever_finishes_first(tmp_path):
    orders = set()
    for number, seed in enumerate((None, 1, 2, 3)):
        campaign, _ = run(tmp_path / str(number), overlap=False, seed=seed, slots=1 + number)
        orders.add((tuple(campaign.state.train_order), tuple(campaign.state.heldout_order)))
    assert len(orders) == 1


@pytest.mark.parametrize("overlap", [True, False])
def test_a_campaign_stopped_at_any_moment_continues_and_labels_nothing_twice(tmp_path, overlap):
    computed, orders = [], []
    for _ in range(200):
        campaign = loop(tmp_path, config(overlap=overlap), seed=5)
        hears = iter(range(7))
        campaign.stop = lambda hears=hears: None if next(hears, None) is not None else "test"
        try:
            campaign.run(STARTED)
        except StopRequested:
            continue
        finally:
            computed.extend(campaign.workers.computed)
            orders.append(list(campaign.state.train_order))
            campaign.journal.close()
        break
    else:
        pytest.fail("never finished")
    assert len(orders) > 3
    assert len({key for _, key in computed}) == len(computed)
    assert all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(orders))
    if not overlap:
        undisturbed, _ = run(tmp_path / "undisturbed", overlap=False)
        assert orders[-1] == undisturbed.state.train_order


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
    campaign, _ = run(tmp_path)
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
    campaign, verdict = run(tmp_path, select={"policy": "random"})
    assert verdict.verdict == "ladder_exhausted"
    assert campaign.state.labelled("train") == 24
    chosen = [campaign.state.frames[i] for i in campaign.state.train_order]
    assert {frame.offer.why for frame in chosen} == {"initial", "random"}


def test_the_label_budget_is_never_exceeded_and_ends_the_campaign(tmp_path):
    campaign, verdict = run(tmp_path, budget={"labels": 15})
    assert verdict.verdict == "budget_spent"
    assert "15 labels" in verdict.reason
    assert campaign.state.labels_spent() == 15


def test_the_core_hour_budget_ends_the_campaign(tmp_path):
    campaign, verdict = run(tmp_path, budget={"dft_core_hours": 100 / 3600})
    assert verdict.verdict == "budget_spent"
    assert 100 <= campaign.state.dft_core_s <= 130


def test_too_many_failed_labels_stop_the_campaign_with_their_reasons(tmp_path):
    campaign, verdict = run(tmp_path, fail={"label/A.": "scf"}, budget={"failed_labels": 5})
    assert verdict.verdict == "stopped"
    assert "scf" in verdict.reason
    assert sum(campaign.state.failures.values()) <= 5 + 2


def test_an_atom_that_fails_is_named(tmp_path):
    _, verdict = run(tmp_path, fail={"atom/Na": "scf"})
    assert verdict.verdict == "stopped"
    assert "atom/Na" in verdict.reason


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
    campaign, _ = run(tmp_path)
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
    campaign, _ = run(tmp_path)
    for entry in campaign.listeners[0].entries:
        event = entry.event
        if isinstance(event, TaskPlanned) and event.purpose.startswith("fit/r"):
            rung = campaign.state.rungs[event.context["rung"]]
            labels = [campaign.state.frames[i].label for i in rung.frames]
            assert event.request["train"] == labels
            assert event.request["valid"] == []
            assert event.request["patience"] is None


def test_results_found_on_disk_are_taken_and_marked_as_reused(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.advance()
    campaign.journal.close()
    again = loop(tmp_path, config())
    again.take_up()
    finished = [e.event for e in again.listeners[0].entries if isinstance(e.event, TaskFinished)]
    assert finished
    assert again.workers.computed == []


def test_candidates_that_wait_are_selected_without_new_exploration(tmp_path):
    select = {"batch": 1, "pool_factor": 2, "per_walker": 1}
    _, verdict = run(tmp_path, select=select, explore={"temperatures_K": [600, 900, 1200], "replicas": 2})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


def test_a_policy_that_chooses_nothing_ends_the_campaign_with_its_name(tmp_path):
    policy = "tests.support.own_policies:ChoosesNothing"
    for overlap in (True, False):
        _, verdict = run(tmp_path / str(overlap), select={"policy": policy}, overlap=overlap)
        assert verdict.verdict == "stopped"
        assert "ChoosesNothing" in verdict.reason


def test_a_fit_that_diverged_is_tried_again_from_another_seed(tmp_path):
    campaign = loop(tmp_path, config(), fail={"fit/g2/m1": "diverged", "fit/r6/f1": "diverged"})
    campaign.workers.fail_once = True
    assert campaign.run(STARTED).verdict == "ladder_exhausted"
    planned = [e.event for e in campaign.listeners[0].entries if isinstance(e.event, TaskPlanned)]
    requests = {event.purpose: event.request for event in planned if event.task == "fit"}
    assert requests["fit/r6/f1"]["seed"] != requests["fit/r6/f1/again1"]["seed"]


def test_a_fit_that_always_diverges_ends_the_campaign_with_its_name(tmp_path):
    _, verdict = run(tmp_path, fail={"fit/r24/f1": "diverged"})
    assert verdict.verdict == "stopped"
    assert "diverged" in verdict.reason
    assert "fit/r24/f1" in verdict.reason


def planned(campaign):
    return [e.event for e in campaign.listeners[0].entries if isinstance(e.event, TaskPlanned)]


@pytest.mark.parametrize("overlap", [True, False])
def test_walkers_that_always_fail_end_the_campaign_with_the_reason(tmp_path, overlap):
    fail = {f"explore/A.{kelvin}K.{replica}/": "broken" for kelvin in (600, 1000) for replica in (0, 1)}
    campaign, verdict = run(tmp_path, fail=fail, overlap=overlap)
    assert verdict.verdict == "stopped"
    assert "broken" in verdict.reason
    assert campaign.state.labelled("train") == 4


def test_a_heldout_walker_that_always_fails_is_replaced_by_the_others(tmp_path):
    campaign, verdict = run(tmp_path, fail={"explore/A.600K.heldout0": "broken"})
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    assert campaign.state.labelled("heldout") == 6


@pytest.mark.parametrize("overlap", [True, False])
def test_heldout_walkers_that_all_fail_end_the_campaign_with_the_reason(tmp_path, overlap):
    fail = {f"explore/A.{kelvin}K.heldout": "broken" for kelvin in (600, 1000)}
    _, verdict = run(tmp_path, fail=fail, overlap=overlap)
    assert verdict.verdict == "stopped"
    assert "held-out" in verdict.reason
    assert "broken" not in verdict.reason.partition("last:")[0]


@pytest.mark.parametrize("lookahead", [0, 1])
def test_heldout_frames_are_drawn_where_no_later_generation_can_come_before_the_rung_is_judged(tmp_path, lookahead):
    ladder = {"rungs": [4, 8], "fits": 2, "lookahead_rungs": lookahead}
    _, verdict = run(tmp_path, ladder=ladder, heldout={"minimum": 2, "from_generation": 5})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


def test_a_single_first_label_is_enough_to_begin(tmp_path):
    _, verdict = run(tmp_path, initial={"frames": 1})
    assert verdict.verdict == "ladder_exhausted", verdict.reason


def test_initial_frames_keep_within_the_label_budget(tmp_path):
    campaign, verdict = run(tmp_path, initial={"frames": 6}, budget={"labels": 4})
    assert campaign.state.labels_spent() == 4
    assert verdict.verdict == "budget_spent"


def test_a_foundation_is_first_refitted_after_as_many_labels_as_any_committee(tmp_path):
    ladder, select = {"rungs": [24, 48], "fits": 2}, {"batch": 4}
    campaign, _ = run(tmp_path, foundation="f" * 64, initial={"frames": 0}, ladder=ladder, select=select, slots=4)
    assert len(campaign.state.generations[1].frames) < 12


def test_lockstep_explores_with_the_newest_committee(tmp_path):
    campaign, _ = run(tmp_path, overlap=False)
    selections = [e.event for e in campaign.listeners[0].entries if isinstance(e.event, FramesSelected)]
    assert all(selection.chosen for selection in selections)


def test_a_dead_executor_costs_no_attempt(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.workers.lose, campaign.workers.dead = ("label/",), "executor 'local' is dead"
    with pytest.raises(StopRequested, match="dead"):
        campaign.run(STARTED)
    assert not [e for e in campaign.journal.entries() if isinstance(e.event, AttemptLost)]


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


def resumed(folder, wanted):
    with found(folder, wanted) as journal:
        journal.append([ConfigChanged(config=wanted.model_dump(mode="json"), changes=("changed",))])
    campaign = loop(folder, wanted)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    return campaign, verdict


def test_a_spent_budget_that_is_raised_continues_the_campaign(tmp_path):
    first, verdict = run(tmp_path, budget={"labels": 15})
    assert verdict.verdict == "budget_spent"
    campaign, verdict = resumed(tmp_path, config(budget={"labels": 60}))
    assert verdict.verdict == "ladder_exhausted"
    assert campaign.state.train_order[: len(first.state.train_order)] == first.state.train_order


@pytest.mark.parametrize("lost", ["atom/", "initial/", "label/", "fit/r24/f1", "fit/g", "evaluate/r", "explore/"])
def test_what_broken_machines_stopped_goes_on_under_another_execution(tmp_path, lost):
    campaign = loop(tmp_path, config())
    campaign.workers.lose = (lost,)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    assert verdict.verdict == "stopped"
    assert "the node is broken" in verdict.reason or "lost" in verdict.reason
    campaign, verdict = resumed(tmp_path, config())
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    state = campaign.state
    assert not state.failures["lost"]
    assert state.labelled("train") == 24
    assert not state.pending("train") + state.pending("heldout")
    keys = [key for _, key in campaign.workers.computed]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("late", ["label/", "atom/"])
def test_what_ran_out_of_time_is_not_tried_again_until_machines_change(tmp_path, late):
    timing = Timing(started_t=0.0, finished_t=60.0, cpu_s=240.0, cores=4, host="node", pid=1)
    campaign = loop(tmp_path, config())
    campaign.workers.lose, campaign.workers.loss = (late,), OutOfTimeError("no answer within 1 min on 4 ranks", timing)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    assert verdict.verdict == "stopped"
    assert "timeout" in verdict.reason or "no answer within 1 min" in verdict.reason
    ended = [task for task in campaign.state.tasks.values() if task.purpose.startswith(late)]
    assert {(task.attempts, task.finished.reason) for task in ended} == {(1, "timeout")}
    assert not any(campaign.workspace.result_path(task.task, task.key).exists() for task in ended)
    assert campaign.state.dft_core_s >= 240.0 * len(ended)
    campaign, verdict = resumed(tmp_path, config(execution={"label_timeout_min": 30}))
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    assert not campaign.state.failures["timeout"] + campaign.state.broken["timeout"]
    assert campaign.state.labelled("train") == 24


def test_a_converged_verdict_stays_whatever_changes(tmp_path):
    run(tmp_path)
    campaign = loop(tmp_path, config())
    campaign.record([ConfigChanged(config=campaign.state.config, changes=("monitor",))])
    assert campaign.state.verdict.verdict == "ladder_exhausted"


@pytest.mark.parametrize("section", ["select", "explore", "ladder"])
def test_a_policy_with_a_bug_is_blamed_by_its_key(tmp_path, section):
    changed = config().model_dump()[section] | {"policy": "tests.support.own_policies:Raises"}
    campaign = loop(tmp_path, config(**{section: changed}))
    with pytest.raises(PolicyError, match=rf"^{section}\.policy: .*Raises.*my bug"):
        campaign.run(STARTED)


def test_time_between_two_drivers_is_not_wall_time(tmp_path):
    clock = iter([0.0, 10.0, 500.0, 501.0, 505.0])
    journal = Journal(tmp_path, clock=lambda: next(clock))
    for event in (STARTED, Tick(), ConfigChanged(config={}, changes=()), STARTED, Tick()):
        journal.append([event])
    assert open_state(journal).wall_s == 10.0 + 4.0


def test_a_generation_that_never_completes_does_not_hold_up_later_rungs(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.workers.lose = ("fit/g1/",)
    verdict = campaign.run(STARTED)
    assert verdict.verdict == "ladder_exhausted"
    assert len(campaign.state.generations[1].models) < 3


def test_held_out_frames_keep_up_with_the_training_set(tmp_path):
    campaign, _ = run(tmp_path, heldout={"minimum": 2, "fraction": 0.5}, ladder={"rungs": [6, 12, 24], "fits": 2})
    judged = [entry.event for entry in campaign.listeners[0].entries if isinstance(entry.event, RungJudged)]
    first = {event.size: event.heldout for event in reversed(judged)}
    assert first == {6: 3, 12: 6, 24: 12}
    assert len(campaign.state.heldout_order) == 12


def test_a_segment_that_an_older_alloop_had_under_way_is_planned_anew_and_its_walker_goes_on(tmp_path):
    wanted = config()
    journal = found(tmp_path, wanted)
    structure = open_state(journal).created.systems[0].structure
    flat = {"start": None, "temperature_K": 600.0, "steps": 40, "random_steps": [7, 9], "seed": 5}
    flat |= {"structure": structure.model_dump(mode="json"), "members": ["fit:a1", "fit:b2"], "dtype": "float32"}
    flat |= {"ensemble": "nvt", "pressure_GPa": 0.0, "timestep_fs": 2.0, "friction_per_fs": 0.01, "max_offers": 3}
    flat |= {"check_every_steps": 10, "lower_eV_per_A": 0.05, "upper_eV_per_A": 1.0, "stop_contact": 0.5}
    flat |= {"min_contact": 0.6, "stop_temperature_factor": 4.0}
    context = {"walker": "A.600K.0", "segment": 0, "system": "A", "generation": 0, "temperature_K": 600.0}
    context |= {"role": "train", "round": 0, "start": None}
    common = {"task": "explore", "slot_kind": "explore", "request": flat, "context": context}
    journal.append([TaskPlanned(purpose="explore/A.600K.0/0", key="a" * 40, **common)])
    journal.close()
    campaign, verdict = run(tmp_path)
    assert verdict.verdict == "ladder_exhausted"
    task = campaign.state.tasks["explore/A.600K.0/0"]
    assert task.status == "ok"
    assert task.key != "a" * 40
    assert {"A.600K.0/0/0", "A.600K.0/0/1", "A.600K.0/0/2"} <= campaign.state.frames.keys()
    assert campaign.state.walkers["A.600K.0"].segments > 1
