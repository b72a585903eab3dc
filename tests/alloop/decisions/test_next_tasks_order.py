"""Which of the wanted tasks run now: stages in their order, slots, lockstep, goals; see also `test_next_tasks`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.decisions.next_tasks import plan
from alloop.decisions.stages import Stage, Wanted
from alloop.journal.events import (
    CodeDriftFound,
    ConfigChanged,
    LabelsImported,
    SelectionAsked,
    SubsetRecord,
    SubsetsDrawn,
    VerdictReached,
)
from alloop.tasks.contract.evaluate import EVALUATE
from tests.support.histories import ROCK_SALT, WALKERS, History

MEASURE = {"mobile": "Na", "temperatures_K": [600], "production_ps": 2, "segment_ps": 2}


def planned(history, free=99):
    return plan(history.state, history.charter, {"local": free} if isinstance(free, int) else free)


def kinds(history, free=99):
    """Kinds of the planned tasks in their order, each named once."""
    return list(dict.fromkeys(task.purpose.partition("/")[0] for task in planned(history, free)))


def purposes(history, free=99):
    return [task.purpose for task in planned(history, free)]


def busy(**settings):
    """A campaign in which every stage but the first two wants something."""
    history = History(measure=MEASURE, heldout={"minimum": 4, "from_generation": 0}, **settings)
    history.atoms().labelled(6).fitted(rung=6).heldout(4).labelled(6).opened(rung=12).labelled(1).pending(1)
    return history.produced("r6", fit=1).judged(6)


def test_every_planned_task_builds_a_request_of_the_kind_and_for_the_slot_that_it_names():
    history = busy()
    history.say(SelectionAsked(number=history.state.selections, generation=0, oldest=0, count=1, seed=1))
    built = [(task.purpose.partition("/")[0], task.slot_kind, task.build()) for task in planned(history)]
    assert {kind for kind, *_ in built} >= {"fit", "calibrate", "select", "label", "evaluate", "measure", "produce"}
    assert [(request.kind, request.slot_kind) for *_, request in built] == [(kind, slot) for kind, slot, _ in built]


# -- slots -------------------------------------------------------------------------------------------------------


def test_fits_come_first_then_calibrations_labels_evaluations_measurements_walkers_and_productions_last():
    assert kinds(busy()) == ["fit", "calibrate", "label", "evaluate", "measure", "explore", "produce"]


@pytest.mark.parametrize("free", [0, 1, 2, 5, 9])
def test_the_most_urgent_tasks_get_the_slots_there_are(free):
    assert [name for name in purposes(busy(), free) if not name.startswith("explore")] == [
        name for name in purposes(busy())[:free] if not name.startswith("explore")
    ]
    assert len(purposes(busy(), free)) <= free


SEPARATE = {
    "executors": {name: {"kind": "local", "workers": 9} for name in ("cpu", "gpu", "md")},
    "label": "cpu",
    "fit": "gpu",
    "measure": "gpu",
    "explore": "md",
}


@pytest.mark.parametrize(
    ("free", "kind"),
    [
        ({"cpu": 9}, ["label"]),
        ({"gpu": 9}, ["fit", "calibrate", "evaluate", "measure", "produce"]),
        ({"md": 9}, ["explore"]),
        ({"cpu": 1, "md": 1}, ["label", "explore"]),
        ({"cpu": 1, "gpu": 1}, ["fit", "label"]),
    ],
)
def test_a_task_runs_on_the_executor_of_its_kind_and_takes_no_slot_of_another(free, kind):
    assert kinds(busy(execution=SEPARATE), free) == kind


def test_a_stage_of_two_kinds_fills_both_executors():
    history = History(execution=SEPARATE)
    assert purposes(history, {"cpu": 1, "md": 1}) == ["atom/Cl", "initial/A"]
    assert purposes(history, {"cpu": 0, "md": 1}) == ["initial/A"]


# -- lockstep ----------------------------------------------------------------------------------------------------


def test_in_lockstep_one_stage_submits_until_nothing_of_it_is_left():
    history, order = busy(overlap=False), []
    while "explore" not in order and (tasks := planned(history)):
        (kind,) = {task.purpose.partition("/")[0] for task in tasks}
        order.append(kind)
        for task in tasks:
            outcome = {} if kind in ("fit", "label") else {"reason": "error"}
            history.do(task.purpose, task.context, **outcome)
    assert order == ["fit", "calibrate", "label", "calibrate", "evaluate", "measure", "produce", "measure", "explore"]


def test_in_lockstep_a_stage_is_not_finished_while_one_of_its_tasks_runs():
    history = History(overlap=False).atoms().labelled(6).opened()
    for member in (1, 2):
        history.member(0, member)
    history.begin("fit/g0/m0", {"rung": None, "generation": 0, "member": 0}).pending(2)
    assert purposes(history) == []
    history.end("fit/g0/m0")
    assert kinds(history) == ["label"]


def lockstep_round(**settings):
    history = History(overlap=False, initial={"frames": 0}, **settings).atoms().labelled(6).fitted(rung=6)
    return history.heldout(4).evaluated(6, 4).judged(6)


def test_in_lockstep_every_walker_explores_once_in_a_round():
    history = lockstep_round()
    assert sum(len(task.context["walkers"]) for task in planned(history)) == 4
    for number, walker in enumerate(WALKERS):
        history.offer(walker, "random")
        left = {own["walker"] for task in planned(history) for own in task.context["walkers"]}
        assert left == set(WALKERS[number + 1 :])
    history.selected(list(history.state.pool)[:2])
    assert kinds(history) == ["label"]
    history.label(history.state.train_order[-2:])
    history.do("calibrate/g0/8/h4", {"generation": 0, "labels": 8}, reason="error")
    assert {own["walker"] for task in planned(history) for own in task.context["walkers"]} == set(WALKERS)


def test_in_lockstep_nobody_explores_when_a_generation_is_due():
    history = lockstep_round()
    assert kinds(history) == ["explore"]
    history.say().labelled(6)
    history.do("calibrate/g0/12/h4", {"generation": 0, "labels": 12}, reason="error")
    assert kinds(history) == []


def test_in_lockstep_production_runs_come_before_exploring_and_in_overlap_after_it():
    for overlap, order in ((True, ["explore", "produce"]), (False, ["produce"])):
        history = History(overlap=overlap, initial={"frames": 0}, measure=MEASURE)
        history.atoms().labelled(6).fitted(rung=6).heldout(4).evaluated(6, 4)
        assert kinds(history) == order


def test_in_lockstep_held_out_walkers_go_in_rounds_of_their_own():
    history = History(overlap=False, initial={"frames": 0}, heldout={"minimum": 6, "from_generation": 0})
    history.atoms().labelled(6).fitted(rung=6)
    first = planned(history)
    assert {task.context["role"] for task in first} == {"heldout"}
    history.begin(first[0].purpose, first[0].context)
    assert purposes(history) == []


# -- what a driver works for -------------------------------------------------------------------------------------


def test_only_probes_run_while_the_code_of_the_labels_is_in_question():
    history = busy()
    labels = tuple(frame.label for frame in history.state.labelled_frames("train")[:2])
    history.say(CodeDriftFound(code={"gpaw": "2"}, labels=labels))
    assert purposes(history) == ["probe/1/0", "probe/1/1"]
    assert [(task.slot_kind, task.context) for task in planned(history)] == [
        ("label", {"label": label}) for label in labels
    ]
    assert purposes(history.begin("probe/1/0", {"label": labels[0]})) == ["probe/1/1"]


@pytest.mark.parametrize(("systems", "kpts"), [(("B",), [4, 2, 2]), ((), {"spacing_per_A": 0.5})])
def test_an_imported_label_is_made_again_with_the_grid_of_its_system_where_that_is_known(systems, kpts):
    label = {"engine": "gpaw", "kpts": {"spacing_per_A": 0.5}}
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT.repeat((1, 2, 3))}, label=label)
    history.say(
        LabelsImported(reference="same", source="folder", keys=("c",), campaign="run1", systems=systems),
        CodeDriftFound(code={"gpaw": "2"}, labels=("c",)),
    )
    (probe,) = planned(history)
    assert probe.build().settings["kpts"] == kpts


def test_probes_of_another_question_have_names_of_their_own():
    history = busy().say(CodeDriftFound(code={"gpaw": "2"}, labels=("a",)))
    history.do("probe/1/0", {"label": "a"}, reason="scf")
    assert purposes(history) == []
    history.say(CodeDriftFound(code={"gpaw": "3"}, labels=("a",)))
    assert purposes(history) == ["probe/2/0"]


def test_measuring_evaluates_measures_and_produces_even_after_the_verdict():
    history = busy(goal="transport").say(VerdictReached(verdict="stopped", reason="enough"))
    assert kinds(history) == ["evaluate", "measure", "produce"]


def asks(state, charter, room):
    """What a study asks for: two evaluations."""
    for number in range(2):
        yield Wanted(f"evaluate/study/{number}", "measure", lambda: None, {"study": "mine"})


def test_a_study_plans_its_own_tasks_and_nothing_else_while_the_code_is_not_in_question():
    history, study = busy(goal="study"), Stage(asks, (EVALUATE,))
    for free, count in ((0, 0), (1, 1), (9, 2)):
        found = plan(history.state, history.charter, {"local": free}, study)
        assert [task.purpose for task in found] == [f"evaluate/study/{number}" for number in range(count)]
    history.say(CodeDriftFound(code={"gpaw": "2"}, labels=("a",)))
    assert [task.purpose for task in plan(history.state, history.charter, {"local": 9}, study)] == ["probe/1/0"]


def drawn(history):
    order = history.state.train_order
    rungs = tuple(SubsetRecord(size=size, frames=tuple(order[:size])) for size in (3, 6))
    return history.say(SubsetsDrawn(number=0, rungs=rungs, heldout=tuple(history.state.heldout_order), seed=1))


def test_random_subsets_are_fitted_evaluated_and_measured_and_nothing_else_runs():
    history = busy(goal="subsets")
    assert purposes(history) == []
    drawn(history)
    assert purposes(history) == ["fit/s3/f0", "fit/s3/f1", "fit/s6/f0", "fit/s6/f1"]
    assert planned(history)[0].context == {"rung": 3, "fit": 0, "generation": None, "subset": True}
    history.rung_fits(3, subset=True).rung_fits(6, subset=True)
    assert purposes(history)[:4] == [f"evaluate/s{size}/f{fit}/h-1" for size in (3, 6) for fit in (0, 1)]
    assert kinds(history) == ["evaluate", "produce"]


def test_random_subsets_wait_for_the_isolated_atoms():
    history = drawn(History(goal="subsets").labelled(6))
    assert purposes(history) == ["atom/Cl", "atom/Na"]
    assert kinds(history.atoms()) == ["fit"]


def test_production_runs_under_new_settings_have_names_of_their_own():
    history = History(measure=MEASURE).atoms().labelled(6).fitted(rung=6)
    for ps in (4, 2):
        measure = {**history.state.config["measure"], "production_ps": ps}
        history.say(ConfigChanged(config={**history.state.config, "measure": measure}, changes=("measure",)))
    assert "produce/r6/f0/A/b0/0@2" in purposes(history)
    assert "measure/r6/f0/A/2ps@2" in purposes(history.produced("r6"))


# -- whatever happens --------------------------------------------------------------------------------------------

STEPS = ("labelled", "pending", "failing", "heldout", "drawn")


@settings(max_examples=40)
@given(
    overlap=st.booleans(),
    free=st.integers(0, 12),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=6),
    fitted=st.booleans(),
    runs=st.integers(0, 4),
)
def test_a_plan_fits_into_the_free_slots_and_never_plans_a_purpose_twice(overlap, free, steps, fitted, runs):
    history = History(overlap=overlap).atoms()
    for what, count in steps:
        getattr(history, what)(count)
    if fitted:
        history.fitted()
    for task in planned(history)[:runs]:
        history.begin(task.purpose, task.context)
    found = purposes(history, free)
    assert len(found) <= free
    assert len(set(found)) == len(found)
    assert not set(found) & set(history.state.tasks)
    assert found == purposes(history, free)
