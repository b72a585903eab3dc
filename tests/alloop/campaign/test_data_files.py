import pytest
from ase.io import read, write

from alloop.campaign.opening import create, foresee, open_state
from alloop.campaign.reuse import checked
from alloop.config import ConfigError
from alloop.config.loading import load_config
from alloop.decisions.charter import Charter
from alloop.decisions.task_requests import atom
from alloop.journal.journal import Journal
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import write_config
from tests.support.labelled_frames import emt_frames, isolated


@pytest.fixture(params=["same", "other"])
def begun(tmp_path, request):
    """A campaign with labelled frames of a file: its config, its folder and its state."""
    path = write_config(tmp_path / "config", data={"initial": ["known.xyz"], "reference": request.param})
    frames = emt_frames(3)
    write(path.parent / "known.xyz", [isolated("Cu"), *frames, frames[1]], format="extxyz")
    with Journal(tmp_path / "campaign") as journal:
        create(load_config(path), journal, Workspace(tmp_path / "campaign"), None)
        return path, tmp_path / "campaign", open_state(journal)


def structure_of(path):
    return path.parent / load_config(path).config.systems[0].structure


def test_what_a_campaign_takes_of_a_file_is_what_the_check_counts(begun):
    _, _, state = begun
    assert len(state.imported_from_files) == 3
    assert state.labelled("train") + len(state.pretraining) == 3


def test_an_isolated_atom_of_the_same_reference_is_there_before_it_is_asked_for(begun):
    path, folder, state = begun
    loaded, workspace = load_config(path), Workspace(folder)
    charter = Charter.of(state.created, loaded.config)
    copper, aluminium = (workspace.read("atom", atom(charter, state, one).key()) for one in ("Cu", "Al"))
    assert aluminium is None
    if loaded.config.data.reference == "same":
        assert copper.summary == {"energy_eV": 1.0, "magnetic_moment_muB": None}
    else:
        assert copper is None


def test_a_file_that_was_only_edited_changes_no_science(begun):
    path, folder, state = begun
    with structure_of(path).open("a") as file:
        file.write("\n")
    known = path.parent / "known.xyz"
    known.write_text(known.read_text().replace("config_type", "comment=mine config_type") + "\n")
    assert foresee(load_config(path), state, folder) == []


def test_a_crystal_that_changed_is_named(begun):
    path, folder, state = begun
    file = structure_of(path)
    atoms = read(file)
    atoms.positions[0, 0] += 1e-3
    write(file, atoms, format="extxyz")
    with pytest.raises(ConfigError, match=rf"the structure in `{file.name}` \(systems\[0\]\.structure\); undo it"):
        foresee(load_config(path), state, folder)


@pytest.mark.parametrize("change", ["a label", "one less", "one more", "no file that can be read"])
def test_labels_that_changed_are_named(begun, change):
    path, folder, state = begun
    frames = emt_frames(4 if change == "one more" else 3)
    if change == "a label":
        frames[0].info["REF_energy"] += 1e-3
    known = path.parent / "known.xyz"
    write(known, frames[1:] if change == "one less" else frames, format="extxyz")
    if change == "no file that can be read":
        known.write_text("4\n")
    with pytest.raises(ConfigError, match=r"the labels in `known.xyz` \(data\.initial\)"):
        foresee(load_config(path), state, folder)


def test_a_campaign_whose_files_would_now_be_refused_goes_on(tmp_path):
    path = write_config(tmp_path / "config", data={"initial": ["known.xyz"], "reference": "same"})
    frames = emt_frames(3)
    frames[1].positions[1] = frames[1].positions[2]
    write(path.parent / "known.xyz", frames, format="extxyz")
    loaded = load_config(path)
    with pytest.raises(ConfigError, match=r"frame 2 of `known.xyz` has atoms 0\.00"):
        checked(loaded, tmp_path / "campaign")
    with Journal(tmp_path / "campaign") as journal:
        create(loaded, journal, Workspace(tmp_path / "campaign"), None)
    assert checked(loaded, tmp_path / "campaign") == ()
