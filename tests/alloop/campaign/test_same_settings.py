"""Labels whose settings depend on the cell of a system."""

import pytest

from alloop.campaign.same_settings import same_settings, system_like, why_not_of_a_cell
from alloop.config.label import GpawLabel
from alloop.config.loading import load_config
from alloop.materials.structure import Structure
from tests.support.configs import BASE, make_folder
from tests.support.histories import ROCK_SALT

LONG = ROCK_SALT.repeat((1, 1, 2))


@pytest.fixture
def loaded(tmp_path):
    """A config with one k-point spacing and two systems: NaCl, and the double of it along one axis."""
    folder = make_folder(tmp_path)
    folder.frames("short.extxyz", ROCK_SALT)
    folder.frames("long.extxyz", LONG)
    systems = "systems:\n  - {name: short, structure: short.extxyz}\n  - {name: long, structure: long.extxyz}\n"
    head, _, rest = BASE.partition("systems:")
    text = f"{head}{systems}{rest[rest.index('data:') :]}".replace("kpts: [2, 2, 2]", "kpts: {spacing_per_A: 0.5}")
    return load_config(folder.config(text))


def settings(loaded, kpts):
    return loaded.config.label.model_copy(update={"kpts": kpts}).model_dump(mode="json")


def stretched(atoms):
    """Return a frame whose own cell would lead to a grid of fewer points."""
    atoms = atoms.copy()
    atoms.set_cell(1.35 * atoms.cell, scale_atoms=True)
    return Structure.from_atoms(atoms)


@pytest.mark.parametrize(("atoms", "kpts", "system"), [(ROCK_SALT, (4, 4, 4), "short"), (LONG, (4, 4, 2), "long")])
def test_a_label_has_the_settings_of_the_system_whose_grid_it_was_made_with_whatever_its_own_cell(
    loaded, atoms, kpts, system
):
    assert isinstance(loaded.config.label, GpawLabel)
    frame = stretched(atoms)
    assert same_settings(settings(loaded, kpts), loaded, frame)
    assert system_like(settings(loaded, kpts), loaded, frame) == system


def test_a_label_of_another_grid_is_told_with_both(loaded):
    frame, found = stretched(ROCK_SALT), settings(loaded, (3, 3, 3))
    assert not same_settings(found, loaded, frame)
    assert system_like(found, loaded, frame) == ""
    told = why_not_of_a_cell(found, loaded, frame)
    assert "label.kpts" in told
    assert "[3, 3, 3]" in told
    assert "[4, 4, 4]" in told


def test_a_label_of_other_atoms_has_no_cell_to_go_by(loaded):
    frame = Structure.from_atoms(ROCK_SALT.repeat((2, 2, 2)))
    assert not same_settings(settings(loaded, (4, 4, 4)), loaded, frame)
    assert why_not_of_a_cell(settings(loaded, (4, 4, 4)), loaded, frame).startswith("no system has their atoms")
    assert why_not_of_a_cell(None, loaded, frame) == "it took them from a file"
