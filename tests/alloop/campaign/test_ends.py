import pytest

from alloop.campaign.loop import StopRequested
from alloop.failures import PolicyError
from alloop.journal.events import AttemptLost, TaskPlanned
from tests.support.loops import STARTED, config, finished, loop


def test_the_label_budget_is_never_exceeded_and_ends_the_campaign(tmp_path):
    campaign, verdict = finished(tmp_path, budget={"labels": 15})
    assert verdict.verdict == "budget_spent"
    assert "15 labels" in verdict.reason
    assert campaign.state.labels_spent() == 15


def test_the_core_hour_budget_ends_the_campaign(tmp_path):
    campaign, verdict = finished(tmp_path, budget={"dft_core_hours": 100 / 3600})
    assert verdict.verdict == "budget_spent"
    assert 100 <= campaign.state.dft_core_s <= 130


FAILING = ("label/A.600K.heldout0/0", "label/A.1000K.heldout0/0", "label/A.600K.heldout1/0")


def with_late_selections(folder, order, failing, **settings):
    campaign = loop(folder, config(**settings), seed=order, slots=4, fail=dict.fromkeys(failing, "scf"))
    campaign.workers.late = ("select/",)
    return campaign.state, campaign.run(STARTED)


@pytest.mark.parametrize(("order", "failing", "heldout"), [(1, FAILING, 3), (6, (), 4)])
def test_held_out_frames_leave_a_late_selection_the_labels_it_was_asked_for(tmp_path, order, failing, heldout):
    state, verdict = with_late_selections(tmp_path, order=order, failing=failing, budget={"labels": 18})
    assert verdict.verdict == "budget_spent"
    assert "18 labels" in verdict.reason
    assert state.labels_spent() == 18
    assert [(event.size, event.heldout) for event in state.judged] == [(6, heldout), (12, heldout)]


def test_what_a_late_selection_leaves_of_the_budget_replaces_failed_held_out_labels_before_a_rung_is_judged(tmp_path):
    settings = {"budget": {"labels": 16}, "select": {"policy": "tests.support.own_policies:ChoosesOne"}}
    state, verdict = with_late_selections(tmp_path, order=1, failing=FAILING[:1], **settings)
    assert verdict.verdict == "budget_spent"
    assert state.labels_spent() == 16
    assert [(event.size, event.heldout) for event in state.judged] == [(6, 4)]


@pytest.mark.parametrize(("overlap", "core_s", "rungs"), [(True, 150, [6, 12]), (False, 130, [6])])
def test_fitted_rungs_are_judged_on_the_heldout_labels_that_the_core_hours_paid_for(tmp_path, overlap, core_s, rungs):
    campaign, verdict = finished(tmp_path, overlap=overlap, budget={"dft_core_hours": core_s / 3600})
    state = campaign.state
    assert verdict.verdict == "budget_spent"
    assert (state.labelled("heldout"), state.pending("heldout")) == (2, 2)
    assert [(event.size, event.heldout) for event in state.judged] == [(size, 2) for size in rungs]
    assert {row["frames"] for row in state.judged[-1].table} == {2}


def test_too_many_failed_labels_stop_the_campaign_with_their_reasons(tmp_path):
    campaign, verdict = finished(tmp_path, fail={"label/A.": "scf"}, budget={"failed_labels": 5})
    assert verdict.verdict == "stopped"
    assert "scf" in verdict.reason
    assert sum(campaign.state.failures.values()) <= 5 + 2


@pytest.mark.parametrize("overlap", [True, False])
def test_a_selection_that_is_lost_is_named_and_not_its_policy(tmp_path, overlap):
    campaign = loop(tmp_path, config(overlap=overlap))
    campaign.workers.lose = ("select/",)
    verdict = campaign.run(STARTED)
    assert verdict.verdict == "stopped"
    assert "chooses none" not in verdict.reason
    assert "lost worker" not in verdict.reason
    assert "last: select/" in verdict.reason


def test_an_atom_that_fails_is_named(tmp_path):
    _, verdict = finished(tmp_path, fail={"atom/Na": "scf"})
    assert verdict.verdict == "stopped"
    assert "atom/Na" in verdict.reason


def test_a_policy_that_chooses_nothing_ends_the_campaign_with_its_name(tmp_path):
    policy = "tests.support.own_policies:ChoosesNothing"
    for overlap in (True, False):
        _, verdict = finished(tmp_path / str(overlap), select={"policy": policy}, overlap=overlap)
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
    _, verdict = finished(tmp_path, fail={"fit/r24/f1": "diverged"})
    assert verdict.verdict == "stopped"
    assert "diverged" in verdict.reason
    assert "fit/r24/f1" in verdict.reason


@pytest.mark.parametrize("overlap", [True, False])
def test_walkers_that_always_fail_end_the_campaign_with_the_reason(tmp_path, overlap):
    fail = {f"explore/A.{kelvin}K.{replica}/": "broken" for kelvin in (600, 1000) for replica in (0, 1)}
    campaign, verdict = finished(tmp_path, fail=fail, overlap=overlap)
    assert verdict.verdict == "stopped"
    assert "broken" in verdict.reason
    assert campaign.state.labelled("train") == 4


def test_a_heldout_walker_that_always_fails_is_replaced_by_the_others(tmp_path):
    campaign, verdict = finished(tmp_path, fail={"explore/A.600K.heldout0": "broken"})
    assert verdict.verdict == "ladder_exhausted", verdict.reason
    assert campaign.state.labelled("heldout") == 6


@pytest.mark.parametrize("overlap", [True, False])
def test_heldout_walkers_that_all_fail_end_the_campaign_with_the_reason(tmp_path, overlap):
    fail = {f"explore/A.{kelvin}K.heldout": "broken" for kelvin in (600, 1000)}
    _, verdict = finished(tmp_path, fail=fail, overlap=overlap)
    assert verdict.verdict == "stopped"
    assert "held-out" in verdict.reason
    assert "broken" not in verdict.reason.partition("last:")[0]


def test_a_dead_executor_costs_no_attempt(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.workers.lose, campaign.workers.dead = ("label/",), "executor 'local' is dead"
    with pytest.raises(StopRequested, match="dead"):
        campaign.run(STARTED)
    assert not [e for e in campaign.journal.entries() if isinstance(e.event, AttemptLost)]


@pytest.mark.parametrize("section", ["select", "explore", "ladder"])
def test_a_policy_with_a_bug_is_blamed_by_its_key(tmp_path, section):
    changed = config().model_dump()[section] | {"policy": "tests.support.own_policies:Raises"}
    campaign = loop(tmp_path, config(**{section: changed}))
    with pytest.raises(PolicyError, match=rf"^{section}\.policy: .*Raises.*my bug"):
        campaign.run(STARTED)
