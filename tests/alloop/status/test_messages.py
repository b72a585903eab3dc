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
