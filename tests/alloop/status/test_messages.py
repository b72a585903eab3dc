"""What a person is told of single events."""

import pytest

from alloop.journal.events import LabelsImported
from alloop.report.headline import cards
from alloop.state.fold import fold
from alloop.status.messages import closing_lines, judgement_lines, lines
from alloop.status.summary import summary
from alloop.status.table import core_time_text
from tests.support.histories import History
from tests.support.journals import START_T, play


@pytest.mark.parametrize(("rehearsed", "frames"), [((), 30), (("t1", "t2"), 32)])
def test_the_frames_that_a_member_was_taught_with_are_those_of_md_and_those_of_a_rehearsal(rehearsed, frames):
    history = History(teacher={"model": "chgnet", "rounds": 2, "frames": 60})
    history.say(LabelsImported(reference="teacher", source="runs/a.rehearsal", keys=rehearsed))
    for number, walkers in enumerate([[], [{"temperature_K": 600.0, "broken": False}]]):
        summary = {"frames": 30, "refused": 0, "largest_force_eV_per_A": 2.0, "walkers": walkers}
        context = {"system": "A", "round": number, "part": 0, "strained": False}
        history.do(f"teach/A/r{number}/p0", context, summary)
    history.do("fit/pretrain/m0", {"rung": None, "generation": None, "member": 0})
    (line,) = lines(history.entries[-1], history.state)
    assert line.startswith(f"member 0 pre-trained on {frames} frames of the teacher")


@pytest.mark.parametrize(("power", "end"), [(0.456, "undecided (power 46 %)"), (None, "undecided")])
def test_a_judgement_has_its_power_beside_it_if_it_is_known(power, end):
    judgement = {"metric": "force RMSE", "unit": "meV/Å", "finding": "undecided"}
    (line,) = judgement_lines(({**judgement, "power": power} if power else judgement,))
    assert line.startswith("  force RMSE ? → ? meV/Å")
    assert line.endswith(end)


CHECK = {"rmse_energy_meV_per_atom": 1.0, "rmse_forces_meV_per_A": 50.0, "learning_rate": 0.001}


@pytest.mark.parametrize(
    ("losses", "watched", "told"), [((1, 2), "valid", True), ((2, 1), "valid", False), ((1, 2), "train", False)]
)
def test_a_refit_that_kept_no_step_is_told_and_no_other(losses, watched, told):
    history = History().atoms().labelled(6).opened()
    checks = [{"step": 50 * place, "loss": loss, **CHECK} for place, loss in enumerate(losses)]
    fit = {"model_sha256": "0" * 64, "steps": 50, "stopped": "patience", "watched": watched, "history": checks}
    history.begin("fit/g0/m1", {"rung": None, "generation": 0, "member": 1})
    history.end("fit/g0/m1", {**fit, "parameters": 1})
    said = lines(history.entries[-1], history.state)
    assert any(line.startswith("member 1 of generation 0 kept none of its 50 steps") for line in said) is told


@pytest.mark.parametrize(
    ("purpose", "far", "told"),
    [
        ("fit/g0/m0", True, True),
        ("fit/g0/m0/again1", True, True),
        ("fit/r6/f0", True, True),
        ("fit/g0/m1", True, False),
        ("fit/g0/m1/again1", True, False),
        ("fit/g0/m0", False, False),
    ],
)
def test_a_start_that_is_far_from_the_labels_is_told_once(purpose, far, told):
    history = History().atoms().labelled(6).opened()
    fit = {"model_sha256": "0" * 64, "steps": 50, "stopped": "schedule", "watched": "train", "history": []}
    history.begin(purpose, {"rung": None, "generation": 0, "member": int("m1" in purpose)})
    history.end(purpose, {**fit, "parameters": 1, "start_error": 0.41, "far": far})
    said = [line for line in lines(history.entries[-1], history.state) if "fit.far_start" in line]
    assert bool(said) is told
    assert all("its start is far from the labels (forces off by 41 %" in line for line in said)


def test_hours_bear_the_name_of_an_engine_that_is_no_dft(tmp_path):
    state = fold(play(tmp_path))
    assert "0.217 DFT core-hours" in "\n".join(closing_lines(summary(state, START_T)))
    state.config = {**state.config, "label": {"engine": "ase", "calculator": "ase.calculators.emt:EMT"}}
    status = summary(state, START_T, {"DFT": 60.0})
    assert "0.217 EMT core-hours" in "\n".join(closing_lines(status))
    assert core_time_text({"DFT": 60.0}, status.engine) == "EMT 1 min 00 s"
    assert [card.name for card in cards(status)][3] == "EMT core-hours"
