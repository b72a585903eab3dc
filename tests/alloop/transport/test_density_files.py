from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from ase.io.cube import read_cube
from ase.units import Bohr
from pymatgen.core import Structure
from pymatgen.io.vasp import Chgcar

from alloop.transport.density import DensitySettings
from alloop.transport.density_files import write_density_files
from alloop.transport.sites import analyse_density
from tests.support.hoppers import FRAMEWORK, LEANING, hopping

SETTINGS = DensitySettings(resolution_A=0.5, smear_A=0.4)


@pytest.fixture(scope="module", params=[(1, 1, 1), (2, 2, 2)], ids=["cell", "folded"])
def written(request, tmp_path_factory):
    story = hopping(cell=LEANING)
    result, grid = analyse_density([story.run], replace(SETTINGS, repeat=request.param), story.start)
    start = Atoms(story.run.numbers, scaled_positions=story.start, cell=story.run.cell_A, pbc=True)
    files = write_density_files(tmp_path_factory.mktemp("density"), result, grid, start)
    return story, result, grid, {path.name: path for path in files}


def test_chgcar_holds_density_times_volume(written):
    _, result, grid, files = written
    read_back = Chgcar.from_file(files["CHGCAR_density.vasp"])
    volume = read_back.structure.volume
    assert read_back.data["total"].mean() == pytest.approx(result.density.ions, rel=1e-6)
    assert np.allclose(read_back.data["total"] / volume, grid, atol=1e-6 * grid.max())
    assert np.allclose(read_back.structure.lattice.matrix, result.density.cell_A, atol=1e-5)
    cells = 8 // np.prod(result.density.repeat)
    assert read_back.structure.composition["Cl"] == len(FRAMEWORK) * cells


def test_cube_integrates_to_the_ions_in_its_own_units(written):
    _, result, grid, files = written
    with files["density.cube"].open() as file:
        content = read_cube(file)
    voxel_bohr3 = content["atoms"].get_volume() / Bohr**3 / content["data"].size
    assert content["data"].sum() * voxel_bohr3 == pytest.approx(result.density.ions, rel=1e-4)
    assert np.allclose(content["data"] / Bohr**3, grid, atol=1e-5 * grid.max())


def test_sites_come_back_with_their_occupancies(written):
    story, result, _, files = written
    atoms = read(files["sites.extxyz"])
    assert list(atoms.arrays["kind"]).count("host") == len(story.hosts)
    assert np.allclose(atoms.arrays["occupancy"], [site.occupancy.value for site in result.sites.sites])
    structure = Structure.from_file(files["sites.cif"])
    lithium = [site for site in structure if "Li" in site.species]
    assert len(lithium) == len(result.sites.sites)
    assert sum(site.species["Li"] for site in lithium) == pytest.approx(
        sum(min(site.occupancy.value, 1) for site in result.sites.sites), abs=0.02
    )
