import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixCom
from ase.md.langevinbaoab import LangevinBAOAB

from alloop.dynamics import fresh_state
from alloop.dynamics.barostat import Barostat
from alloop.dynamics.explorers import ExplorerBatch
from tests.support.potentials import ElasticGas, FromAse, LennardJones

FRICTION_PER_FS = 0.02


def copper():
    return bulk("Cu", cubic=True)


def explorers(atoms, field, temperatures_K, pressure_GPa=0.0, *, starts=None, **changes):
    if starts is None:
        starts = [fresh_state(atoms, t, np.random.default_rng(i)) for i, t in enumerate(temperatures_K)]
    standard = {
        "limits_K": [1e9] * len(starts),
        "seeds": range(5, 5 + len(starts)),
        "timestep_fs": 4.0,
        "friction_per_fs": FRICTION_PER_FS,
        "stop_contact": 0.0,
        "memory": 3,
    }
    barostat = Barostat(pressure_GPa, atoms.cell.array)
    return ExplorerBatch(starts, field, temperatures_K=temperatures_K, barostat=barostat, **{**standard, **changes})


def volumes_of(ours, walkers, steps, every):
    found = []
    for _ in range(steps // every):
        ours.run(every)
        found.append([ours.see(walker).state.volume() for walker in walkers])
    return np.array(found)


@pytest.mark.parametrize(
    ("bulk_modulus_GPa", "pressure_GPa", "volume_A3"),
    [(0.0, 5.0, 107.0), (20.0, 1.0, 1000.0)],
    ids=["ideal", "elastic"],
)
def test_volumes_and_temperatures_are_those_of_the_ensemble(bulk_modulus_GPa, pressure_GPa, volume_A3):
    atoms, temperature_K, walkers = 64, 600.0, 40
    side = volume_A3 ** (1 / 3)
    places = np.random.default_rng(0).uniform(0, side, (atoms, 3))
    gas = Atoms(f"Cl{atoms}", positions=places, cell=[side] * 3, pbc=True)
    field = ElasticGas(bulk_modulus_GPa * units.GPa, volume_A3)
    ours = explorers(gas, field, [temperature_K] * walkers, pressure_GPa, timestep_fs=20.0)
    ours.run(600)
    volumes = volumes_of(ours, range(walkers), 1500, 50)
    mean, spread = field.expected(atoms, units.kB * temperature_K, pressure_GPa * units.GPa)
    error = volumes.mean(axis=0).std(ddof=1) / np.sqrt(walkers)
    assert len(ours.walkers) == walkers
    assert error < 0.15 * spread
    assert volumes.mean() == pytest.approx(mean, abs=4 * error)
    assert volumes.std() == pytest.approx(spread, rel=0.12)
    assert np.mean([ours.mean_temperature(walker) for walker in range(walkers)]) == pytest.approx(600.0, rel=0.01)


class OneByOne(Calculator):
    """A potential for many walkers as an ASE calculator of one."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, field):
        super().__init__()
        self.field = field

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        found = self.field.answer(atoms.positions[None], [0], np.array([atoms.cell[0, 0] / self.field.length_A]))
        stress = [found.virials_eV[0] / (3 * atoms.get_volume())] * 3 + [0.0] * 3
        self.results = {"energy": found.energies_eV[0], "forces": found.forces_eV_per_A[0], "stress": np.array(stress)}


@pytest.mark.slow
def test_solid_argon_has_the_volumes_that_ases_piston_gives_it():
    atoms, temperature_K, pressure_GPa, walkers = bulk("Ar", "fcc", a=5.3, cubic=True).repeat(2), 50.0, 0.3, 16
    field = LennardJones(10.6, cut_A=4.9)
    ours = explorers(atoms, field, [temperature_K] * walkers, pressure_GPa, timestep_fs=10.0, friction_per_fs=0.002)
    ours.run(3000)
    volumes = volumes_of(ours, range(walkers), 6000, 10)
    theirs = np.array_split(volumes_under_piston(atoms, field, temperature_K, pressure_GPa, 12_000), 10)
    means = volumes.mean(axis=0), np.array([part.mean() for part in theirs])
    error = np.hypot(*(some.std(ddof=1) / np.sqrt(len(some)) for some in means))
    assert error < 0.25 * volumes.std()
    assert means[0].mean() == pytest.approx(means[1].mean(), abs=4 * error)
    assert volumes.std() == pytest.approx(np.concatenate(theirs).std(), rel=0.2)
    assert np.mean([ours.mean_temperature(walker) for walker in range(walkers)]) == pytest.approx(50.0, rel=0.02)


def volumes_under_piston(atoms, field, temperature_K, pressure_GPa, steps):
    """Return volumes of ASE's Langevin dynamics with a piston, whose pressure lacks the centre of mass's kT/V."""
    rng = np.random.default_rng(6)
    one = fresh_state(atoms, temperature_K, rng).to_atoms()
    one.set_constraint(FixCom())
    one.calc = OneByOne(field)
    external = pressure_GPa * units.GPa - units.kB * temperature_K / atoms.get_volume()
    settings = {"temperature_K": temperature_K, "T_tau": 500.0 * units.fs, "hydrostatic": True}
    settings |= {"externalstress": -external, "P_tau": 1000.0 * units.fs}
    run = LangevinBAOAB(one, 10.0 * units.fs, rng=rng, **settings)
    volumes = []
    for step in range(steps):
        run.step()
        if step >= 1000:
            volumes.append(one.get_volume())
    return np.array(volumes)


def test_a_cell_takes_its_atoms_with_it():
    places = np.random.default_rng(0).uniform(1, 5, (10, 3))
    atoms = Atoms("Cl10", positions=places, cell=[6] * 3, pbc=True)
    ours = explorers(atoms, ElasticGas(0.0, 216.0), [1e-6], 20.0)
    ours.run(50)
    state = ours.see(0).state
    factor = state.cell_A[0, 0] / 6
    assert factor < 0.99
    np.testing.assert_allclose(state.positions_A, factor * places, atol=1e-3)


def test_pressure_compresses_a_crystal_and_keeps_the_shape_of_its_cell():
    atoms = copper()
    ours = explorers(atoms, FromAse(atoms, EMT()), [300.0] * 2, 20.0)
    ours.run(200)
    volumes = volumes_of(ours, range(2), 100, 20)
    assert volumes.mean() < 0.95 * atoms.get_volume()
    for walker in range(2):
        cell_A = ours.see(walker).state.cell_A
        assert cell_A / cell_A[0, 0] == pytest.approx(atoms.cell.array / atoms.cell.array[0, 0])


def test_a_walker_does_the_same_alone_and_among_others_and_past_states_have_their_cells():
    atoms = copper()
    starts = [fresh_state(atoms, t, np.random.default_rng(i)) for i, t in enumerate((300.0, 900.0))]
    field = FromAse(atoms, EMT())
    together = explorers(atoms, field, [300.0, 900.0], starts=starts)
    together.run(30)
    alone = explorers(atoms, field, [900.0], starts=starts[1:], seeds=[6])
    alone.run(30)
    ours, theirs = together.see(1).state, alone.see(0).state
    np.testing.assert_allclose(ours.positions_A, theirs.positions_A, rtol=1e-12)
    np.testing.assert_allclose(ours.cell_A, theirs.cell_A, rtol=1e-12)
    (newest, now), (_, before), *_ = together.recent(1)
    assert newest == 30
    assert np.array_equal(now.cell_A, ours.cell_A)
    assert not np.array_equal(before.cell_A, now.cell_A)


@pytest.mark.parametrize("pressure_GPa", [-40.0, 3000.0])
def test_a_cell_that_runs_away_ends_its_walker(pressure_GPa):
    atoms = copper()
    ours = explorers(atoms, FromAse(atoms, EMT()), [300.0], pressure_GPa)
    sight = ours.run(3000)[0]
    assert sight.fault == "volume"
    assert 0.4 < sight.state.volume() / atoms.get_volume() < 2.5
    assert all(0.5 <= state.volume() / atoms.get_volume() <= 2.0 for _, state in ours.recent(0))


def test_cells_of_another_shape_are_refused():
    atoms = copper()
    other = atoms.copy()
    other.set_cell(atoms.cell.array * [1.0, 1.0, 1.1], scale_atoms=True)
    starts = [fresh_state(one, 300.0, np.random.default_rng(0)) for one in (atoms, other)]
    with pytest.raises(ValueError, match="same shape"):
        explorers(atoms, FromAse(atoms, EMT()), [300.0, 300.0], starts=starts)
