from __future__ import annotations

import numpy as np
import pytest
from ase.io import read

from alloop.outputs.dataset import unharvested_frames, write_dataset
from alloop.outputs.errors import UnreadableError
from alloop.state.fold import fold
from alloop.tasks.contract.label import LABEL
from alloop.tasks.workspace import Workspace
from tests.support.journals import play


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    state, workspace = fold(play(folder, arrays=True)), Workspace(folder)
    count = write_dataset(workspace, state, folder / "export" / "dataset.extxyz")
    return state, workspace, folder / "export" / "dataset.extxyz", count


def test_all_labels_load_in_ase_training_first(written):
    state, _, path, count = written
    frames = read(path, ":")
    assert len(frames) == count == 60
    assert [atoms.info["use"] for atoms in frames] == ["train"] * 48 + ["heldout"] * 12
    labelled = [*state.labelled_frames("train"), *state.labelled_frames("heldout")]
    assert [atoms.info["frame_id"] for atoms in frames] == [frame.id for frame in labelled]


def test_numbers_survive_the_file(written):
    state, workspace, path, _ = written
    for atoms, frame in zip(read(path, ":48"), state.labelled_frames("train"), strict=True):
        label = workspace.data(LABEL, frame.label)
        assert atoms.info["REF_energy"] == pytest.approx(label.energy_eV, abs=1e-7)
        np.testing.assert_allclose(atoms.arrays["REF_forces"], label.forces_eV_per_A, atol=1e-7)
        np.testing.assert_allclose(atoms.info["REF_stress"], label.stress_eV_per_A3, atol=1e-9)
        np.testing.assert_allclose(atoms.positions, label.structure.positions_A, atol=1e-7)
        np.testing.assert_allclose(atoms.cell.array, label.structure.cell_A, atol=1e-9)
        assert atoms.pbc.all()
        assert tuple(atoms.numbers) == label.structure.numbers


def test_mace_reads_the_labels(written):
    from alloop.potential.mace_api import KeySpecification, config_from_atoms

    _, _, path, _ = written
    keys = KeySpecification(
        info_keys={"energy": "REF_energy", "stress": "REF_stress"}, arrays_keys={"forces": "REF_forces"}
    )
    frames = read(path, ":")
    for atoms in frames:
        config = config_from_atoms(atoms, key_specification=keys)
        assert config.properties["energy"] == atoms.info["REF_energy"]
        assert config.properties["forces"].shape == (10, 3)
        assert np.size(config.properties["stress"]) == 6


def test_a_frame_says_where_it_comes_from(written):
    _, _, path, _ = written
    frames = read(path, ":")
    first, last = frames[0].info, frames[47].info
    assert (first["why"], first["rung"]) == ("initial", 12)
    assert "disagreement_eV_per_A" not in first
    assert "generation" not in first
    assert (last["why"], last["rung"], last["generation"]) == ("disagreement", 48, 8)
    assert last["disagreement_eV_per_A"] > 0
    assert last["walker_temperature_K"] in (600, 1000)
    assert last["walker"].startswith("Li3InCl6.")
    heldout = frames[-1].info
    assert heldout["why"] == "heldout"
    assert "rung" not in heldout
    sizes = [atoms.info["rung"] for atoms in frames[:48]]
    assert [sizes.count(size) for size in (12, 24, 48)] == [12, 12, 24]


def test_failed_labels_are_not_in_the_dataset(written):
    state, _, path, _ = written
    failed = {frame.id for frame in state.frames.values() if frame.status == "failed"}
    assert len(failed) == 2
    assert not failed & {atoms.info["frame_id"] for atoms in read(path, ":")}


def test_a_missing_label_leaves_the_old_dataset_alone(tmp_path):
    state, workspace = fold(play(tmp_path, arrays=True)), Workspace(tmp_path)
    target = tmp_path / "dataset.extxyz"
    target.write_text("old")
    workspace.result_path("label", state.labelled_frames("train")[7].label).unlink()
    with pytest.raises(UnreadableError, match="no such file"):
        write_dataset(workspace, state, target)
    assert target.read_text() == "old"


def test_a_label_that_was_finished_without_a_driver_is_in_an_export(tmp_path):
    entries, workspace = play(tmp_path, arrays=True), Workspace(tmp_path)
    planned = next(i for i, entry in enumerate(entries) if getattr(entry.event, "task", "") == "label")
    state, key = fold(entries[: planned + 1]), entries[planned].event.key
    (atoms,) = unharvested_frames(workspace, state)
    assert (atoms.info["label_key"], atoms.info["use"]) == (key, "train")
    assert atoms.info["REF_energy"] == workspace.data(LABEL, key).energy_eV
    assert state.labelled("train") == 0
    workspace.result_path("label", key).write_text("torn")
    assert list(unharvested_frames(workspace, state)) == []
