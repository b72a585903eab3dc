from ase.calculators.emt import EMT
from ase.io import read as read_frames

from alloop.reading import read
from alloop.tasks.workspace import Workspace
from benchmarks.truth import calibration_lines, generation_lines, rung_lines
from tests.support.earlier import unpack


def emt(atoms):
    """Label a frame as the campaign does."""
    frame = atoms.copy()
    frame.rattle(0.1, seed=1)
    frame.calc = EMT()
    frame.arrays["REF_forces"] = frame.get_forces()
    return frame


def test_what_a_campaign_claims_stands_beside_what_is_true(tmp_path):
    config, folder = unpack(tmp_path)
    state, workspace = read(folder).state, Workspace(folder)
    frames = [emt(atoms) for atoms in read_frames(config.parent / "CuAl.extxyz", ":")]
    rungs = list(rung_lines(state, frames, workspace, "float32"))
    generations = list(generation_lines(state, frames, workspace, "float32"))
    assert len(rungs) == len(state.rungs)
    assert all("claimed" in line and "true" in line for line in rungs)
    assert len(generations) == len(state.generations)
    assert list(calibration_lines(state, frames, workspace, "float32"))
