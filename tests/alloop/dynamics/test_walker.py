import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from alloop.dynamics import MDSettings, State, Walker, fresh_state, temperature_limit


class Springs(Calculator):
    """Every atom on a spring to its place relative to the mean position: harmonic, and free to move as a whole."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, places_A, spring=2.0):
        super().__init__()
        self.places_A = places_A - places_A.mean(axis=0)
        self.spring = spring

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        stretch = atoms.positions - atoms.positions.mean(axis=0) - self.places_A
        energy = 0.5 * self.spring * (stretch**2).sum()
        self.results = {"energy": energy, "forces": -self.spring * stretch, "stress": np.zeros(6)}


class ElasticGas(Calculator):
    """Free atoms in a cell whose volume costs energy: its volumes in the NPT ensemble are known exactly."""

    implemented_properties = ("forces", "stress")

    def __init__(self, bulk_modulus_eV_per_A3, volume_A3):
        super().__init__()
        self.bulk_modulus, self.volume_A3 = bulk_modulus_eV_per_A3, volume_A3

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        stress = self.bulk_modulus * (atoms.get_volume() / self.volume_A3 - 1)
        self.results = {
            "energy": np.nan,
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.array([stress] * 3 + [0.0] * 3),
        }

    def expected(self, atoms, kT_eV, pressure_eV_per_A3):
        """Mean and standard deviation of the volume: density V^(N-1) exp(-(U + PV)/kT), centre of mass at rest."""
        volumes = np.linspace(0.4, 2.0, 20_001) * self.volume_A3
        energy = self.bulk_modulus * (volumes - self.volume_A3) ** 2 / (2 * self.volume_A3)
        exponent = (atoms - 1) * np.log(volumes) - (energy + pressure_eV_per_A3 * volumes) / kT_eV
        weights = np.exp(exponent - exponent.max())
        mean = np.average(volumes, weights=weights)
        return mean, np.sqrt(np.average((volumes - mean) ** 2, weights=weights))


class Spoiled(Springs):
    """Springs that answer something else from the n-th evaluation on."""

    def __init__(self, places_A, after, value):
        super().__init__(places_A)
        self.after, self.value, self.calls = after, value, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.calls > self.after:
            self.results["forces"][0] = self.value


def molecule(temperature_K=600.0, seed=0):
    atoms = Atoms("Li3InCl6", positions=np.random.default_rng(1).uniform(0, 6, (10, 3)), cell=[6, 6, 6], pbc=True)
    return fresh_state(atoms, temperature_K, np.random.default_rng(seed))


def copper(repeat=(2, 2, 2), temperature_K=300.0, seed=0):
    return fresh_state(bulk("Cu", cubic=True).repeat(repeat), temperature_K, np.random.default_rng(seed))


def standard_error(series, blocks=20):
    means = np.array([block.mean() for block in np.array_split(np.asarray(series), blocks)])
    return means.std(ddof=1) / np.sqrt(blocks)


def settings(temperature_K=600.0, **other):
    return MDSettings(temperature_K, **{"timestep_fs": 2.0, "friction_per_fs": 0.02, "pressure_GPa": 0.0, **other})


def same(left: State, right: State) -> bool:
    names = ("positions_A", "momenta", "cell_A")
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def test_the_seed_decides_and_pieces_do_not_matter():
    how = MDSettings(400.0, 2.0, 0.01, 1.0)
    states = []
    for seed, pieces in ((5, (30,)), (5, (1, 12, 17)), (6, (30,))):
        walker = Walker(copper((1, 1, 1)), EMT(), how, seed)
        for steps in pieces:
            walker.run(steps)
        states.append(walker.state)
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@pytest.mark.parametrize(
    ("bulk_modulus_GPa", "pressure_GPa", "timestep_fs", "steps"), [(0.0, 0.53, 20.0, 8000), (20.0, 1.0, 5.0, 5000)]
)
def test_npt_samples_volumes_as_it_should(bulk_modulus_GPa, pressure_GPa, timestep_fs, steps):
    atoms, temperature_K, volume_A3 = 64, 600.0, 1000.0
    gas = Atoms(f"Cl{atoms}", positions=np.random.default_rng(0).uniform(0, 10, (atoms, 3)), cell=[10] * 3, pbc=True)
    start = fresh_state(gas, temperature_K, np.random.default_rng(1))
    calculator = ElasticGas(bulk_modulus_GPa * units.GPa, volume_A3)
    walker = Walker(start, calculator, MDSettings(temperature_K, timestep_fs, 0.005, pressure_GPa), seed=3)
    walker.run(500)
    volumes = []
    for _ in range(steps // 5):
        walker.run(5)
        volumes.append(walker.state.volume())
    mean, spread = calculator.expected(atoms, units.kB * temperature_K, pressure_GPa * units.GPa)
    assert walker.fault is None
    assert standard_error(volumes) < 0.2 * spread
    assert np.mean(volumes) == pytest.approx(mean, abs=4 * standard_error(volumes))
    assert np.std(volumes) == pytest.approx(spread, rel=0.25)


def test_npt_compresses_a_crystal_and_keeps_the_shape_of_its_cell():
    start = copper((1, 1, 1))
    walker = Walker(start, EMT(), MDSettings(300.0, 4.0, 0.02, 10.0), seed=2)
    walker.run(150)
    pressures = []
    for _ in range(350):
        walker.run(1)
        kinetic = 3 * units.kB * 300.0 / walker._atoms.get_volume()
        pressures.append((kinetic - walker._atoms.get_stress()[:3].mean()) / units.GPa)
    assert np.mean(pressures) == pytest.approx(10.0, abs=2.5)
    assert walker.state.volume() < 0.97 * start.volume()
    assert walker.state.cell_A / walker.state.cell_A[0, 0] == pytest.approx(start.cell_A / start.cell_A[0, 0])


@pytest.mark.parametrize(("atoms", "lowest", "highest"), [(2, 10, 20), (10, 4, 4.1), (1000, 4, 4)])
def test_the_temperature_limit_is_the_factor_except_in_tiny_cells(atoms, lowest, highest):
    assert lowest * 500.0 <= temperature_limit(500.0, 4.0, atoms) <= highest * 500.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_force_that_is_no_number_ends_the_run_at_its_step(value):
    start = molecule()
    walker = Walker(start, Spoiled(start.positions_A, 8, value), settings(), seed=0, memory=4)
    assert walker.run(50) == "nan"
    assert walker.steps == 8
    assert [step for step, _ in walker.recent] == [7, 6, 5, 4]
    assert all(state.is_finite() for _, state in walker.recent)
    assert walker.run(10) == "nan"
    assert walker.steps == 8
    assert np.isfinite(walker.mean_temperature)


def test_an_enormous_force_shows_as_temperature_at_its_step():
    start = molecule()
    how = settings(max_temperature_K=temperature_limit(600.0, 4.0, 10))
    walker = Walker(start, Spoiled(start.positions_A, 3, 1e4), how, seed=0)
    assert walker.run(50) == "temperature"
    assert walker.steps == 3


def test_a_bad_start_is_a_fault_before_the_first_step():
    start = molecule()
    walker = Walker(start, Spoiled(start.positions_A, 0, np.nan), settings(), seed=0)
    assert (walker.fault, walker.steps, walker.recent, walker.mean_temperature) == ("nan", 0, [], None)


@pytest.mark.parametrize("pressure_GPa", [-30.0, 2000.0])
def test_a_cell_that_runs_away_ends_the_run(pressure_GPa):
    walker = Walker(copper(), EMT(), MDSettings(300.0, 4.0, 0.01, pressure_GPa), seed=0, memory=1)
    assert walker.run(3000) == "volume"
    assert 0.4 < walker.state.volume() / copper().volume() < 2.5


def test_what_cannot_move_or_be_thermostatted_is_refused():
    with pytest.raises(ValueError, match="two atoms"):
        Walker(State.of(Atoms("Li", cell=[3] * 3, pbc=True)), EMT(), settings(), seed=0)
    with pytest.raises(ValueError, match="friction"):
        MDSettings(300.0, 1.0, 0.0)


def test_a_kick_that_would_throw_an_atom_away_is_seen_before_it_is_given():
    start = molecule()
    walker = Walker(start, Spoiled(start.positions_A, 0, 1e30), settings(), seed=0)
    assert walker.run(5) == "temperature"
    assert walker.steps == 0
    assert np.array_equal(walker.state.positions_A, start.positions_A)


def test_every_npt_segment_begins_with_a_thermal_piston():
    start, calculator = copper((1, 1, 1)), ElasticGas(0.0, 47.0)
    settings = MDSettings(300.0, 2.0, 0.01)
    pistons = [Walker(start, calculator, settings, seed)._dynamics for seed in range(400)]
    energies_eV = [piston.p_eps**2 / (2 * piston.barostat_mass) for piston in pistons]
    assert np.mean(energies_eV) == pytest.approx(units.kB * 300.0 / 2, rel=0.25)
