from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from alloop.state.fold import fold
from alloop.status.messages import progress_line
from alloop.status.summary import summary
from alloop.status.table import render
from tests.support.histories import History
from tests.support.journals import START_T, play
from tests.support.judging import fitted
from tests.support.stories import variant


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return play(tmp_path_factory.mktemp("campaign"))


def shown(status, width=120, driven=True) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(status, driven))
    return console.file.getvalue()


def test_the_numbers_of_a_finished_campaign(entries):
    status = summary(fold(entries), START_T + 900)
    assert status.verdict == "converged"
    assert (status.labels.train, status.labels.heldout, status.labels.failed) == (48, 12, 2)
    assert (status.labels.waiting_train, status.labels.waiting_heldout) == (0, 0)
    assert (status.budget_labels.used, status.budget_labels.limit) == (62, 80)
    assert status.failures == {"scf": 2}
    assert status.rejected["known"] > 0
    assert status.broken == {"lost worker": 1}
    assert [row.size for row in status.rungs] == [12, 24, 48]
    assert {row.frames for row in status.rungs} == {12}
    assert status.next_rung is None
    assert status.running == {}
    assert status.dft_core_hours == pytest.approx(60 * 12 / 3600, rel=0.2)
    assert status.generation is not None
    assert (status.generation.number, status.generation.rung, status.generation.fitted) == (9, 48, 3)


def test_a_running_campaign_shows_what_runs_and_since_when(entries):
    upto = next(n for n, e in enumerate(entries) if e.event.kind == "task_planned" and e.event.task == "label") + 1
    status = summary(fold(entries[:upto]), entries[upto - 1].t + 30.0)
    assert status.running["label"] >= 1
    assert status.longest_running_s >= 30.0
    assert status.next_rung == 12
    assert status.verdict is None
    assert "next rung at 12" in shown(status)


def test_the_next_rung_is_never_one_that_the_labels_have_passed(entries):
    for upto in range(0, len(entries), 11):
        status = summary(fold(entries[:upto]), START_T)
        assert status.next_rung is None or status.next_rung >= status.labels.train


def test_every_moment_of_a_campaign_has_a_status(entries):
    for upto in range(0, len(entries), 37):
        status = summary(fold(entries[:upto]), START_T)
        json.dumps(status.to_json(), allow_nan=False)
        assert shown(status)


def test_json_has_everything_and_no_nan(tmp_path):
    """Three rungs, the first with one fit only: its error bar is not known."""
    entries = play(tmp_path, variant(fits=1, rungs=(12, 24)))
    content = json.loads(json.dumps(summary(fold(entries), START_T, {"DFT": 1.0}).to_json(), allow_nan=False))
    assert content["rungs"][0]["se_forces_meV_per_A"] is None
    assert content["rungs"][0]["unmeasured"]
    assert content["core_seconds"] == {"DFT": 1.0}


def test_what_is_known_of_a_rung_beside_its_errors_has_the_whole_width_of_a_narrow_terminal(entries):
    why = "fit 1: the activation energy is not above zero by two standard errors: nothing is extrapolated"
    status = summary(fold(entries), START_T)
    transport = ({"system": "A", "activation_energy_eV": 0.3, "unmeasured": why},)
    text = shown(replace(status, rungs=(replace(status.rungs[0], transport=transport),)), width=80)
    note = text[text.index("rung 12") :].splitlines()
    assert len(note) == 3
    assert " ".join(line.strip() for line in note).endswith(f"(unmeasured: {why})")


def test_rendered_rungs_have_units_and_error_bars(entries):
    text = shown(summary(fold(entries), START_T))
    assert "115.8 ± 1.2 meV/Å" in text
    assert "meV/atom" in text
    assert "62 of 80 labels" in text
    assert text.count("converged") == 1


def test_hostile_words_are_shown_as_they_are(tmp_path):
    entries = play(tmp_path, variant(failing=(1,)), upto=60)
    state = fold(entries)
    state.failures["[red]boo[/red]\x1b[31m"] += 1
    text = shown(summary(state, START_T))
    assert "[red]boo[/red]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("members", "fitted"), [(0, 1), (2, 2), (5, 3)])
def test_a_foundation_is_a_generation_whose_members_are_all_there(members, fitted):
    generation = summary(History(foundation=True, foundation_members=members).state, START_T).generation
    assert generation is not None
    assert (generation.fitted, generation.members) == (fitted, fitted)


def test_a_campaign_that_is_being_taught_says_how_many_frames_its_committee_learns_from():
    history = History(teacher={"model": "chgnet", "rounds": 1, "frames": 140})
    assert "of the teacher" not in progress_line(summary(history.state, 0.0))
    context = {"system": "A", "round": 0, "part": 0, "strained": False}
    history.do("teach/A/r0/p0", context, {"frames": 70, "refused": 0, "largest_force_eV_per_A": 2.0, "walkers": []})
    status = summary(history.state, 0.0)
    assert status.taught_frames == 70
    assert progress_line(status).startswith("70 frames of the teacher | labels 0/")


def test_while_a_study_runs_its_tasks_are_counted_and_not_labels():
    history, context = fitted(6), {"study": "mine", "model": "m", "heldout": 4}
    errors = {"energy_error_eV_per_atom": [0.1], "forces_squared_error": [0.2]}
    history.do("evaluate/study/0", context, errors).begin("evaluate/study/1", context)
    assert progress_line(summary(history.state, START_T)) == "study: 1 task done | running: 1 study task"
    assert progress_line(summary(history.state, START_T), running=False).startswith("labels 6")


def test_labels_of_broken_structures_are_those_whose_forces_are_far_beyond_the_usual():
    history, forces = History().atoms(), [1.5, 2.0, 2.5, 2.0, 7.0, 24.0]
    names = history.rattled(6)
    history.selected(names)
    for name, force in zip(names, forces, strict=True):
        history.do(f"label/{name}", {"frame": name}, {"energy_eV": -1.0, "atoms": 2, "max_force_eV_per_A": force})
    status = summary(history.state, START_T)
    assert status.labels.shattered == 2
    assert "6 training, 0 held out, 0 failed, 2 of broken structures" in shown(status)


def test_running_production_is_called_what_it_is():
    history = fitted(6)
    context = {"rung": "r6", "fit": 0, "system": "A", "batch": 0, "segment": 0}
    history.begin("produce/r6/f0/A/b0/0", context)
    history.begin("evaluate/r6/f0/h4")
    assert progress_line(summary(history.state, START_T)).count("1 production run") == 1
    assert "1 evaluation" in progress_line(summary(history.state, START_T))


def test_what_runs_before_the_first_label_is_not_called_a_label_or_exploring():
    history = History().begin("atom/Li").begin("teach/A/r0/p0", {"system": "A", "round": 0, "part": 0})
    assert "running: 1 isolated atom, 1 teacher task" in progress_line(summary(history.state, START_T))


def test_tasks_that_no_driver_waits_for_are_not_said_to_run(tmp_path):
    entries = play(tmp_path)
    begun = next(i for i, e in enumerate(entries) if e.event.kind == "task_planned")
    status = summary(fold(entries[: begun + 1]), START_T)
    rows = {driven: shown(status, driven=driven) for driven in (True, False)}
    assert [("running  " in text, "cut off  " in text) for text in rows.values()] == [(True, False), (False, True)]
