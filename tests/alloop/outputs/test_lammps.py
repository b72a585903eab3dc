"""What an export holds for LAMMPS."""

import ase.io
import numpy as np
import pytest

from alloop.files.canonical_json import content_key
from alloop.outputs.lammps import data_file, elements_of, input_file, write_lammps
from alloop.outputs.models import choose_models, chosen_model
from alloop.potential.committee import Committee
from alloop.potential.models.model_files import write_model
from alloop.state.fold import fold
from alloop.tasks.workspace import Workspace
from tests.support.journals import play
from tests.support.models import lithium_chloride, small_foundation
from tests.support.stories import structure


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    state, workspace = fold(play(folder)), Workspace(folder)
    path = workspace.model_path(f"fit:{content_key('fit/r48/f0')}")
    write_model(path, small_foundation((3, 17, 49)))
    chosen = choose_models(state, committee=False)
    files = write_lammps(workspace, state, chosen, folder / "lammps")
    return {path.name: path for path in files}, chosen_model(workspace, chosen[0], "float64")


def commands(path):
    lines = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {words[0]: words[1:] for words in lines}


def test_models_and_for_each_system_an_input_are_written(written):
    files, _ = written
    assert set(files) == {
        *("leader.model-mliap_lammps.pt", "leader.model-lammps.pt"),
        *("Li3InCl6.in", "Li3InCl6.data"),
    }
    told = commands(files["Li3InCl6.in"])
    assert told["pair_style"] == ["mliap", "unified", "leader.model-mliap_lammps.pt", "0"]
    assert told["pair_coeff"] == ["*", "*", "Li", "Cl", "In"]
    assert told["read_data"] == ["Li3InCl6.data"]
    assert told["timestep"] == ["0.002"]
    assert told["velocity"][:3] == ["all", "create", "600"]


def test_the_input_tells_the_energy_of_the_structure_that_it_reads(written):
    files, model = written
    atoms = ase.io.read(files["Li3InCl6.data"], format="lammps-data", atom_style="atomic", units="metal")
    assert sorted(atoms.symbols) == sorted(structure().to_atoms().symbols)
    (told,) = [line for line in files["Li3InCl6.in"].read_text().splitlines() if "must be" in line]
    found = Committee([model], device="cpu", dtype="float64").forces(atoms).energy_eV
    assert float(told.split()[-2]) == pytest.approx(found, abs=2e-6)


def test_a_skew_cell_becomes_one_that_lammps_takes_and_distances_stay():
    atoms = lithium_chloride()
    atoms.set_cell(atoms.cell.array @ np.array([[1, 0, 0], [3, 1, 0], [0, 0, 1]]), scale_atoms=False)
    lines = data_file(atoms).splitlines()
    (tilt,) = [line.split() for line in lines if line.endswith("xy xz yz")] or [["0", "0", "0"]]
    assert max(abs(float(one)) for one in tilt[:3]) <= 5.1 / 2 + 1e-6
    assert elements_of(atoms) == ("Li", "Cl")


def test_an_input_without_explore_settings_has_usual_ones():
    text = input_file("A", lithium_chloride(), "leader.model", {}, -1.0)
    assert "`pe` of step 0 must be -1.000000 eV" in text
    assert "create 300 1 " in text
