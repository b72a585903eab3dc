import numpy as np
import pytest
from ase import units
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from alloop.potential.committee import Committee, LeaderCalculator, disagreement
from alloop.potential.graphs import UnknownElementError
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.model_files import write_model
from alloop.tasks.models import load_committee
from alloop.tasks.workspace import Workspace
from tests.support.models import lithium_chloride, make_small_foundation, small_foundation, small_model

TIGHT = {"float32": 2e-6, "float64": 1e-12}


def committee(count, dtype="float32"):
    return Committee([small_model(seed, dtype) for seed in range(count)], device="cpu", dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("atoms", [lithium_chloride(5), lithium_chloride(6).repeat((2, 1, 1))], ids=["cell", "super"])
def test_it_agrees_with_the_committee_of_mace(dtype, atoms):
    models = [small_model(seed, dtype) for seed in range(4)]
    look = Committee(models, device="cpu", dtype=dtype).look(atoms, stress=True)
    theirs = MACECalculator(models=models, device="cpu", default_dtype=dtype)
    theirs.calculate(atoms)
    member = theirs.results["forces_comm"]
    np.testing.assert_allclose(look.leader.forces_eV_per_A, member[0], atol=TIGHT[dtype])
    assert look.leader.energy_eV == pytest.approx(theirs.results["energy_comm"][0], rel=TIGHT[dtype])
    expected = np.sqrt(theirs.results["forces_comm"].var(axis=0, ddof=1).sum(axis=-1))
    np.testing.assert_allclose(look.disagreement_eV_per_A, expected, atol=TIGHT[dtype])
    single = MACECalculator(models=[models[0]], device="cpu", default_dtype=dtype)
    single.calculate(atoms)
    np.testing.assert_allclose(look.leader.stress_eV_per_A3, single.results["stress"], atol=TIGHT[dtype])


def test_a_committee_of_one_cannot_disagree():
    look = committee(1).look(lithium_chloride())
    assert look.disagreement_eV_per_A is None
    assert look.leader.stress_eV_per_A3 is None


def test_equal_members_agree():
    same = Committee([small_model(), small_model()], device="cpu", dtype="float32")
    assert same.look(lithium_chloride()).disagreement_eV_per_A.max() == 0


def test_disagreement_is_the_length_of_the_standard_deviations():
    forces = np.array([[[1.0, 0.0, 0.0]], [[3.0, 2.0, 0.0]]])
    assert disagreement(forces) == pytest.approx([np.sqrt(2.0 + 2.0)])


def test_a_look_changes_nothing():
    atoms = lithium_chloride()
    ours = committee(3)
    first, second = ours.look(atoms, stress=True), ours.look(atoms, stress=True)
    np.testing.assert_array_equal(first.leader.forces_eV_per_A, ours.forces(atoms).forces_eV_per_A)
    np.testing.assert_array_equal(first.disagreement_eV_per_A, second.disagreement_eV_per_A)


def test_another_composition_is_not_confused_with_the_last():
    ours, atoms, swapped = committee(1), lithium_chloride(), lithium_chloride()
    swapped.numbers[:] = swapped.numbers[::-1]
    expected = committee(1).forces(swapped).forces_eV_per_A
    ours.forces(atoms)
    np.testing.assert_array_equal(ours.forces(swapped).forces_eV_per_A, expected)


@pytest.mark.parametrize("where", ["positions", "cell"])
def test_a_frame_that_is_not_finite_gives_nan_and_no_crash(where):
    atoms = lithium_chloride()
    if where == "positions":
        atoms.positions[1, 2] = np.nan
    else:
        atoms.cell.array[0, 0] = np.inf
    look = committee(2).look(atoms, stress=True)
    assert np.isnan(look.leader.energy_eV)
    assert np.isnan(look.leader.forces_eV_per_A).all()
    assert np.isnan(look.disagreement_eV_per_A).all()


def test_members_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="differ"):
        Committee([small_model(), small_model(cutoff_A=3.0)], device="cpu", dtype="float32")
    with pytest.raises(ValueError, match="at least one"):
        Committee([], device="cpu", dtype="float32")


def test_an_unknown_element_is_an_error():
    atoms = lithium_chloride()
    atoms.symbols[0] = "Na"
    with pytest.raises(UnknownElementError, match="Na"):
        committee(2).forces(atoms)


def test_models_of_a_campaign_are_found_by_name_and_kept(tmp_path):
    workspace, atoms = Workspace(tmp_path), lithium_chloride()
    for seed in range(2):
        write_model(workspace.model_path(f"fit:{seed}"), small_model(seed))
    first, second = (load_committee(workspace, ("fit:0", "fit:1"), "cpu", "float32") for _ in range(2))
    assert first._members == second._members
    np.testing.assert_array_equal(
        first.look(atoms).disagreement_eV_per_A, committee(2).look(atoms).disagreement_eV_per_A
    )


def test_a_foundation_is_evaluated_as_it_is(tmp_path):
    workspace, atoms = Workspace(tmp_path), lithium_chloride()
    sha256 = make_small_foundation(tmp_path / "x.model")
    target = workspace.model_path(f"foundation:{sha256}")
    target.parent.mkdir()
    (tmp_path / "x.model").rename(target)
    ours = load_committee(workspace, (f"foundation:{sha256}",), "cpu", "float32").forces(atoms)
    atoms.calc = MACECalculator(models=small_foundation(), device="cpu", default_dtype="float32")
    assert ours.energy_eV == pytest.approx(atoms.get_potential_energy(), rel=1e-6)
    np.testing.assert_allclose(ours.forces_eV_per_A, atoms.get_forces(), atol=1e-5)


@pytest.mark.parametrize("change", ["a left-handed cell", "atoms far outside the cell"])
def test_how_a_crystal_is_written_changes_nothing(change):
    atoms, ours = lithium_chloride(5), committee(2, "float64")
    other = atoms.copy()
    if change == "a left-handed cell":
        other.set_cell(atoms.cell.array * [[1], [1], [-1]])
    else:
        other.positions += np.arange(-len(atoms), 2 * len(atoms)).reshape(-1, 3) @ atoms.cell.array
    found, same = ours.look(other, stress=True), ours.look(atoms, stress=True)
    assert found.leader.energy_eV == pytest.approx(same.leader.energy_eV, rel=1e-10)
    np.testing.assert_allclose(found.leader.forces_eV_per_A, same.leader.forces_eV_per_A, atol=1e-10)
    np.testing.assert_allclose(found.leader.stress_eV_per_A3, same.leader.stress_eV_per_A3, atol=1e-10)
    np.testing.assert_allclose(found.disagreement_eV_per_A, same.disagreement_eV_per_A, atol=1e-10)


def test_forces_are_the_slope_of_the_energy():
    ours, atoms, step = committee(1, "float64"), lithium_chloride(), 1e-4
    forces = ours.forces(atoms).forces_eV_per_A
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[3, 1] += sign * step
        energies.append(ours.forces(moved).energy_eV)
    assert forces[3, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-7)


def test_the_leader_drives_molecular_dynamics_that_conserves_energy():
    atoms = lithium_chloride(rattle_A=0.02)
    atoms.calc = LeaderCalculator(committee(1, "float64"))
    thermalize_momenta(atoms, temperature_K=100, rng=np.random.default_rng(0))
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.5 * units.fs).run(20)
    assert atoms.get_total_energy() == pytest.approx(before, abs=1e-3)


def test_the_calculator_computes_stress_only_if_asked():
    atoms = lithium_chloride()
    atoms.calc = LeaderCalculator(committee(2))
    atoms.get_forces()
    assert "stress" not in atoms.calc.results
    stress = atoms.get_stress()
    assert stress.shape == (6,)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
