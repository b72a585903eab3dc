import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.dynamics import MDState, fresh_state

CRYSTAL = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


@given(seed=st.integers(0, 2**32 - 1), temperature_K=st.floats(1.0, 3000.0))
@settings(max_examples=30, deadline=None)
def test_a_fresh_state_has_no_total_momentum(seed, temperature_K):
    state = fresh_state(CRYSTAL, temperature_K, np.random.default_rng(seed))
    assert np.abs(state.momenta.sum(axis=0)).max() < 1e-12 * np.abs(state.momenta).sum()
    assert state.is_finite()


def test_fresh_momenta_are_maxwell_boltzmann():
    rng = np.random.default_rng(3)
    states = [fresh_state(CRYSTAL, 700.0, rng) for _ in range(2000)]
    temperatures = np.array([state.temperature() for state in states])
    spread = 700.0 * np.sqrt(2 / 21)
    assert temperatures.mean() == pytest.approx(700.0, abs=4 * spread / np.sqrt(2000))
    assert temperatures.std() == pytest.approx(spread, rel=0.08)
    kinetic = np.mean([(s.momenta**2).sum(axis=1) / (2 * CRYSTAL.get_masses()) for s in states], axis=0)
    light, heavy = kinetic[CRYSTAL.symbols == "Na"].mean(), kinetic[CRYSTAL.symbols == "Cl"].mean()
    mass = CRYSTAL.get_masses()
    expected = (1 - mass.min() / mass.sum()) / (1 - mass.max() / mass.sum())
    assert light / heavy == pytest.approx(expected, rel=0.04)


def test_a_state_survives_the_way_through_an_atoms_object():
    state = fresh_state(CRYSTAL, 300.0, np.random.default_rng(0))
    again = MDState.of(state.to_atoms())
    assert np.array_equal(again.positions_A, state.positions_A)
    assert np.array_equal(again.momenta, state.momenta)
    assert np.array_equal(again.cell_A, state.cell_A)
    assert again.volume() == pytest.approx(5.64**3)


@pytest.mark.parametrize("field", ["positions_A", "momenta", "cell_A"])
def test_one_bad_number_is_noticed(field):
    state = fresh_state(CRYSTAL, 300.0, np.random.default_rng(0))
    getattr(state, field)[0, 1] = np.nan
    assert not state.is_finite()
