"""Isolated atoms of files: which energies are taken, and what is said where sources of them disagree."""

import pytest

from alloop.checks.isolated_atoms import AtomEnergy, disagreements, isolated_atoms
from tests.support.labelled_frames import boxed, config_with_frames, emt_frames, isolated


def beside(*more, **info):
    """Return an isolated atom of both elements, the energy of copper given, and other frames."""
    return [isolated("Al"), isolated("Cu", **info), *more]


ATOMS = {
    "both": (beside(), {"Al": 1.0, "Cu": 1.0}),
    "rounded": (beside(isolated("Cu", REF_energy=1.004)), {"Al": 1.0, "Cu": 1.0}),
    "two energies": (beside(isolated("Cu", REF_energy=1.3)), {"Al": 1.0}),
    "not a number": (beside(REF_energy=float("nan")), {"Al": 1.0}),
    "no energy": ([isolated("Al"), isolated("Cu", energy=1.0, REF_energy="none")], {"Al": 1.0}),
    "a box as large as that of the engine": ([boxed("Cu", 10.0)], {"Cu": 1.0}),
    "a smaller box": ([boxed("Cu", 9.0)], {}),
    "a smaller box of that name": ([boxed("Cu", 9.0, "IsolatedAtom")], {"Cu": 1.0}),
    "a crystal of that name": ([boxed("Cu", 2.6, "atom")], {}),
    "energies of another kind": ([isolated("Al", REF_energy=-6000.0), isolated("Cu", REF_energy=-1.6e4)], {}),
}


@pytest.mark.parametrize(("alone", "energies_eV"), ATOMS.values(), ids=ATOMS)
def test_isolated_atoms_of_the_labels_own_reference_give_their_energies(folder, alone, energies_eV):
    assert isolated_atoms(config_with_frames(folder, [*alone, *emt_frames(2)])) == energies_eV


def test_isolated_atoms_of_another_reference_give_no_energies(folder):
    assert isolated_atoms(config_with_frames(folder, [*beside(), *emt_frames(2)], reference="other")) == {}


def given(**energies_eV):
    """Return energies of copper by the name of their source."""
    return {"Cu": [AtomEnergy(source, energy) for source, energy in energies_eV.items()]} if energies_eV else {}


DISAGREEMENTS = {
    "alike": (given(a=1.0, b=1.002), given(), None),
    "rounded": (
        given(a=1.008, b=1.0),
        given(),
        "1 eV in b and 1.008 eV in a, which is 8 meV apart; that of b is taken",
    ),
    "two files": (
        given(a=1.0, b=1.3),
        given(),
        "1 eV in a and 1.3 eV in b, which is 300 meV apart; neither is taken, and it is computed",
    ),
    "a campaign": (
        given(a=1.0),
        given(c=1.3),
        "1 eV in a and 1.3 eV in c, which is 300 meV apart; that of c is taken",
    ),
    "two campaigns": (
        given(),
        given(c=1.3, d=1.2),
        "1.2 eV in d and 1.3 eV in c, which is 100 meV apart; that of c is taken",
    ),
    "one alone": (given(a=1.0), given(), None),
}


@pytest.mark.parametrize(("of_files", "computed", "told"), DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_sources_that_disagree_are_told_with_both_energies(of_files, computed, told):
    assert list(disagreements(of_files, computed)) == ([f"the isolated atom of Cu has {told}"] if told else [])
