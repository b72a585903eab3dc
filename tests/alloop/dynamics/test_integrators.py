import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.verlet import VelocityVerlet as VelocityVerletOfAse
from scipy import stats

from alloop.dynamics.integrators import Bussi, Langevin, NoseHoover, VelocityVerlet
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import Phase
from alloop.dynamics.state import CHAIN, Point, fresh_state
from tests.support.potentials import Einstein, Free, FromAse

ZEROS = np.zeros(CHAIN)


def phase_of(atoms, field, temperatures_K):
    points = []
    for seed, temperature_K in enumerate(temperatures_K):
        state = fresh_state(atoms, temperature_K, generator(seed, "momenta"))
        points.append(Point(0, state.positions_A, state.momenta, ZEROS, ZEROS, 0.0))
    seeds = range(len(points))
    return Phase.of(points, seeds, atoms.get_masses(), temperatures_K, seeds, field)


def copper(seed=0):
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(2)
    atoms.symbols[3] = "Au"
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_velocity_verlet_is_that_of_ase_step_by_step():
    atoms = copper()
    field = FromAse(atoms, EMT())
    phase = phase_of(atoms, field, [600.0, 1200.0])
    theirs = [atoms.copy(), atoms.copy()]
    for row, one in enumerate(theirs):
        one.calc = EMT()
        one.set_momenta(phase.momenta[row].numpy())
    runs = [VelocityVerletOfAse(one, 3.0 * units.fs) for one in theirs]
    ours = VelocityVerlet(3.0)
    before = ours.conserved(phase)
    for _ in range(15):
        ours.step(phase, field)
        for row, run in enumerate(runs):
            run.run(1)
            np.testing.assert_allclose(phase.positions_A[row], theirs[row].positions, atol=1e-9)
            np.testing.assert_allclose(phase.momenta[row], theirs[row].get_momenta(), atol=1e-9)
            assert float(ours.conserved(phase)[row]) == pytest.approx(theirs[row].get_total_energy(), abs=1e-9)
    np.testing.assert_allclose(ours.conserved(phase), before, atol=0.02)


def test_the_energy_error_of_velocity_verlet_falls_with_the_square_of_the_step():
    atoms = copper()
    field = Einstein(atoms.positions.copy())
    errors = []
    for timestep_fs, steps in ((4.0, 100), (2.0, 200), (1.0, 400)):
        phase, ours = phase_of(atoms, field, [800.0]), VelocityVerlet(timestep_fs)
        energies = []
        for _ in range(steps):
            ours.step(phase, field)
            energies.append(float(ours.conserved(phase)[0]))
        errors.append(np.std(energies))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("method", [VelocityVerlet(2.0), Bussi(2.0, 50.0), NoseHoover(2.0, 50.0), Langevin(2.0, 50.0)])
def test_the_centre_of_mass_stays_where_it_is(method):
    atoms = copper()
    field = Einstein(bulk("Cu", "fcc", a=3.6, cubic=True).repeat(2).positions)
    phase = phase_of(atoms, field, [700.0])
    centre = atoms.get_masses() @ phase.positions_A[0].numpy()
    for _ in range(200):
        method.step(phase, field)
    np.testing.assert_allclose(phase.momenta.sum(axis=1), 0.0, atol=1e-10)
    np.testing.assert_allclose(atoms.get_masses() @ phase.positions_A[0].numpy(), centre, rtol=1e-10)


@pytest.mark.parametrize("atoms", [2, 3, 6])
def test_the_kinetic_energy_of_bussi_is_canonical_from_two_atoms_on(atoms):
    """Without forces nothing but the thermostat acts, and 2K/kT must be chi-square of 3N-3 degrees of freedom."""
    gas = copper()[:atoms]
    gas.set_masses(np.arange(1.0, atoms + 1.0))
    phase, ours = phase_of(gas, Free(), [300.0] * 60), Bussi(10.0, 20.0)
    drawn = []
    for step in range(1, 401):
        ours.step(phase, Free())
        if step % 20 == 0:
            drawn.append(2.0 * phase.kinetic_energies() / phase.kT_eV)
    assert stats.kstest(np.concatenate(drawn), "chi2", args=(3 * atoms - 3,)).pvalue > 0.01
    np.testing.assert_allclose(ours.conserved(phase), ours.conserved(phase_of(gas, Free(), [300.0] * 60)), atol=1e-9)


def test_bussi_with_an_endless_time_constant_is_velocity_verlet():
    atoms = copper()
    field = Einstein(atoms.positions.copy())
    one, other = phase_of(atoms, field, [500.0]), phase_of(atoms, field, [500.0])
    weak, none = Bussi(2.0, 1e22), VelocityVerlet(2.0)
    for _ in range(50):
        weak.step(one, field)
        none.step(other, field)
    np.testing.assert_allclose(one.positions_A, other.positions_A, atol=1e-6)


def test_a_nose_hoover_chain_conserves_its_energy_and_runs_back_in_time():
    atoms = copper()
    field = Einstein(atoms.positions.copy())
    phase, ours = phase_of(atoms, field, [500.0, 900.0]), NoseHoover(2.0, 40.0)
    ours.start(phase)
    positions, before = phase.positions_A, ours.conserved(phase)
    for _ in range(100):
        ours.step(phase, field)
    np.testing.assert_allclose(ours.conserved(phase), before, atol=0.005)
    assert (phase.energies_eV + phase.kinetic_energies() - before).abs().min() > 0.05
    phase.momenta = -phase.momenta
    phase.chain_rate = -phase.chain_rate
    for _ in range(100):
        ours.step(phase, field)
    np.testing.assert_allclose(phase.positions_A, positions, atol=1e-9)


def test_langevin_samples_the_potential_energy_of_an_einstein_crystal():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True)
    field = Einstein(atoms.positions.copy())
    phase, ours = phase_of(atoms, field, [400.0] * 300), Langevin(4.0, 50.0)
    potential = []
    for step in range(400):
        ours.step(phase, field)
        if step >= 100:
            potential.append(phase.energies_eV / phase.kT_eV)
    assert np.mean(potential) == pytest.approx(4.5, rel=0.04)
