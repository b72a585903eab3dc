"""One run in every format gives one diffusivity."""

import numpy as np
import pytest
from ase.io.trajectory import Trajectory as AseTrajectory

from alloop.trajectories.frames import TrajectoryError
from alloop.trajectories.reading import ReadSettings, read_run
from alloop.trajectories.timing import Said
from alloop.transport.measure import measure
from alloop.transport.settings import MeasureSettings
from tests.support import written

LITHIUM = ReadSettings(mobile=("Li",))
STEPS = Said(timestep_fs=written.STEP_fs, temperature_K=written.TEMPERATURE_K)
FRAMES = Said(timestep_fs=written.INTERVAL_fs, temperature_K=written.TEMPERATURE_K)
HOT = Said(temperature_K=written.TEMPERATURE_K)


def dump(form, name="dump.lammpstrj"):
    return name, lambda path, run, cell: written.write_dump(path, run, cell, form), STEPS


def folded(write):
    return lambda path, run, cell: write(path, written.wrapped(run, cell), cell)


WRITTEN = {
    "extxyz": ("run.extxyz", written.write_extxyz, HOT),
    "wrapped extxyz": ("run.extxyz", folded(written.write_extxyz), HOT),
    "traj": ("run.traj", written.write_traj, FRAMES),
    "wrapped traj": ("run.traj", folded(written.write_traj), FRAMES),
    "XDATCAR": ("XDATCAR", written.write_xdatcar, FRAMES),
    "vasprun.xml": ("vasprun.xml", written.write_vasprun, Said()),
    "dump xu": dump("xu"),
    "dump x": dump("x"),
    "dump xs": dump("xs"),
    "dump xsu": dump("xsu"),
    "dump with images, packed": dump("image", "dump.gz"),
    "GPAW text": ("gpaw.txt", written.write_gpaw_text, FRAMES),
}


@pytest.fixture(scope="module")
def run():
    positions = written.hopping_run(80, cell_A=written.LEANING, drift_A=14.0)
    return positions, written.LEANING, truth(positions)


def truth(positions):
    """Return the displacement of the ions since the first frame, less the drift of the framework."""
    moved = positions - positions[0]
    return moved[:, :32] - moved[:, 32:].mean(axis=1, keepdims=True)


@pytest.mark.parametrize("form", WRITTEN)
def test_every_format_gives_the_paths_that_were_written(form, run, tmp_path):
    positions, cell, moved = run
    name, write, said = WRITTEN[form]
    found = read_run(write(tmp_path / name, positions, cell), said, LITHIUM)
    trajectory = found.trajectory
    assert found.frames == trajectory.samples == len(positions)
    assert (trajectory.interval_fs, trajectory.temperature_K) == (written.INTERVAL_fs, written.TEMPERATURE_K)
    np.testing.assert_allclose(trajectory.cell_A, cell, atol=1e-6)
    paths = trajectory.mobile_A - trajectory.mobile_A[0] - trajectory.drift_A[:, None]
    np.testing.assert_allclose(paths, moved, atol=1e-5)
    assert not [note for note in found.notes if "half" in note]


def test_the_diffusivity_is_the_same_to_rounding(tmp_path):
    positions, cell, found = written.hopping_run(150, cell_A=written.LEANING), written.LEANING, {}
    for form in ("extxyz", "XDATCAR", "dump x"):
        name, write, said = WRITTEN[form]
        one = read_run(write(tmp_path / name, positions, cell), said, LITHIUM)
        summary, _ = measure({written.TEMPERATURE_K: [one.trajectory]}, MeasureSettings("Li"))
        (at,) = summary.temperatures
        assert (at.unmeasured, at.unphysical) == (None, None)
        found[form] = (at.D_tracer_cm2_s.value, at.D_tracer_cm2_s.se, at.sigma_ne_S_per_cm.value, at.volume_A3)
    assert found["XDATCAR"] == pytest.approx(found["extxyz"], rel=1e-5)
    assert found["dump x"] == pytest.approx(found["extxyz"], rel=1e-5)


def breathing(frames):
    swell = 1 + 0.02 * np.sin(np.arange(frames) * 0.3)
    return swell[:, None, None] * written.LEANING


@pytest.mark.parametrize("form", ["XDATCAR", "vasprun.xml", "dump x", "dump xu", "extxyz"])
def test_a_cell_that_breathes_moves_no_ion(form, tmp_path):
    still = written.hopping_run(60, cell_A=written.LEANING)
    cells = breathing(len(still))
    name, write, said = WRITTEN[form]
    run = read_run(write(tmp_path / name, still @ np.linalg.inv(written.LEANING) @ cells, cells), said, LITHIUM)
    mean = cells.mean(axis=0)
    np.testing.assert_allclose(run.trajectory.cell_A, mean, atol=1e-6)
    paths = run.trajectory.mobile_A - run.trajectory.mobile_A[0] - run.trajectory.drift_A[:, None]
    np.testing.assert_allclose(paths, truth(still @ np.linalg.inv(written.LEANING) @ mean), atol=1e-4)
    assert run.notes == ()


def test_frames_that_follow_each_other_fast_are_thinned(tmp_path):
    path = written.write_extxyz(tmp_path / "run.xyz", written.hopping_run(41), written.CUBIC)
    run = read_run(path, HOT, ReadSettings(("Li",), sample_fs=50.0))
    assert (run.frames, run.trajectory.samples, run.trajectory.interval_fs) == (41, 21, 40.0)


def test_a_file_that_ends_within_a_frame_gives_the_whole_ones(tmp_path):
    positions = written.hopping_run(4)
    for form, (name, write, said) in WRITTEN.items():
        path = write(tmp_path / name, positions, written.CUBIC)
        if path.suffix not in (".gz", ".traj"):
            path.write_bytes(path.read_bytes()[:-1500])
            run = read_run(path, said, LITHIUM)
            assert run.frames == 3, form
            (note,) = run.notes
            assert note.endswith("left out; the run was stopped, or still writes"), form


def test_a_dump_of_types_takes_their_elements(tmp_path):
    path = written.write_dump(tmp_path / "dump", written.hopping_run(4), written.CUBIC)
    path.write_text(path.read_text().replace(" element ", " type ").replace(" Li ", " 2 ").replace(" Cl ", " 1 "))
    with pytest.raises(TrajectoryError, match=r"atom types only; name their elements, as in --types Li,P,S"):
        read_run(path, STEPS, LITHIUM)
    run = read_run(path, STEPS, ReadSettings(("Li",), types=("Cl", "Li")))
    assert run.trajectory.numbers.tolist() == written.NUMBERS.tolist()


def test_times_without_a_unit_are_not_used_where_the_time_step_is_named(tmp_path):
    path = written.write_dump(tmp_path / "dump", written.hopping_run(4), written.CUBIC)
    path.write_text("".join(f"ITEM: TIME\n{20 * k}\n{one}" for k, one in enumerate(parts(path, "ITEM: TIMESTEP"))))
    run = read_run(path, STEPS, LITHIUM)
    assert (run.trajectory.interval_fs, run.notes) == (written.INTERVAL_fs, ())


def parts(path, begin):
    """Return the text of a file cut before every `begin`."""
    return [begin + part for part in path.read_text().split(begin)[1:]]


def test_steps_of_a_learned_force_field_count_in_their_order(tmp_path):
    positions = written.hopping_run(40)
    path = written.write_vasprun(tmp_path / "vasprun.xml", positions, written.CUBIC)
    head, *steps = path.read_text().split("<calculation>")
    bare = [step.replace("</calculation>", "") for step in steps]
    mixed = [one if place % 3 else f"<calculation>{steps[place]}" for place, one in enumerate(bare[:-1])]
    path.write_text(f"{head}{''.join(mixed)}{bare[-1]}")
    run = read_run(path, Said(), LITHIUM)
    assert (run.frames, run.trajectory.interval_fs) == (40, written.INTERVAL_fs)
    moved = run.trajectory.mobile_A - run.trajectory.mobile_A[0] - run.trajectory.drift_A[:, None]
    np.testing.assert_allclose(moved, truth(positions), atol=1e-5)


def test_a_vasprun_that_ends_within_a_tag_gives_the_whole_frames(tmp_path):
    path = written.write_vasprun(tmp_path / "vasprun.xml", written.hopping_run(4), written.CUBIC)
    text = path.read_text()
    path.write_text(text[: text.rindex("<varray") + 4])
    assert read_run(path, Said(), LITHIUM).frames == 3


def test_an_xdatcar_may_have_a_blank_title_and_numbers_that_are_stars(tmp_path):
    path = written.write_xdatcar(tmp_path / "XDATCAR", written.hopping_run(5), written.CUBIC)
    path.write_text(
        path.read_text().replace("LiCl\n", "  \n").replace("=     4", "= ******").replace("=     5", "= ******")
    )
    run = read_run(path, FRAMES, LITHIUM)
    assert (run.frames, run.trajectory.interval_fs) == (5, written.INTERVAL_fs)


def test_times_of_ase_may_be_text(tmp_path):
    path = tmp_path / "run.traj"
    with AseTrajectory(str(path), "w") as file:
        for index, atoms in enumerate(written.images(written.hopping_run(4), written.CUBIC)):
            atoms.info["time_fs"] = str(20 * index)
            file.write(atoms)
    assert read_run(path, HOT, LITHIUM).trajectory.interval_fs == 20.0


@pytest.mark.parametrize("form", ["extxyz", "XDATCAR", "dump xu"])
def test_a_file_that_ends_within_a_number_leaves_its_frame_out(form, tmp_path):
    name, write, said = WRITTEN[form]
    path = write(tmp_path / name, written.hopping_run(4), written.CUBIC)
    path.write_bytes(path.read_bytes().rstrip()[:-3])
    run = read_run(path, said, LITHIUM)
    assert run.frames == 3
    assert run.notes == ("the file ends within a frame, which is left out; the run was stopped, or still writes",)


@pytest.mark.parametrize("begun", [b"20", b"20\n", b'20\nLattice="8 0 0'])
def test_the_head_of_a_next_frame_is_left_out_too(begun, tmp_path):
    path = written.write_extxyz(tmp_path / "run.xyz", written.hopping_run(4), written.CUBIC)
    path.write_bytes(path.read_bytes() + begun)
    run = read_run(path, HOT, LITHIUM)
    assert run.frames == 4
    assert run.notes == ("the file ends within a frame, which is left out; the run was stopped, or still writes",)


def test_a_file_that_ends_within_its_first_frame_says_so(tmp_path):
    path = written.write_extxyz(tmp_path / "run.xyz", written.hopping_run(1), written.CUBIC)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrajectoryError, match=r"run\.xyz: there is no frame in it: the file ends within a frame"):
        read_run(path, HOT, LITHIUM)
