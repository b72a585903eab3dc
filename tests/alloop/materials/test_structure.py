import pytest
from ase import Atoms

from alloop.materials.structure import Structure


@pytest.mark.parametrize(
    ("atoms", "formula"),
    [
        ("Cl24In4Li12", "Li3InCl6"),
        ("ClS5PLi6", "Li6PS5Cl"),
        ("S12P2GeLi10", "Li10GeP2S12"),
        ("O24Zr4La6Li14", "Li7La3Zr2O12"),
        ("O3CLi2", "Li2CO3"),
        ("F6PLi", "LiPF6"),
        ("H3N", "NH3"),
        ("OH2", "H2O"),
        ("AlCu3", "Cu3Al"),
        ("Cu4", "Cu"),
    ],
)
def test_a_formula_reads_as_a_chemist_writes_it(atoms, formula):
    assert Structure.from_atoms(Atoms(atoms, cell=[9, 9, 9])).formula() == formula


@pytest.mark.parametrize("change", [{"numbers": (3,)}, {"numbers": (3, 0)}, {"numbers": (3, 2**63)}])
def test_a_structure_has_a_position_for_every_atom_of_a_known_element(change):
    fields = {"numbers": (3, 17), "positions_A": ((0, 0, 0), (1, 1, 1)), "cell_A": ((2, 0, 0), (0, 2, 0), (0, 0, 2))}
    assert Structure(**fields).formula() == "LiCl"
    with pytest.raises(ValueError, match="atom"):
        Structure(**{**fields, **change})
