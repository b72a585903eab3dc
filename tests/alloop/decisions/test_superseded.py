"""Which models and trajectories nothing reads any more."""

import pytest

from alloop.decisions.superseded import MEMBERS, RUNS, SUBSETS, superseded
from alloop.journal.events import ConfigChanged, SubsetRecord, SubsetsDrawn, TaskPlanned, VerdictReached
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.registry import KINDS
from tests.support.histories import History
from tests.support.loops import STARTED, config, loop

NOTHING = {"temperatures": []}


def refitted(times):
    """A campaign of three members that was refitted some times, on more labels each time."""
    history = History().atoms()
    for _ in range(times):
        history.labelled(2).fitted()
    return history


def named(history):
    """Return the purposes whose files can go, and why."""
    purposes = {ResultRef(task.task, task.key): task.purpose for task in history.state.tasks.values()}
    return {purposes[one.result]: one.why for one in superseded(history.state)}


def test_members_of_former_committees_go_but_not_what_the_next_refit_starts_from():
    assert named(refitted(1)) == {}
    assert named(refitted(2)) == {}
    assert named(refitted(4)) == dict.fromkeys(("fit/g0/m1", "fit/g0/m2", "fit/g1/m1", "fit/g1/m2"), MEMBERS)


def test_leaders_stay_because_a_longer_ladder_evaluates_them_again():
    assert not any(purpose.endswith("/m0") for purpose in named(refitted(5)))


def test_the_fits_of_a_rung_and_its_committee_stay():
    history = History().atoms().labelled(6).fitted(rung=6)
    for _ in range(4):
        history.labelled(2).fitted()
    assert named(history) == dict.fromkeys(("fit/g1/m1", "fit/g1/m2", "fit/g2/m1", "fit/g2/m2"), MEMBERS)


def test_a_committee_that_is_being_fitted_keeps_the_one_before():
    history = refitted(3).labelled(2).opened().member(3, 0)
    assert set(named(history)) == {"fit/g0/m1", "fit/g0/m2"}


def test_what_a_task_under_way_reads_stays():
    history = refitted(4)
    model = history.state.generations[0].models[1]
    history.begin("evaluate/g0/h4", {"model": model, "heldout": 4, "of": "g0"}, model=model)
    assert "fit/g0/m1" not in named(history)
    assert "fit/g0/m2" in named(history)


def measured():
    history = History(measure={"mobile": "Na"}).atoms().labelled(6).fitted(rung=6)
    return history.produced("r6").measured("r6", 0, 4.0, NOTHING)


def measured_again():
    history = measured()
    other = {**history.state.config, "measure": {**history.state.config["measure"], "replicas": 2}}
    history.say(ConfigChanged(config=other, changes=("measure",)))
    return history.produced("r6")


def finished(history):
    return history.say(VerdictReached(verdict="converged", reason="x"))


def test_runs_that_were_measured_again_with_other_settings_go():
    history = finished(measured_again().measured("r6", 0, 4.0, NOTHING))
    assert named(history) == {"produce/r6/f0/A/b0/0": RUNS}


@pytest.mark.parametrize(
    "make",
    [
        lambda: finished(measured()),
        lambda: finished(measured_again()),
        lambda: measured_again().measured("r6", 0, 4.0, NOTHING),
    ],
    ids=["the only runs", "not measured yet", "no verdict"],
)
def test_runs_that_may_be_taken_up_again_stay(make):
    assert named(make()) == {}


def test_runs_stay_that_a_task_reads_which_was_given_up_for_its_machine_and_may_be_taken_up_again():
    history = finished(measured_again().measured("r6", 0, 4.0, NOTHING))
    former = history.state.tasks["produce/r6/f0/A/b0/0"]
    lost = next(task for task in history.state.tasks.values() if task.task == "measure")
    lost.request = {"runs": [{"segments": [former.key]}]}
    assert named(history) == {}


def test_a_new_ladder_of_random_subsets_replaces_the_one_before():
    history = History(measure={"mobile": "Na"}).atoms().labelled(6).fitted(rung=6)
    for number in (0, 1):
        rungs = (SubsetRecord(size=3, frames=tuple(history.state.train_order[:3])),)
        history.say(SubsetsDrawn(number=number, rungs=rungs, heldout=(), seed=1))
        history.rung_fits(3, subset=True).produced(history.state.subsets[3].name)
    assert named(history) == dict.fromkeys(("fit/s3/f0", "fit/s3/f1", "produce/s3/f0/A/b0/0"), SUBSETS)


LOOPS = {
    "cold start": {},
    "refits from the ones before": {"potential": {"committee": 3, "foundation": {"path": "m", "sha256": "a" * 64}}},
    "measured": {"measure": {"mobile": "Na", "temperatures_K": [600, 800, 1000], "production_ps": 4, "max_ps": 8}},
}


@pytest.mark.parametrize("name", LOOPS)
def test_nothing_that_is_planned_later_reads_what_could_go_before(tmp_path, name):
    """By the real loop on simulated workers: at any time of the campaign, and over a ladder that is made longer."""
    changes = LOOPS[name]
    foundation = "a" * 64 if "potential" in changes else None
    short = config(**changes, fit={"every_labels": 2}, ladder={"rungs": [6, 12], "fits": 2})
    campaign = loop(tmp_path, short, foundation=foundation)
    campaign.run(STARTED)
    longer = short.model_copy(update={"ladder": short.ladder.model_copy(update={"rungs": (6, 12, 24)})})
    campaign.record([ConfigChanged(config=longer.model_dump(mode="json"), changes=("ladder",))])
    campaign.journal.close()
    campaign = loop(tmp_path, longer, foundation=foundation)
    campaign.run(STARTED)
    entries = list(campaign.journal.entries())
    assert len(superseded(campaign.state)) > 4
    assert campaign.state.rungs.keys() == {6, 12, 24}
    read_last = {}
    for entry in entries:
        if isinstance(entry.event, TaskPlanned):
            kind = KINDS[entry.event.task]
            for result in kind.reads(kind.request.model_validate(entry.event.request)):
                read_last[result] = entry.seq
    state = CampaignState()
    for entry in entries:
        apply(state, entry)
        if entry.seq % 5 == 0:
            assert [one for one in superseded(state) if read_last.get(one.result, 0) > entry.seq] == []
