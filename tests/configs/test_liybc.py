"""The twelve compositions of the LIYBC study."""

from pathlib import Path

import numpy as np
import pytest
from ase.formula import Formula

from alloop.config.loading import load_config
from alloop.outputs.structures import structure_rows

CONFIGS = Path(__file__).parents[2] / "configs"
TWELVE = {  # composition: formula of the cell, space groups of its orderings
    "Li3InBr6": ("Li6In2Br12", {"C2/m (12)"}),
    "LIBC-x1-y0.6667": ("Li6In2Br8Cl4", None),
    "LIBC-x1-y0.5": ("Li6In2Br6Cl6", None),
    "LIBC-x1-y0.3333": ("Li6In2Br4Cl8", None),
    "Li3InCl6": ("Li6In2Cl12", {"C2/m (12)"}),
    "LIYBC-x0.75-y0.25": ("Li12In3YBr6Cl18", {"P1 (1)"}),
    "LIYBC-x0.5-y0.5": ("Li12In2Y2Br12Cl12", {"P1 (1)"}),
    "LIYBC-x0.25-y0.75": ("Li12InY3Br18Cl6", {"P1 (1)"}),
    "Li3YBr6": ("Li6Y2Br12", {"C2/m (12)"}),
    "LIYB-x0.25-y1": ("Li12InY3Br24", {"P2/m (10)"}),
    "LIYB-x0.5-y1": ("Li12In2Y2Br24", {"P2/m (10)", "C2/m (12)"}),
    "LIYB-x0.75-y1": ("Li12In3YBr24", {"P2/m (10)"}),
}
STATES = {"Li": 1, "In": 3, "Y": 3, "Br": -1, "Cl": -1}


@pytest.fixture(scope="module")
def rows():
    return structure_rows(load_config(CONFIGS / "liybc.yaml"))


def test_there_are_twelve_and_mixed_ones_have_two_orderings(rows):
    assert {row.composition for row in rows} == set(TWELVE)
    assert len(rows) == 19


@pytest.mark.parametrize("composition", TWELVE)
def test_a_composition_has_its_formula_charge_distances_and_symmetry(rows, composition):
    formula, groups = TWELVE[composition]
    own = [row for row in rows if row.composition == composition]
    for row in own:
        atoms = row.structure.to_atoms()
        assert Formula(formula).count() == Formula(atoms.get_chemical_formula()).count()
        assert sum(STATES[symbol] for symbol in atoms.get_chemical_symbols()) == 0
        assert row.charge_e in (0, None)
        assert 2.4 < (row.shortest_A or 0) < 2.8
    if groups is not None:
        assert {row.space_group for row in own} <= groups


def test_planes_are_those_of_the_crystal_in_every_cell(rows):
    for row in rows:
        a, b, _, alpha, beta, gamma = row.structure.to_atoms().cell.cellpar()
        assert 6.4 < a < 7.0
        assert 11.0 < b < 12.0
        assert np.allclose((alpha, gamma), 90.0)
        assert 107 < beta < 111
