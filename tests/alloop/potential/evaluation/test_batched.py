from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alloop.materials.contacts import min_contact
from alloop.potential.committee import Committee
from alloop.potential.evaluation import batched
from alloop.potential.evaluation.batch_limits import ATOMS_AT_ONCE
from alloop.potential.evaluation.batched import BatchedCommittee, BatchedModel
from alloop.potential.graphs import UnknownElementError
from alloop.potential.mace_api import MACECalculator
from tests.support.models import lithium_chloride, small_foundation, small_model


def crowd(walkers=3, atoms=None):
    """Return walkers of one cell that have wandered, the last of them far."""
    atoms = atoms or lithium_chloride(1).repeat((2, 1, 1))
    rng = np.random.default_rng(0)
    positions = atoms.positions + rng.normal(scale=0.12, size=(walkers, len(atoms), 3))
    positions[-1, ::3] += np.array([3, -2, 40]) @ atoms.cell.array
    return atoms, positions


@dataclass
class OnArrays:
    """A force field that is asked in arrays and answers in them."""

    field: BatchedModel

    def __call__(self, positions_A, walkers, stretches=None):
        found = self.field(torch.tensor(positions_A), walkers, None if stretches is None else torch.tensor(stretches))
        values = {name: getattr(found, name) for name in ("energies_eV", "forces_eV_per_A", "contacts", "virials_eV")}
        return SimpleNamespace(**{name: one if one is None else one.numpy() for name, one in values.items()})

    def disagreement(self, positions_A, walkers, stretches=None):
        sizes = None if stretches is None else torch.tensor(stretches)
        return self.field.disagreement(torch.tensor(positions_A), walkers, sizes)


def batched_model(*arguments, **settings):
    return OnArrays(BatchedModel(*arguments, **settings))


def batched_committee(*arguments, **settings):
    return OnArrays(BatchedCommittee(*arguments, **settings))


def truth(model, atoms, positions_A, dtype="float64"):
    """Return energies and forces by MACE's own calculator."""
    calculator = MACECalculator(models=[model], device="cpu", default_dtype=dtype)
    energies, forces = [], []
    for one in positions_A:
        moved = atoms.copy()
        moved.positions = one
        moved.calc = calculator
        energies.append(moved.get_potential_energy())
        forces.append(moved.get_forces())
    return np.array(energies), np.array(forces)


def rms(forces):
    return np.sqrt((forces**2).mean())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("make", [small_model, lambda: small_foundation((3, 17))], ids=["ours", "foundation"])
def test_a_batch_has_the_forces_of_mace(make, dtype, tolerance):
    atoms, positions = crowd()
    energies, forces = truth(make().double(), atoms, positions)
    found = batched_model(make(), atoms, device="cpu", dtype=dtype)(positions, [0, 1, 2])
    assert rms(found.forces_eV_per_A - forces) < tolerance * rms(forces)
    np.testing.assert_allclose(found.energies_eV, energies, atol=tolerance * len(atoms))
    contacts = [min_contact(_at(atoms, one)) for one in positions]
    np.testing.assert_allclose(found.contacts, contacts, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_walkers_in_cells_of_their_own_have_the_forces_and_stresses_of_mace(dtype, tolerance):
    atoms, positions = crowd()
    stretches = np.array([0.93, 1.0, 1.08])
    field = batched_model(small_model(), atoms, device="cpu", dtype=dtype, skin_A=1.0)
    field(
        positions, [0, 1, 2], np.array([1.0, 1.05, 1.0])
    )  # lists of other cells must not be used where they lack pairs
    positions = positions * stretches[:, None, None]
    found = field(positions, [0, 1, 2], stretches)
    calculator = MACECalculator(models=[small_model().double()], device="cpu", default_dtype="float64")
    for row, stretch in enumerate(stretches):
        one = _at(atoms, positions[row])
        one.set_cell(stretch * atoms.cell)
        one.calc = calculator
        forces, stress = one.get_forces(), one.get_stress()[:3].sum()
        assert rms(found.forces_eV_per_A[row] - forces) < tolerance * rms(forces)
        assert found.virials_eV[row] == pytest.approx(one.get_volume() * stress, rel=10 * tolerance, abs=tolerance)


def test_a_cell_that_moves_slowly_keeps_its_list_and_loses_no_pair(monkeypatch):
    made = []
    from alloop.potential.evaluation import neighbours

    real = neighbours.neighbour_list
    monkeypatch.setattr(neighbours, "neighbour_list", lambda *a, **k: made.append(1) or real(*a, **k))
    atoms, positions = crowd(1)
    model = small_model()
    old = batched_model(model, atoms, device="cpu", dtype="float64")
    rng, stretch = np.random.default_rng(2), 1.0
    for _ in range(20):
        factor = 0.994 + rng.normal(scale=0.004)
        stretch, positions = stretch * factor, factor * positions + rng.normal(scale=0.02, size=positions.shape)
        found = old(positions, [0], np.array([stretch]))
        kept, fresh = len(made), batched_model(model, atoms, device="cpu", dtype="float64", skin_A=0.0)
        np.testing.assert_allclose(
            found.forces_eV_per_A, fresh(positions, [0], np.array([stretch])).forces_eV_per_A, rtol=0, atol=1e-12
        )
        del made[kept:]
    assert 1 < len(made) < 12


def test_no_list_outlives_a_compression_that_brings_atoms_within_the_cutoff():
    atoms = lithium_chloride(rattle_A=0.0)[:1]
    atoms.set_cell(np.eye(3))
    field = batched_model(small_model(), atoms, device="cpu", dtype="float64")
    seen = []
    for length_A in np.linspace(5.2, 3.0, 40):
        found = field(np.zeros((1, 1, 3)), [0], np.array([length_A]))
        seen.append(np.isfinite(found.contacts[0]))
        assert seen[-1] == (length_A < 4.0)
    assert 5 < sum(seen) < 35


def test_a_cell_that_is_not_finite_spoils_no_other():
    atoms, positions = crowd()
    field = batched_committee([small_model(seed) for seed in range(2)], atoms, device="cpu", dtype="float64")
    clean, spoiled = (field(positions, [0, 1, 2], np.array([1.0, size, 1.0])) for size in (1.0, np.inf))
    for name in ("energies_eV", "forces_eV_per_A", "virials_eV"):
        assert np.isnan(getattr(spoiled, name)[1]).all()
        np.testing.assert_allclose(getattr(spoiled, name)[[0, 2]], getattr(clean, name)[[0, 2]], atol=1e-12)
    assert np.isnan(field.disagreement(positions, [0, 1, 2], np.array([1.0, np.inf, 1.0]))[1]).all()


def test_members_look_at_walkers_in_their_own_cells():
    atoms, positions = crowd(2)
    stretches = np.array([0.95, 1.04])
    positions = positions * stretches[:, None, None]
    models = [small_model(seed) for seed in range(3)]
    field = OnArrays(Committee(models, device="cpu", dtype="float64").field(atoms))
    field(positions, [0, 1], stretches)
    found = field.disagreement(positions, [0, 1], stretches)
    elsewhere = field.disagreement(positions, [-1, -1], stretches)
    for row, stretch in enumerate(stretches):
        one = _at(atoms, positions[row])
        one.set_cell(stretch * atoms.cell)
        expected = Committee(models, device="cpu", dtype="float64").look(one).disagreement_eV_per_A
        np.testing.assert_allclose(found[row], expected, atol=1e-10)
        np.testing.assert_allclose(elsewhere[row], expected, atol=1e-10)


def _at(atoms, positions_A):
    moved = atoms.copy()
    moved.positions = positions_A
    return moved


def test_how_a_list_of_pairs_came_about_changes_nothing():
    atoms, positions = crowd(1)
    old = batched_model(small_model(), atoms, device="cpu", dtype="float32", skin_A=1.5)
    rng, there = np.random.default_rng(1), positions.copy()
    for _ in range(30):
        there = there + rng.normal(scale=0.03, size=there.shape)
        found = old(there, [0])
    fresh = batched_model(small_model(), atoms, device="cpu", dtype="float32", skin_A=0.0)(there, [0])
    np.testing.assert_array_equal(found.forces_eV_per_A, fresh.forces_eV_per_A)
    np.testing.assert_array_equal(found.energies_eV, fresh.energies_eV)


def test_walkers_may_leave_and_only_those_that_moved_far_get_a_new_list(monkeypatch):
    made = []
    from alloop.potential.evaluation import neighbours

    real = neighbours.neighbour_list
    monkeypatch.setattr(neighbours, "neighbour_list", lambda *a, **k: made.append(1) or real(*a, **k))
    atoms, positions = crowd()
    field = batched_model(small_model(), atoms, device="cpu", dtype="float64")
    all_of_them = field(positions, [0, 1, 2])
    assert len(made) == 3
    some = field(positions[[0, 2]], [0, 2])
    assert len(made) == 3
    np.testing.assert_allclose(some.forces_eV_per_A, all_of_them.forces_eV_per_A[[0, 2]], atol=1e-12)
    moved = positions[[0, 2]].copy()
    moved[1, 0, 0] += 0.5
    field(moved, [0, 2])
    assert len(made) == 4
    back = field(positions, [0, 1, 2])
    np.testing.assert_allclose(back.forces_eV_per_A, all_of_them.forces_eV_per_A, atol=1e-12)


def test_a_walker_that_is_not_finite_spoils_no_other():
    atoms, positions = crowd()
    field = batched_model(small_model(), atoms, device="cpu", dtype="float64")
    clean = field(positions, [0, 1, 2])
    positions[1, 0, 0] = np.nan
    spoiled = field(positions, [0, 1, 2])
    assert np.isnan(spoiled.forces_eV_per_A[1]).all()
    assert np.isnan(spoiled.energies_eV[1])
    np.testing.assert_allclose(spoiled.forces_eV_per_A[[0, 2]], clean.forces_eV_per_A[[0, 2]], atol=1e-12)


def test_atoms_out_of_reach_of_each_other_have_an_infinite_contact():
    atoms = lithium_chloride()[:1]
    atoms.set_cell([30.0, 30.0, 30.0])
    found = batched_model(small_model(), atoms, device="cpu", dtype="float32")(atoms.positions[None], [0])
    assert np.isinf(found.contacts).all()
    np.testing.assert_allclose(found.forces_eV_per_A, 0.0, atol=1e-7)


def test_an_unknown_element_is_an_error():
    atoms = lithium_chloride()
    atoms.symbols[0] = "Na"
    with pytest.raises(UnknownElementError, match="Na"):
        batched_model(small_model(), atoms, device="cpu", dtype="float32")


def test_a_crowd_is_evaluated_in_parts_of_bearable_size(monkeypatch):
    atoms, positions = crowd(5)
    at_once = batched_model(small_model(), atoms, device="cpu", dtype="float64")
    monkeypatch.setitem(ATOMS_AT_ONCE, "cpu", 2 * len(atoms) + 1)
    in_parts = batched_model(small_model(), atoms, device="cpu", dtype="float64")
    sizes, own = [], in_parts.field
    monkeypatch.setattr(
        in_parts.field, "_evaluate", lambda p, *more: sizes.append(len(p)) or BatchedModel._evaluate(own, p, *more)
    )
    one, other = at_once(positions, range(5)), in_parts(positions, range(5))
    assert sizes == [2, 2, 1]
    np.testing.assert_allclose(other.forces_eV_per_A, one.forces_eV_per_A, atol=1e-12)
    np.testing.assert_array_equal(other.contacts, one.contacts)


def committee(members=3):
    atoms, positions = crowd(4)
    models = [small_model(seed=seed) for seed in range(members)]
    looks = Committee([small_model(seed=seed) for seed in range(members)], device="cpu", dtype="float64")
    expected = [looks.look(_at(atoms, one)).disagreement_eV_per_A for one in positions]
    return batched_committee(models, atoms, device="cpu", dtype="float64"), positions, expected


@pytest.mark.parametrize("at_once", [96, 40])
@pytest.mark.parametrize("asked", [[0, 1, 2, 3], [2], [3, 0]])
def test_a_committee_looks_at_those_that_are_named_and_asks_its_leader_once(monkeypatch, asked, at_once):
    monkeypatch.setitem(ATOMS_AT_ONCE, "cpu", at_once)
    field, positions, expected = committee()
    field(positions, [0, 1, 2, 3])
    evaluated = []
    real = batched.surfaces
    monkeypatch.setattr(batched, "surfaces", lambda models, edges: evaluated.append(len(models)) or real(models, edges))
    found = field.disagreement(positions[asked], asked)
    np.testing.assert_allclose(found, [expected[walker] for walker in asked], rtol=1e-9)
    assert set(evaluated) == {2}


def test_a_look_at_another_state_disturbs_no_walker():
    field, positions, expected = committee()
    before = field(positions, [0, 1, 2, 3])
    (elsewhere,) = field.disagreement(positions[2][None] + 0.0, [-1])
    np.testing.assert_allclose(elsewhere, expected[2], rtol=1e-9)
    moved = positions + np.array([1.0, 0.0, 0.0])
    field.disagreement(moved[:1], [0])
    after = field(positions, [0, 1, 2, 3])
    np.testing.assert_array_equal(before.forces_eV_per_A, after.forces_eV_per_A)


def test_a_committee_of_one_has_no_disagreement_and_lost_atoms_have_no_number():
    alone, positions, _ = committee(1)
    alone(positions, [0, 1, 2, 3])
    assert alone.disagreement(positions, [0, 1, 2, 3]) is None
    field, positions, _ = committee()
    positions[1, 0, 0] = np.nan
    field(positions, [0, 1, 2, 3])
    found = field.disagreement(positions, [0, 1, 2, 3])
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2, 3]]).all()
