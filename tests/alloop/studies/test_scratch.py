"""The study of fits from scratch against fine-tuned ones: what it asks for, and in what order."""

import pytest

from alloop.decisions.fit_requests import rung_fit
from alloop.studies.scratch import STUDY
from tests.support.histories import FOUNDATION, ROCK_SALT, History
from tests.support.scratch import fit, parts, wanted, with_rungs
from tests.support.small import config
from tests.support.summaries import produced_walker


def produce(history, ended="length", **settings):
    """Let the next segment of every run end."""
    for task in parts(wanted(history, **settings), "md"):
        walkers = [produced_walker(ended) for _ in task.build().walkers]
        history.study(task, summary={"walkers": walkers})
    return history


# -- fits --------------------------------------------------------------------------------------------------------


def test_fits_from_scratch_have_the_same_labels_and_recipe_but_random_weights_and_the_whole_rate():
    history = with_rungs(fit={"tuned_rate": 0.25, "learning_rate": 0.02, "every_labels": 6})
    tuned = rung_fit(history.charter, history.state, history.state.rungs[12], 0)
    scratch = [task.build() for task in parts(wanted(history), "fit") if task.context["start"] == "from scratch"]
    assert (tuned.init, tuned.learning_rate) == (f"foundation:{FOUNDATION}", 0.005)
    assert [(one.init, one.learning_rate, one.level_energy) for one in scratch] == [(None, 0.02, False)] * 3
    own = {"init", "learning_rate", "level_energy", "seed"}
    assert all(one.model_dump(exclude=own) == tuned.model_dump(exclude=own) for one in scratch)
    assert len({one.seed for one in scratch} | {tuned.seed}) == 4


def test_a_method_that_changes_a_foundation_has_no_part_in_fits_from_scratch():
    history = with_rungs(fit={"method": "lora", "every_labels": 6})
    methods = {task.context["start"]: task.build().finetuning for task in parts(wanted(history), "fit")}
    assert methods["from the foundation"].method == "lora"
    assert methods["from scratch"] is None


def test_fits_that_the_rung_has_are_not_made_again():
    history = with_rungs()
    made = [task.context["fit"] for task in parts(wanted(history), "fit") if task.context["start"] != "from scratch"]
    assert made == [2], "the rung has two fits"
    errors = [task.build().model for task in parts(wanted(history, fits=2), "errors")]
    assert errors == list(history.state.rungs[12].models.values())


def test_a_campaign_with_a_teacher_is_compared_from_its_taught_leader():
    history = History(teacher="chgnet")
    history.do("fit/pretrain/m0", {"rung": None, "generation": None, "member": 0})
    history.atoms().labelled(6).opened(rung=6).rung_fits(6)
    tuned = parts(wanted(history), "fit")[0]
    assert tuned.context["start"] == "from the teacher"
    assert tuned.build().init == f"fit:{history.state.tasks['fit/pretrain/m0'].key}"


def test_a_campaign_whose_fits_all_start_from_random_weights_has_nothing_to_compare():
    key, what = STUDY.problem(config())
    assert key == ("studies", "scratch")
    assert "nothing to compare" in what
    assert STUDY.problem(config(teacher="chgnet")) is None
    assert STUDY.problem(config(potential={"foundation": "small"})) is None
    assert STUDY.problem(config(data={"initial": ["a.extxyz"], "reference": "other"})) is None
    assert wanted(with_rungs(foundation=False, potential={})) == []


# -- errors ------------------------------------------------------------------------------------------------------


def test_every_fit_is_evaluated_on_all_held_out_frames_when_it_is_there():
    history = with_rungs()
    before = len(parts(wanted(history), "errors"))
    tasks = parts(wanted(fit(history)), "errors")
    assert (before, len(tasks)) == (2, 6)
    labels = tuple(frame.label for frame in history.state.labelled_frames("heldout"))
    assert {task.build().frames for task in tasks} == {labels}
    assert tasks[0].context["clusters"] == [0, 1, 2, 3], "a frame of each walker"


def test_a_fit_that_failed_is_neither_evaluated_nor_run():
    history = with_rungs()
    for task in parts(wanted(history), "fit"):
        history.study(task, reason="diverged", detail="told")
    assert {task.context["start"] for task in wanted(history)} == {"from the foundation"}


# -- MD ----------------------------------------------------------------------------------------------------------


def test_md_is_at_the_hottest_temperature_of_the_walkers_unless_the_user_names_others():
    history = fit(with_rungs())
    assert {task.build().walkers[0].temperature_K for task in parts(wanted(history), "md")} == {1000.0}
    other = parts(wanted(history, temperatures_K=[400, 500], repeat=[2, 1, 1]), "md")
    assert [walker.temperature_K for walker in other[0].build().walkers] == [400.0, 500.0]
    assert len(other[0].build().structure.numbers) == 2 * len(ROCK_SALT)


def test_fits_of_one_number_run_with_the_same_seeds_in_every_system():
    history = fit(with_rungs(systems={"A": ROCK_SALT, "B": ROCK_SALT}))
    seeds = {}
    for task in parts(wanted(history), "md"):
        told = task.context
        seeds.setdefault((told["fit"], told["system"]), []).append(task.build().walkers[0].seed)
    assert len(seeds) == 6
    assert all(len(pair) == 2 and len(set(pair)) == 1 for pair in seeds.values())


@pytest.mark.parametrize(("ps", "steps"), [(0.04, [25]), (0.5, [250]), (10.0, [5000]), (24.0, [5000, 5000, 2000])])
def test_a_run_is_made_in_segments_that_follow_each_other(ps, steps):
    history, made, start = fit(with_rungs()), [], None
    while tasks := parts(wanted(history, ps=ps), "md"):
        request = tasks[0].build()
        assert request.start == start
        made, start = [*made, request.steps], request.key()
        produce(history, ps=ps)
    assert made == steps


def test_pairs_are_counted_over_all_segments_when_the_run_is_over():
    history = produce(fit(with_rungs()), ps=20)
    assert parts(wanted(history, ps=20), "pairs") == []
    tasks = parts(wanted(produce(history, ps=20), ps=20), "pairs")
    assert len(tasks) == 6
    assert all(len(task.build().segments) == 2 for task in tasks)


def test_a_run_that_broke_off_is_over():
    history = produce(fit(with_rungs()), "contact", ps=100)
    assert parts(wanted(history, ps=100), "md") == []
    assert len(parts(wanted(history, ps=100), "pairs")) == 6


def test_a_segment_that_failed_ends_its_run():
    history = fit(with_rungs())
    for task in parts(wanted(history), "md"):
        history.study(task, reason="lost", detail="told")
    assert {task.context["part"] for task in wanted(history)} == {"errors"}
