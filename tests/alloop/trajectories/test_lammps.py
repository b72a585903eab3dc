"""Frames of a LAMMPS dump that are not what the frame before was."""

import re

import pytest

from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from tests.support import written

SAID = Said(timestep_fs=written.STEP_fs, temperature_K=written.TEMPERATURE_K)
LITHIUM = ReadSettings(mobile=("Li",))


@pytest.fixture
def dump(tmp_path):
    return written.write_dump(tmp_path / "dump", written.hopping_run(6), written.CUBIC)


def change_frame(path, place, old, new):
    """Change one frame of a dump."""
    begin = "ITEM: TIMESTEP"
    frames = [begin + part for part in path.read_text().split(begin)[1:]]
    changed = re.sub(old, new, frames[place], flags=re.MULTILINE)
    assert changed != frames[place]
    path.write_text("".join([*frames[:place], changed, *frames[place + 1 :]]))


@pytest.mark.parametrize("item", [r"TIMESTEP\n\d+", r"NUMBER OF ATOMS\n\d+", r"BOX BOUNDS.*\n.*\n.*\n.*"])
def test_a_frame_takes_nothing_from_the_frame_before(dump, item):
    change_frame(dump, 5, f"ITEM: {item}\n", "")
    with pytest.raises(TrajectoryError, match=r"a frame lacks TIMESTEP, NUMBER or BOX BOUNDS"):
        read_run(dump, SAID, LITHIUM)


def test_units_are_said_once(dump):
    for place in range(6):
        change_frame(dump, place, "ITEM: NUMBER", f"ITEM: TIME\n{20 * place}\nITEM: NUMBER")
    dump.write_text("ITEM: UNITS\nreal\n" + dump.read_text())
    run = read_run(dump, Said(temperature_K=written.TEMPERATURE_K), LITHIUM)
    assert (run.frames, run.trajectory.interval_fs) == (6, 20.0)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (r"^1 Li", "0 Li", r"step 40: atoms have other ids than in the first frame"),
        (r"^2 Li", "1 Li", r"step 40: two atoms have the same id"),
        (r"^2 Li", "nan Li", r"step 40: two atoms have the same id"),
    ],
)
def test_other_atoms_of_the_same_elements_are_refused(dump, old, new, line):
    change_frame(dump, 4, old, new)
    with pytest.raises(TrajectoryError, match=line):
        read_run(dump, SAID, LITHIUM)


def test_types_that_are_named_go_before_elements_of_the_dump(dump):
    text = dump.read_text().replace("id element", "id type element")
    dump.write_text(
        re.sub(r"^(\d+) (Li|Cl)", lambda one: f"{one[1]} {1 + (one[2] == 'Cl')} C", text, flags=re.MULTILINE)
    )
    run = read_run(dump, SAID, ReadSettings(("Li",), types=("Li", "Cl")))
    assert run.trajectory.numbers.tolist() == written.NUMBERS.tolist()
