"""Crystals as their sources list them, and the ordered cells that docs/orderings.md makes of them."""

from functools import cache
from pathlib import Path

import pytest
import spglib

from alloop.materials.contacts import closest_pairs
from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.claims import doubts_about
from alloop.materials.orderings.crystal import VACANCY
from alloop.materials.orderings.making import Recipe, order

FOLDER = Path(__file__).parents[2] / "configs" / "structures" / "published"
UNDISTORTED = {"Na3Zr2Si2PO12-C2c": 167}
"""Crystals in a setting of lower symmetry than they have."""
LI3YBR6 = {"Li1": {VACANCY: 1}, "Li2": {"Li": 0.75}, "Li3": {"Li": 0.75, "Y": 0.125}, "Y4": {"Y": 0.75}}
LI3YCL6 = {"Li1": {"Li": 5 / 6}, "Li2": {"Li": 2 / 3}, "Y3": {"Y": 0.5}, "Y4": {"Y": 0.5}}
CRYSTALS = {  # file: sites and space group; then keys, atoms asked for, formula, atoms, space group, shortest distance
    "Na3Zr2Si2PO12-R-3c": ((126, 167), {}, 40, "Na3Zr2Si2PO12", 40, None, 1.63),
    "Na3Zr2Si2PO12-C2c": ((84, 15), {}, None, "Na3Zr2Si2PO12", 80, None, 1.63),
    "beta-Li3PS4": ((36, 62), {"Li2": {"Li": 1}, "Li3": {VACANCY: 1}}, None, "Li3PS4", 32, "Pnma (62)", 1.91),
    "beta-Li3PS4-ordered": ((32, 62), {}, None, "Li3PS4", 32, "Pnma (62)", 1.91),
    "gamma-Li3PS4": ((16, 31), {}, None, "Li3PS4", 16, "Pmn2_1 (31)", 1.94),
    "Li4GeO4": ((36, 63), {}, None, "Li4GeO4", 36, "Cmcm (63)", 1.75),
    "Li3InCl6": ((24, 12), {"In3": {VACANCY: 1}, "In4": {"In": 1}}, None, "Li3InCl6", 20, "C2/m (12)", 2.47),
    "Li3InCl6-ordered": ((20, 12), {}, None, "Li3InCl6", 20, "C2/m (12)", 2.48),
    "Li3YBr6": ((30, 12), LI3YBR6, 40, "Li3YBr6", 40, None, 2.51),
    "Li3YBr6-ordered": ((20, 12), {}, None, "Li3YBr6", 20, "C2/m (12)", 2.65),
    "Li3YCl6": ((35, 164), LI3YCL6, None, "Li3YCl6", 30, None, 2.44),
}


@cache
def listed(name):
    return from_cif(FOLDER / f"{name}.cif")


def test_every_file_is_known():
    assert {path.stem for path in FOLDER.iterdir()} == set(CRYSTALS)


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_crystal_has_the_symmetry_that_its_source_states(name):
    (sites, group), *_ = CRYSTALS[name]
    crystal, text = listed(name), (FOLDER / f"{name}.cif").read_text(encoding="utf-8")
    assert len(crystal.scaled) == sites
    cell = (crystal.cell_A.tolist(), crystal.scaled.tolist(), crystal.kinds().tolist())
    assert spglib.get_symmetry_dataset(cell, symprec=0.01).number == UNDISTORTED.get(name, group)
    assert f"_space_group_IT_number {group}\n" in text
    assert text.startswith("# source: ")
    assert "\n# licence: " in text
    assert not doubts_about(FOLDER / f"{name}.cif", crystal)


@pytest.mark.parametrize("name", CRYSTALS)
def test_its_ordered_cell_has_the_composition_charge_and_distances_that_the_docs_list(name):
    _, substitute, atoms, formula, count, group, shortest_A = CRYSTALS[name]
    made = order(listed(name), Recipe(substitute, {}, atoms=atoms, sweeps=20))
    (ordered,) = made.ordered
    cell = ordered.structure.to_atoms()
    assert (made.formula, len(cell)) == (formula, count)
    assert sum(made.oxidation_states[symbol] for symbol in cell.get_chemical_symbols()) == 0
    assert min(closest_pairs([cell]).values()) == pytest.approx(shortest_A, abs=0.006)
    if group:
        found = spglib.get_spacegroup((cell.cell.array, cell.get_scaled_positions(), cell.numbers), symprec=0.01)
        assert found == group


@pytest.mark.slow
def test_as_many_atoms_as_a_supercell_of_4_by_4_by_4_are_ordered_by_monte_carlo():
    made = order(listed("Na3Zr2Si2PO12-R-3c"), Recipe({}, {}, atoms=2560, samples=2))
    ground, *samples = made.ordered
    assert (made.formula, made.method, len(samples)) == ("Na3Zr2Si2PO12", "monte_carlo", 2)
    for one in made.ordered:
        cell = one.structure.to_atoms()
        assert cell.symbols.formula.count() == {"Na": 384, "Zr": 256, "Si": 256, "P": 128, "O": 1536}
        assert sum(made.oxidation_states[symbol] for symbol in cell.get_chemical_symbols()) == 0
        assert min(closest_pairs([cell]).values()) == pytest.approx(1.63, abs=0.006)
    for sample in samples:
        assert sample.energy_eV > ground.energy_eV
        assert 0.05 < sample.acceptance < 0.3
