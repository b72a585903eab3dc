from pathlib import Path

import ase.io
import pytest

from alloop.materials.contacts import min_contact
from alloop.materials.electrons import is_odd

STRUCTURES = Path(__file__).parents[3] / "configs" / "structures"


@pytest.mark.parametrize("path", sorted(STRUCTURES.rglob("*.extxyz")), ids=lambda path: path.name)
def test_a_shipped_structure_names_its_source_and_licence_and_can_be_labelled(path):
    atoms = ase.io.read(path)
    assert atoms.pbc.all()
    assert atoms.info["source"]
    assert atoms.info["licence"]
    assert min_contact(atoms) > 0.8
    assert not is_odd(atoms)
    assert str(path.relative_to(STRUCTURES)) in (STRUCTURES / "README.md").read_text(encoding="utf-8")


def test_li3incl6_is_the_primitive_cell_at_the_published_lattice():
    atoms = ase.io.read(STRUCTURES / "Li3InCl6.extxyz")
    assert str(atoms.symbols) == "Li3InCl6"
    assert 2 * atoms.get_volume() == pytest.approx(429.385, abs=0.01)
    indium = atoms.symbols.indices()["In"][0]
    bonds = sorted(d for k, d in enumerate(atoms.get_all_distances(mic=True)[indium]) if atoms.symbols[k] == "Cl")
    assert bonds == pytest.approx([2.53] * 6, abs=0.06)
