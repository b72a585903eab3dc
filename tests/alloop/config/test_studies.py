"""Formulas of reference phases."""

import pytest
from pydantic import ValidationError

from alloop.config.studies import PhaseConfig

MANY = "9" * 20


def phase(formula):
    return PhaseConfig.model_validate({"name": "a", "formula": formula, "energy_eV_per_atom": -3.0})


NO_FORMULAS = ["licl", "Li1.5Cl", "Li0Cl", "", f"Li{MANY}Cl", "(" * 5000, "Li+", "LiCl-", "Li Cl"]


@pytest.mark.parametrize("formula", NO_FORMULAS)
def test_what_is_no_formula_of_a_phase_is_refused_in_one_line(formula):
    with pytest.raises(ValidationError, match="is not a formula such as `Li3InCl6`"):
        phase(formula)


@pytest.mark.parametrize("formula", ["LiCl", "Li10Ge(PS6)2", "O2"])
def test_formulas_with_brackets_and_numbers_are_understood(formula):
    assert phase(formula).formula == formula
