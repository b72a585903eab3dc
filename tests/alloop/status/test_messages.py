"""What a person is told of single events."""

import pytest

from alloop.journal.events import LabelsImported
from alloop.status.messages import judgement_lines, lines
from tests.support.histories import History


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
