import itertools

import pytest

from alloop.campaign.loop import StopRequested
from alloop.campaign.opening import open_state
from alloop.failures import OutOfTimeError
from alloop.journal.events import ConfigChanged, TaskFinished, TaskPlanned, Tick
from alloop.journal.journal import Journal
from alloop.tasks.contract.records import Timing
from tests.support.loops import STARTED, config, finished, found, loop


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
        undisturbed, _ = finished(tmp_path / "undisturbed", overlap=False)
        assert orders[-1] == undisturbed.state.train_order


def test_results_found_on_disk_are_taken_and_marked_as_reused(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.advance()
    campaign.journal.close()
    again = loop(tmp_path, config())
    again.take_up()
    finished = [e.event for e in again.listeners[0].entries if isinstance(e.event, TaskFinished)]
    assert finished
    assert again.workers.computed == []


def resumed(folder, wanted):
    with found(folder, wanted) as journal:
        journal.append([ConfigChanged(config=wanted.model_dump(mode="json"), changes=("changed",))])
    campaign = loop(folder, wanted)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    return campaign, verdict


def test_a_spent_budget_that_is_raised_continues_the_campaign(tmp_path):
    first, verdict = finished(tmp_path, budget={"labels": 15})
    assert verdict.verdict == "budget_spent"
    campaign, verdict = resumed(tmp_path, config(budget={"labels": 60}))
    assert verdict.verdict == "ladder_exhausted"
    assert campaign.state.train_order[: len(first.state.train_order)] == first.state.train_order


def test_held_out_frames_that_core_hours_lacked_for_are_labelled_when_more_are_given(tmp_path):
    first, verdict = finished(tmp_path, budget={"dft_core_hours": 150 / 3600})
    assert verdict.verdict == "budget_spent"
    assert first.state.pending("heldout") == 2
    campaign, verdict = resumed(tmp_path, config(budget={"dft_core_hours": 1}))
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    assert [(event.size, event.heldout) for event in campaign.state.judged][:2] == [(6, 2), (12, 2)]
    assert campaign.state.judged[-1].heldout == 6


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


@pytest.mark.parametrize(("overlap", "labels"), [(True, 19), (False, 15)])
def test_models_are_evaluated_on_the_same_frames_when_a_lost_held_out_label_is_made_up_for(tmp_path, overlap, labels):
    first = loop(tmp_path, config(overlap=overlap, budget={"labels": labels}))
    first.workers.lose = ("label/A.600K.heldout0/0",)
    assert first.run(STARTED).verdict == "budget_spent"
    first.journal.close()
    assert first.state.frames["A.600K.heldout0/0/0"].status == "failed"
    campaign, verdict = resumed(tmp_path, config(overlap=overlap, budget={"labels": 60}))
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    assert campaign.state.frames["A.600K.heldout0/0/0"].status == "labelled"
    assert campaign.state.heldout_settled() == campaign.state.labelled("heldout")
    evaluated = {}
    for entry in (*first.listeners[0].entries, *campaign.listeners[0].entries):
        if isinstance(entry.event, TaskPlanned) and entry.event.task == "evaluate":
            evaluated.setdefault(entry.event.context["heldout"], set()).add(tuple(entry.event.request["frames"]))
    assert {count: len(sets) for count, sets in evaluated.items()} == {4: 1, 6: 1}


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
    finished(tmp_path)
    campaign = loop(tmp_path, config())
    campaign.record([ConfigChanged(config=campaign.state.config, changes=("monitor",))])
    assert campaign.state.verdict.verdict == "ladder_exhausted"


def test_time_between_two_drivers_is_not_wall_time(tmp_path):
    clock = iter([0.0, 0.0, 10.0, 500.0, 501.0, 505.0])
    journal = Journal(tmp_path / "clocked", clock=lambda: next(clock))
    created = open_state(found(tmp_path / "real", config())).created
    changed = ConfigChanged(config=created.config, changes=())
    for event in (created, STARTED, Tick(), changed, STARTED, Tick()):
        journal.append([event])
    assert open_state(journal).wall_s == 10.0 + 4.0


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
    campaign, verdict = finished(tmp_path)
    assert verdict.verdict == "ladder_exhausted"
    task = campaign.state.tasks["explore/A.600K.0/0"]
    assert task.status == "ok"
    assert task.key != "a" * 40
    assert {"A.600K.0/0/0", "A.600K.0/0/1", "A.600K.0/0/2"} <= campaign.state.frames.keys()
    assert campaign.state.walkers["A.600K.0"].segments > 1
