"""The study of relaxed lattices: what it asks for, and what its table says."""

from dataclasses import replace

import ase.io
import pytest

from alloop.config.studies import StudiesConfig
from alloop.decisions.next_events import decide
from alloop.decisions.next_tasks import plan
from alloop.decisions.refits import worth_waiting_for
from alloop.journal.events import CodeDriftFound, ConfigChanged, VerdictReached
from alloop.journal.journal import JournalError
from alloop.outputs.studies import write_studies
from alloop.studies.relax import STUDY
from alloop.studies.study import tables
from alloop.workers.walltime import longest_s
from tests.support.histories import ROCK_SALT, History
from tests.support.loops import STARTED, loop
from tests.support.small import config

FREE = {"local": 100}
LATTICE = {
    "a_A": 5.0,
    "b_A": 5.0,
    "c_A": 5.0,
    "alpha_deg": 90.0,
    "beta_deg": 90.0,
    "gamma_deg": 90.0,
    "volume_A3": 125.0,
    "energy_eV_per_atom": -3.0,
}


def with_rungs(**changes):
    return History(**changes).atoms().labelled(12).fitted(rung=6).fitted(rung=12).rung_fits(12)


def wanted(history, **settings):
    """Return the tasks that the study asks for."""
    studies = StudiesConfig.model_validate({"relax": settings})
    asked = replace(history.charter, config=history.charter.config.model_copy(update={"studies": studies}))
    return plan(history.state, asked, FREE, STUDY.stage())


def summary(a_A, **changes):
    relaxed = LATTICE | {"a_A": a_A, "volume_A3": a_A**3}
    rest = {"steps": 9, "max_force_eV_per_A": 0.004, "stress_GPa": 0.01, "moved_A": 0.1}
    return {"start": LATTICE, "relaxed": relaxed, **rest, **changes}


def do(history, tasks, outcomes):
    """Let the tasks of a study end: with the relaxed a (Å), or with the reason of a failure."""
    for task, outcome in zip(tasks, outcomes, strict=True):
        told = {"reason": outcome, "detail": "told"} if isinstance(outcome, str) else {"summary": summary(outcome)}
        history.study(task, **told)
    return history


def row(history, lattice, system="A"):
    table = tables(history.state)["relax"]
    columns = [column.name for column in table.columns]
    (found,) = (cells for cells in table.rows if cells[1] == lattice and cells[0] == system)
    return dict(zip(columns, found, strict=True))


def test_every_fit_of_the_largest_rung_relaxes_every_system():
    history = with_rungs(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    requests = [task.build() for task in wanted(history)]
    models = list(history.state.rungs[12].models.values())
    assert [request.model for request in requests] == models * 2
    assert {task.slot_kind for task in wanted(history)} == {"measure"}


def test_nothing_is_asked_for_before_a_rung_is_fitted():
    assert wanted(History().atoms().labelled(6)) == []


@pytest.mark.parametrize(
    ("stress_weight", "cell", "relaxes"), [(0.0, None, False), (1.0, None, True), (1.0, False, False)]
)
def test_the_cell_relaxes_where_the_stress_is_fitted_unless_the_user_keeps_it(stress_weight, cell, relaxes):
    history = with_rungs(fit={"every_labels": 6, "stress_weight": stress_weight})
    assert {task.build().cell for task in wanted(history, cell=cell)} == {relaxes}


def test_a_cell_that_shall_relax_without_a_fitted_stress_is_refused():
    asked = {"studies": {"relax": {"cell": True}}}
    key, what = STUDY.problem(config(fit={"stress_weight": 0.0}, **asked))
    assert key == ("studies", "relax", "cell")
    assert "stress_weight" in what
    assert STUDY.problem(config(fit={"stress_weight": 1.0}, **asked)) is None
    assert STUDY.problem(config(fit={"stress_weight": 0.0})) is None


def test_the_label_engine_relaxes_as_many_systems_as_asked_for():
    history = with_rungs(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    by_labels = [task for task in wanted(history, dft=1) if task.slot_kind == "label"]
    assert [task.context["system"] for task in by_labels] == ["A"]
    assert by_labels[0].build().settings == history.charter.config.label.model_dump(mode="json")


def test_what_was_computed_is_not_asked_for_again_but_other_settings_are():
    history = with_rungs()
    tasks = wanted(history)
    do(history, tasks, [5.0] * len(tasks))
    assert wanted(history) == []
    assert len(wanted(history, max_force_eV_per_A=0.002)) == len(tasks)


def test_the_spread_between_fits_is_the_error_of_the_models():
    history = with_rungs()
    do(history, wanted(history, dft=1), [5.0, 5.2, 5.3])
    models = row(history, "models of 12 labels")
    assert models["a"].value == pytest.approx(5.1)
    assert models["a"].error == pytest.approx(0.1414, abs=1e-4)
    assert row(history, "start")["a"].value == 5.0
    assert row(history, "label engine")["a"].value == 5.3
    assert row(history, "label engine")["a"].error is None


def test_a_composition_of_several_orderings_has_the_mean_over_these_and_their_spread():
    orderings = {"B-gs": ROCK_SALT, "B-0": ROCK_SALT, "A": ROCK_SALT}
    history = with_rungs(systems=orderings, compositions={"B-gs": "B", "B-0": "B"})
    do(history, wanted(history), [5.0, 5.2, 5.4, 5.6, 5.0, 5.0])
    models = row(history, "models of 12 labels", "B")
    assert models["a"].value == pytest.approx(5.3)
    assert models["a"].error == pytest.approx(0.4 / 2**0.5)
    assert models["note"] == "mean of 2 of 2 orderings"
    assert row(history, "start", "B")["a"].value == 5.0
    assert sum(cells[0] == "A" for cells in tables(history.state)["relax"].rows) == 2, "one ordering is no group"


def test_an_ordering_that_no_fit_relaxed_is_missing_in_the_mean_of_its_composition():
    history = with_rungs(systems={"B-gs": ROCK_SALT, "B-0": ROCK_SALT}, compositions={"B-gs": "B", "B-0": "B"})
    do(history, wanted(history), [5.0, 5.2, "steps", "steps"])
    models = row(history, "models of 12 labels", "B")
    assert (models["a"].value, models["a"].error) == (pytest.approx(5.1), None)
    assert models["note"] == "mean of 1 of 2 orderings"


def test_a_fit_that_did_not_relax_is_named_and_left_out():
    history = with_rungs()
    do(history, wanted(history), [5.1, "steps"])
    models = row(history, "models of 12 labels")
    assert models["a"].value == 5.1
    assert models["a"].error is None
    assert models["note"] == "1 relaxed, fixed cell; steps: told"


def test_a_study_changes_no_decision_and_no_budget():
    history = with_rungs()
    before = plan(history.state, history.charter, FREE), decide(history.state, history.charter, idle=True)
    spent = history.state.dft_core_s, history.state.broken.copy(), history.state.labels_spent()
    do(history, wanted(history, dft=1), [5.1, "steps", 5.0])
    after = plan(history.state, history.charter, FREE), decide(history.state, history.charter, idle=True)
    assert [[one.purpose for one in tasks] for tasks, _ in (before, after)] == [[one.purpose for one in before[0]]] * 2
    assert after[1] == before[1]
    assert (history.state.dft_core_s, history.state.broken, history.state.labels_spent()) == spent


def test_settings_of_studies_lift_no_verdict_and_give_no_second_chance():
    history = with_rungs()
    history.say(VerdictReached(verdict="budget_spent", reason="spent"))
    history.state.stalled_segments = 7
    changed = {**history.state.config, "studies": {"relax": {"dft": 2}}}
    history.say(ConfigChanged(config=changed, changes=("studies.relax.dft: 0 -> 2",)))
    assert history.state.config == changed
    assert history.state.verdict is not None
    assert history.state.stalled_segments == 7


def test_a_study_that_a_machine_lost_is_not_revived_with_the_campaign():
    history = with_rungs()
    (task, *_) = wanted(history, dft=1)
    history.study(task, reason="lost")
    changed = {**history.state.config, "budget": {"labels": 99}}
    history.say(ConfigChanged(config=changed, changes=("budget.labels: 64 -> 99",)))
    assert history.state.running == {}
    assert not any(history.state.broken.values())


def test_a_label_of_a_study_is_neither_waited_for_nor_the_longest_of_the_campaign():
    history = with_rungs()
    (task,) = (task for task in wanted(history, dft=1) if task.slot_kind == "label")
    history.begun_study(task)
    assert not worth_waiting_for(history.state)
    history.end(task.purpose, summary=summary(5.0), cpu_s=1.0)
    campaign = [one for one in history.state.tasks.values() if not one.of_study]
    assert longest_s(history.state.tasks.values()) == longest_s(campaign)


def test_a_journal_that_says_what_no_study_says_is_refused_in_one_line():
    history = with_rungs()
    (task, *_) = wanted(history)
    history.study(replace(task, context={"study": "relax", "system": 3}), summary=summary(5.0))
    with pytest.raises(JournalError, match="restore it from a copy"):
        tables(history.state)


def test_a_finished_campaign_is_studied_by_the_loop_and_its_verdict_stays(tmp_path):
    campaign = loop(tmp_path, config())
    verdict = campaign.run(STARTED)
    labels = campaign.state.labels_spent()
    campaign.study = STUDY.stage()
    campaign.charter = replace(campaign.charter, goal="study")
    campaign.measure(STARTED)
    results = campaign.state.studies["relax"]
    assert len(results) == 2
    assert all(result.summary is not None for result in results.values())
    assert (campaign.state.verdict, campaign.state.labels_spent()) == (verdict, labels)
    table, structures = write_studies(campaign.workspace, campaign.state, tmp_path / "studies")
    assert table.read_text().startswith("system,lattice,a (Å),")
    assert [atoms.info["fit"] for atoms in ase.io.read(structures, ":")] == [0, 1]


def test_a_study_takes_up_the_relabels_of_a_killed_driver_while_code_is_checked(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.run(STARTED)
    labels = tuple(str(frame.label) for frame in campaign.state.labelled_frames("train")[:2])
    campaign.record([CodeDriftFound(code={"gpaw": "2"}, labels=labels)])
    campaign.study = STUDY.stage()
    started = []
    campaign.workers.submit = lambda purpose, request: started.append(request.kind)
    campaign.advance()
    assert set(started) == {"probe"}
    before = len(started)
    campaign.take_up()
    assert len(started) == 2 * before
