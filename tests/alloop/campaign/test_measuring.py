"""Rungs measured, judged and measured longer, by the real loop on simulated workers."""

from collections import Counter
from dataclasses import replace

import pytest

from alloop.campaign.opening import open_state
from alloop.decisions.random_subsets import draw
from alloop.journal.events import ConfigChanged, ProductionExtended, RungJudged
from alloop.state.fold import apply
from tests.support.loops import STARTED, config, loop

MEASURE = {
    "mobile": "Na",
    "temperatures_K": [600, 800, 1000],
    "production_ps": 4,
    "max_ps": 16,
    "segment_ps": 2,
    "repeat": [1, 1, 1],
}
LENIENT = {"rungs": [6, 12, 24], "fits": 2, "tolerance_energy": 50.0, "tolerance_forces": 50.0}
"""A ladder whose held-out errors always agree, so that transport decides."""


def events(campaign, kind):
    return [entry.event for entry in campaign.journal.entries() if isinstance(entry.event, kind)]


def tasks(campaign, kind):
    return [task for task in campaign.state.tasks.values() if task.task == kind]


def test_every_rung_is_measured_before_it_is_judged(tmp_path):
    campaign = loop(tmp_path, config(measure=MEASURE))
    campaign.run(STARTED)
    table = events(campaign, RungJudged)[-1].table
    assert [row["size"] for row in table] == [6, 12, 24]
    for row in table:
        (system,) = row["transport"]
        assert system["system"] == "A"
        assert system["at_K"] == 573.15
        assert system["activation_energy_eV"] == pytest.approx(0.3, abs=0.06)
        assert system["se_activation_energy_eV"] > 0
    runs = Counter(task.purpose.rsplit("/", 1)[0] for task in tasks(campaign, "produce"))
    assert set(runs.values()) == {2}
    assert len(runs) == 3 * 2 * 3


def test_error_bars_too_wide_to_judge_ask_for_longer_runs_and_not_for_labels(tmp_path):
    campaign = loop(tmp_path, config(measure=MEASURE, ladder=LENIENT))
    campaign.run(STARTED)
    first = events(campaign, ProductionExtended)[0]
    assert first.production_ps == 8
    assert set(first.rungs) <= {"r6", "r12"}
    judged = [event for event in events(campaign, RungJudged) if event.size == 12]
    assert not judged[0].final
    assert judged[-1].production_ps > 4
    longest = max(int(task.purpose.rsplit("/", 1)[1]) for task in tasks(campaign, "produce"))
    assert 2 <= longest < 8


def test_no_label_is_bought_for_a_rung_beyond_one_that_is_still_measured(tmp_path):
    campaign = loop(tmp_path, config(seed=5, measure=MEASURE, ladder={**LENIENT, "lookahead_rungs": 0}))
    campaign.run(STARTED)
    entries = list(campaign.journal.entries())
    extended = next(e.seq for e in entries if isinstance(e.event, ProductionExtended))
    again = next(e.seq for e in entries if isinstance(e.event, RungJudged) and e.seq > extended and e.event.final)
    between = [e.event for e in entries if extended < e.seq < again and getattr(e.event, "task", "") == "label"]
    assert not between


def test_segments_continue_each_other(tmp_path):
    campaign = loop(tmp_path, config(measure=MEASURE))
    campaign.run(STARTED)
    by_purpose = {task.purpose: task for task in tasks(campaign, "produce")}
    first, second = by_purpose["produce/r6/f1/A/b2/0"], by_purpose["produce/r6/f1/A/b2/1"]
    requests = {p: campaign.journal.planned(p) for p in (first.purpose, second.purpose)}
    assert requests[first.purpose]["start"] is None
    assert requests[second.purpose]["start"] == first.key
    assert requests[first.purpose]["walkers"] == requests[second.purpose]["walkers"]


def test_runs_of_one_model_can_share_an_evaluation(tmp_path):
    campaign = loop(tmp_path, config(measure={**MEASURE, "replicas": 2, "walkers_per_task": 4}))
    campaign.run(STARTED)
    walkers = [len(campaign.journal.planned(t.purpose)["walkers"]) for t in tasks(campaign, "produce")]
    assert set(walkers) == {4, 2}
    measured = campaign.journal.planned("measure/r6/f0/A/4ps")["runs"]
    assert Counter(run["temperature_K"] for run in measured) == {600: 2, 800: 2, 1000: 2}
    assert all(len(run["segments"]) == 2 for run in measured)


def test_a_foundation_is_a_rung_without_labels(tmp_path):
    wanted = config(measure=MEASURE, potential={"committee": 3, "foundation": {"path": "m", "sha256": "a" * 64}})
    campaign = loop(tmp_path, wanted, foundation="a" * 64)
    campaign.run(STARTED)
    first, *rest = events(campaign, RungJudged)[-1].table
    assert first["size"] == 0
    assert first["fits"] == 1
    assert first["transport"][0]["activation_energy_eV"] is not None
    assert [row["size"] for row in rest] == [6, 12, 24]
    assert all(0 not in (j.get("size"),) for j in events(campaign, RungJudged)[-1].judgements)


def measure_subsets(campaign):
    drawn = draw(campaign.state, campaign.charter, dict.fromkeys(campaign.state.frames, "A"))
    campaign.record([drawn])
    campaign.charter = replace(campaign.charter, goal="subsets")
    campaign.measure(STARTED)
    return drawn


def test_random_subsets_of_an_unfinished_campaign_buy_no_label(tmp_path):
    campaign = loop(tmp_path, config(budget={"labels": 16}))
    campaign.run(STARTED)
    before = Counter(task.task for task in campaign.state.tasks.values())
    more = config(budget={"labels": 90})
    for entry in campaign.journal.append([ConfigChanged(config=more.model_dump(mode="json"), changes=("budget",))]):
        apply(campaign.state, entry)
    campaign.journal.close()
    again = loop(tmp_path, more)
    assert again.state.verdict is None
    measure_subsets(again)
    after = Counter(task.task for task in again.state.tasks.values())
    assert again.state.subsets_judged is not None
    assert {kind for kind in after if after[kind] != before[kind]} == {"fit", "evaluate"}


def test_random_subsets_of_a_finished_campaign_are_fitted_measured_and_judged(tmp_path):
    campaign = loop(tmp_path, config(measure=MEASURE))
    verdict = campaign.run(STARTED)
    labels = len(tasks(campaign, "label"))
    drawn = measure_subsets(campaign)
    judged = campaign.state.subsets_judged
    assert [row["size"] for row in judged.table] == [6, 12, 24]
    assert judged.table[0]["transport"][0]["activation_energy_eV"] is not None
    assert judged.table[0]["frames"] == len(drawn.heldout) >= 4
    assert len(tasks(campaign, "label")) == labels
    assert campaign.state.verdict == verdict
    state = open_state(campaign.journal)
    assert state.subsets_judged == judged
    assert not state.subsets_open()


def test_new_measure_settings_measure_again_and_buy_no_label(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.run(STARTED)
    assert not tasks(campaign, "produce")
    labels = len(tasks(campaign, "label"))
    wanted = config(measure=MEASURE)
    changed = ConfigChanged(config=wanted.model_dump(mode="json"), changes=("measure",))
    for entry in campaign.journal.append([changed]):
        apply(campaign.state, entry)
    campaign.journal.close()
    again = loop(tmp_path, wanted)
    assert again.state.verdict is None
    again.run(STARTED)
    assert len(tasks(again, "label")) == labels
    assert len(again.state.judged[-1].table) == 3
    assert again.state.judged[-1].table[-1]["transport"]


def test_measuring_only_neither_explores_nor_labels(tmp_path):
    campaign = loop(tmp_path, config(budget={"labels": 16}))
    campaign.run(STARTED)
    before = Counter(task.task for task in campaign.state.tasks.values())
    wanted = config(measure=MEASURE, budget={"labels": 90})
    for entry in campaign.journal.append([ConfigChanged(config=wanted.model_dump(mode="json"), changes=("measure",))]):
        apply(campaign.state, entry)
    campaign.journal.close()
    again = loop(tmp_path, wanted)
    again.charter = replace(again.charter, goal="transport")
    again.measure(STARTED)
    after = Counter(task.task for task in again.state.tasks.values())
    assert {kind for kind in after if after[kind] != before[kind]} <= {"produce", "measure", "evaluate"}
    assert after["measure"] == 2 * len(again.state.rungs)
    assert again.state.judged[-1].table[-1]["transport"]


class Insatiable:
    """A policy of one's own that always wants longer runs."""

    def judge(self, rungs, ladder, seed):
        from policies.stopping.ladder import MeasureMore, Verdict

        if len(rungs) == len(ladder) and not rungs[-1].can_extend:
            return Verdict("ladder_exhausted", "enough")
        return MeasureMore(tuple(rung.size for rung in rungs), "more")


@pytest.mark.parametrize("measure", [MEASURE, None])
def test_a_policy_that_never_has_enough_cannot_hang_a_campaign(tmp_path, measure):
    ladder = {"rungs": [6, 12, 24], "fits": 2, "policy": f"{__name__}:Insatiable"}
    campaign = loop(tmp_path, config(measure=measure, ladder=ladder))
    assert campaign.run(STARTED).reason == "enough"
    assert events(campaign, RungJudged)[-1].final
    lengths = {task.context["production_ps"] for task in tasks(campaign, "measure")}
    assert lengths == ({4, 8, 16} if measure else set())


def test_measuring_ends_where_a_model_cannot_be_evaluated(tmp_path):
    campaign = loop(tmp_path, config(budget={"labels": 16}))
    campaign.run(STARTED)
    wanted = config(measure=MEASURE, budget={"labels": 16})
    for entry in campaign.journal.append([ConfigChanged(config=wanted.model_dump(mode="json"), changes=("measure",))]):
        apply(campaign.state, entry)
    campaign.journal.close()
    again = loop(tmp_path, wanted)
    again.charter = replace(again.charter, goal="transport")
    again.state.evaluations.clear()  # as if every model had failed on the held-out frames: their tasks are over
    again.measure(STARTED)
    assert tasks(again, "measure")
    assert not again.state.running
