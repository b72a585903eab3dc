"""What is wrong with a trajectory is told in one line."""

import gzip
import re
from dataclasses import replace

import numpy as np
import pytest

from alloop.trajectories.analysis import analyse, remarks
from alloop.trajectories.collecting import collect
from alloop.trajectories.frames import Frame, TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from alloop.transport.settings import MeasureSettings
from tests.support import written

SAID = Said(timestep_fs=written.INTERVAL_fs, temperature_K=written.TEMPERATURE_K)
TIMED = Said(temperature_K=written.TEMPERATURE_K)


def frames(positions=None, cells=written.CUBIC, **more):
    positions = written.hopping_run(60) if positions is None else positions
    cells = written.cells_of(cells, len(positions))
    return [Frame(written.NUMBERS, cell, one, **more) for one, cell in zip(positions, cells, strict=True)]


def run_of(given, said=SAID, mobile=("Li",)):
    return collect(given, said, mobile, 20.0, "my.file", "a format")


def timed(*times_fs):
    return [replace(frame, time_fs=time) for frame, time in zip(frames(), times_fs, strict=False)]


def broken():
    given = frames()
    given[5] = replace(given[5], positions=np.full((64, 3), np.nan))
    return given


def far():
    """Return frames so far apart that ions are anywhere."""
    return frames(np.random.default_rng(0).random((60, 64, 3)) @ written.CUBIC)


def stepped(positions=None, every=10):
    return [replace(frame, step=every * place) for place, frame in enumerate(frames(positions))]


def joined():
    return frames(np.concatenate([written.hopping_run(60), written.hopping_run(60)]))


def swapped():
    """Return frames of which one has two atoms of the framework in each other's place."""
    positions = written.hopping_run(60)
    positions[30:, [32, 33]] = positions[30:, [33, 32]]
    return frames(positions)


REFUSED = {
    "no time step": (frames(), Said(temperature_K=900.0), r"my.file: does not say its time step; add --timestep-fs"),
    "no temperature": (frames(), Said(timestep_fs=2.0), r"does not say its temperature; add --temperature"),
    "no cell": (frames(cells=np.zeros((3, 3))), SAID, r"the cell has no volume; write"),
    "nm": (frames(written.hopping_run(9) / 10, written.CUBIC / 10), SAID, r"seem to be in nm; add --length-unit nm"),
    "Bohr": (
        frames(written.hopping_run(9) / 0.529, written.CUBIC / 0.529),
        SAID,
        r"seem to be in Bohr; add --length-unit bohr",
    ),
    "fast": (frames(), replace(SAID, timestep_fs=0.02), r"heat moves them 0.00036 Å at most in 0.02 fs at 900 K: name"),
    "half the cell": (far(), replace(SAID, timestep_fs=2000.0), r"near half of the cell.*: sample more often"),
    "gap": (timed(0, 20, 40, 80), TIMED, r"frame 4: frames are not equally far apart \(20, then 40 fs or steps\)"),
    "back": (timed(0, 20, 40, 0), TIMED, r"frame 4: time goes back: two runs in one file"),
    "not a number": (broken(), SAID, r"frame 6: a position is not a number: the run broke off there"),
    "atoms": ([*frames()[:3], replace(frames()[3], numbers=written.NUMBERS[::-1])], SAID, r"frame 4: other atoms"),
    "a time that is none": (timed(0, float("nan")), TIMED, r"frame 2: its time is not a number"),
    "a flat cell later": (
        [*frames()[:3], replace(frames()[3], cell_A=np.zeros((3, 3)))],
        SAID,
        r"frame 4: the cell has",
    ),
    "two runs": (joined(), SAID, r"my.file, frame 61: atoms jump by .* Å where heat moves them 0.36 Å in 20 fs"),
    "another order": (swapped(), SAID, r"my.file, frame 31: atoms jump by .* Å where heat moves them 0.16 Å in 20 fs"),
    "a frame again": (
        stepped(written.hopping_run(60)[[*range(31), *range(30, 60)]]),
        Said(timestep_fs=2.0, temperature_K=900.0),
        r"my.file, frame 32: no atom has moved since the frame before",
    ),
    "the time between frames": (stepped(), SAID, r"counts 10 steps between frames, but no step takes 20 fs"),
    "one time": (timed(5, 5, 5), TIMED, r"all 3 frames have one time"),
    "one frame": (frames()[:1], SAID, r"one frame is no trajectory"),
    "no frame": ([], SAID, r"there is no frame in it"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_right_is_refused_in_one_line(what):
    given, said, line = REFUSED[what]
    with pytest.raises(TrajectoryError, match=line) as refused:
        run_of(given, said)
    assert "\n" not in str(refused.value)


def test_ions_that_are_not_there_are_refused():
    with pytest.raises(TrajectoryError, match=r"the frames have no Na; see --mobile"):
        run_of(frames(), mobile=("Na",))


def swelling(count):
    return np.linspace(1.0, 1.03, count)[:, None, None] ** (1 / 3) * written.CUBIC


def hardly_moving():
    return frames(written.hopping_run(1)[0] + np.random.default_rng(0).normal(0, 0.005, (60, 64, 3)))


NOTED = {
    "a cell that drifts": (
        frames(written.hopping_run(60) @ np.linalg.inv(written.CUBIC), swelling(60), scaled=True),
        SAID,
        r"volume changes by \+2.* %",
    ),
    "a step that is too long": (
        hardly_moving(),
        replace(SAID, timestep_fs=2000.0),
        r"2000 fs between frames may be too",
    ),
    "another temperature": (frames(kinetic_K=500.0), SAID, r"velocities are those of 500 K, not of the 900 K"),
    "another time step": (frames(timestep_fs=2.0), SAID, r"the file says a time step of 2 fs; 20 fs were named"),
    "another time": (
        [replace(frame, step=10 * place) for place, frame in enumerate(timed(0, 10, 20, 30))],
        replace(SAID, timestep_fs=2.0),
        r"the file says 10 fs between frames; the time step that was named gives 20 fs, as used",
    ),
    "a unit that was named": (
        frames(written.hopping_run(9) * 1.8, written.CUBIC * 1.8),
        replace(SAID, length_A=1.0, timestep_fs=50.0),
        r"apart; the unit of lengths that was named stands",
    ),
    "other steps": (
        stepped(),
        replace(SAID, timestep_fs=1.0, steps_per_frame=20),
        r"the file counts 10 steps between frames; 20 were named and are used",
    ),
    "no framework": (
        [replace(one, numbers=one.numbers[:32], positions=one.positions[:32]) for one in frames()],
        SAID,
        r"the file holds mobile ions only: what the framework drifts is not taken off",
    ),
    "doubles without a time": (frames(written.hopping_run(60)[[0, *range(60)]]), SAID, r"1 frames that were written"),
    "doubles": (timed(0, 20, 20, 40), TIMED, r"1 frames that were written twice are left out"),
}


@pytest.mark.parametrize("what", NOTED)
def test_what_a_reader_should_know_is_said_once(what):
    given, said, line = NOTED[what]
    (note,) = run_of(given, said).notes
    assert re.search(line, note), note


def test_steps_of_more_than_half_of_the_cell_are_told_where_the_file_is_not_wrapped():
    positions = written.hopping_run(60, rate=0.0)
    positions[:, :4] += 4 * written.CUBIC[0]
    positions[20:, :4, 0] += 7.0
    positions[40:, :4, 0] += 7.0
    (note,) = run_of(frames(positions)).notes
    assert note.startswith("8 steps of atoms that had left the cell are longer than half of it")


def melting():
    positions = written.hopping_run(60)
    positions[:, 32:] += np.random.default_rng(0).normal(0, 0.2, (60, 32, 3)).cumsum(axis=0)
    return positions


@pytest.mark.parametrize(
    ("positions", "line"),
    [
        (melting(), r"900 K: unphysical: the framework melted: Cl moved"),
        (written.hopping_run(60, rate=0.0), r"900 K: unmeasured: ions moved 0.24 Å .* less than a hop of 2 Å"),
        (written.hopping_run(20), r"900 K: unmeasured: 20 samples are too few, 33 is the least"),
    ],
)
def test_numbers_that_do_not_count_say_why(positions, line):
    settings = MeasureSettings("Li", min_contact=0.0)
    said = remarks(analyse([run_of(frames(positions))], settings))
    assert [one for one in said if re.match(line, one)], said


def test_replicas_without_velocities_do_not_count_as_cold():
    known, unknown = run_of(frames(kinetic_K=890.0)), run_of(frames(written.hopping_run(60, seed=1)))
    at = analyse([known, unknown], MeasureSettings("Li")).summary.temperatures[0]
    assert (at.replicas, at.kinetic_K) == (2, pytest.approx(890.0))


def test_velocities_of_zero_are_none():
    run = run_of(frames(kinetic_K=0.0))
    assert (run.kinetic, run.notes) == (False, ())


def test_a_skip_longer_than_a_run_is_refused():
    with pytest.raises(TrajectoryError, match=r"my.file: is 1.18 ps long; --skip-ps 5 leaves nothing"):
        analyse([run_of(frames())], MeasureSettings("Li", skip_ps=5.0))


def test_replicas_in_another_order_are_refused():
    turned = [replace(one, numbers=one.numbers[::-1], positions=one.positions[::-1]) for one in frames()]
    with pytest.raises(TrajectoryError, match=r"my.file: atoms in another order than in my.file; write both in one"):
        analyse([run_of(frames()), run_of(turned)], MeasureSettings("Li"))


def test_replicas_of_other_mean_cells_have_the_density_of_one():
    scaled = written.hopping_run(60) @ np.linalg.inv(written.CUBIC)
    runs = [run_of(frames(scaled, cell, scaled=True)) for cell in (written.CUBIC, 1.002 * written.CUBIC)]
    found = analyse(runs, MeasureSettings("Li"))
    assert found.density is not None
    assert "density of 1 of 2 runs: the others have another mean cell" in remarks(found)


DUMP = (
    "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{atoms}\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    "ITEM: ATOMS {head}\n1 Li 0 0 0\n2 Cl 2.5 0 0\n"
)
HEAD = "id element xu yu zu"
CELL = 'Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3'
DAMAGED = {
    "time without units": (
        "ITEM: TIME\n0\n" + DUMP.format(step=0, atoms=2, head=HEAD),
        TIMED,
        r"step 0: ITEM: TIME without ITEM: UNITS may be in ps or fs; add --timestep-fs",
    ),
    "no id": (DUMP.format(step=0, atoms=2, head="mol element xu yu zu"), SAID, r"no id.*: dump id element xu yu zu"),
    "no atoms": (DUMP.format(step=0, atoms=0, head=HEAD), SAID, r"NUMBER OF ATOMS: 0 is no whole number of 1"),
    "nan atoms": (DUMP.format(step=0, atoms="nan", head=HEAD), SAID, r"NUMBER OF ATOMS: nan is no whole number"),
    "a bare item": ("ITEM:\n" + DUMP.format(step=0, atoms=2, head=HEAD), SAID, r"ITEM: says nothing"),
    "a head in Latin-1": (DUMP.format(step=0, atoms=2, head="id \xe9 xu yu zu"), SAID, r"neither element nor type"),
    "nan atoms of extxyz": (f"1\n{CELL}\nLi 0 0 0\nnan\n", SAID, r"frame 2: nan is no whole number"),
    "no periodic cell": (f'1\n{CELL} pbc="T T F"\nLi 0 0 0\n', SAID, r"not periodic in all directions"),
    "nothing": ("", SAID, r"is empty"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_files_are_refused_in_one_line(what, tmp_path):
    text, said, line = DAMAGED[what]
    (tmp_path / "file").write_bytes(text.encode("latin-1"))
    with pytest.raises(TrajectoryError, match=line) as refused:
        read_run(tmp_path / "file", said, ReadSettings(("Li",)))
    assert "\n" not in str(refused.value)


def test_a_damaged_packed_file_is_refused(tmp_path):
    packed = bytearray(gzip.compress(DUMP.format(step=0, atoms=2, head=HEAD).encode()))
    packed[10:20] = b"\xff" * 10
    (tmp_path / "dump.gz").write_bytes(packed)
    with pytest.raises(TrajectoryError, match=r"the packed file is damaged or cut off"):
        read_run(tmp_path / "dump.gz", SAID, ReadSettings(("Li",)))


def test_files_that_are_none_are_refused(tmp_path):
    settings = ReadSettings(("Li",))
    (tmp_path / "a.csv").write_text("a,b")
    (tmp_path / "vasprun.xml").write_text(
        "<?xml version='1.0'?><modeling><parameters><i name='IBRION'>2</i></parameters>"
    )
    for name, line in (
        ("a.csv", "is none of vasprun.xml, LAMMPS dump"),
        ("gone", "there is no such file"),
        (".", "is a folder"),
        ("vasprun.xml", "IBRION is 2: a relaxation, not molecular dynamics"),
    ):
        with pytest.raises(TrajectoryError, match=line):
            read_run(tmp_path / name, SAID, settings)
