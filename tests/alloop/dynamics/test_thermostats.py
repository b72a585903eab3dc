"""A Lennard-Jones fluid in every ensemble: temperature, its fluctuation, what is conserved, and diffusion."""

import functools

import numpy as np
import pytest

from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.integrators import Langevin
from alloop.dynamics.phase import Phase, on_host
from alloop.dynamics.production import begin, limits_of, produce
from alloop.dynamics.recorder import ProductionSettings, energy_drift
from tests.support.potentials import LennardJones, argon

REPLICAS, TEMPERATURE_K = 10, 180.0
ATOMS = argon()
FIELD = LennardJones(float(ATOMS.cell.lengths()[0]))
SEEDS = tuple(range(REPLICAS))
TEMPERATURES_K = (TEMPERATURE_K,) * REPLICAS


def settings(ensemble):
    return ProductionSettings(
        ensemble=ensemble,
        timestep_fs=12.0,
        thermostat_fs=300.0,
        equilibration_steps=400,
        steps=2400,
        sample_every_steps=12,
        snapshot_every=50,
        stop_temperature_factor=10.0,
        stop_contact=0.1,
    )


@functools.cache
def equilibrated():
    points, stopped = begin(ATOMS, TEMPERATURES_K, SEEDS, FIELD, settings("nose_hoover"))
    assert stopped == {}
    return points


@functools.cache
def trajectories(ensemble):
    runs = produce(ATOMS, np.arange(32), TEMPERATURES_K, SEEDS, equilibrated(), FIELD, settings(ensemble))
    assert {run.ended for run in runs.values()} == {"length"}
    return [runs[walker].trajectory for walker in SEEDS]


def diffusivities(paths_A, interval_ps):
    """Slope of the mean squared displacement from 1.5 to 5 ps over 6, by all origins (Å²/ps)."""
    lags = np.arange(round(1.5 / interval_ps), round(5.0 / interval_ps))
    found = []
    for path in paths_A:
        path = path.astype(float)
        msd = [((path[lag:] - path[:-lag]) ** 2).sum(axis=2).mean() for lag in lags]
        found.append(np.polyfit(lags * interval_ps, msd, 1)[0] / 6.0)
    return np.array(found)


def diffusivity(ensemble):
    found = diffusivities([one.mobile_A for one in trajectories(ensemble)], 0.144)
    return found.mean(), found.std(ddof=1) / np.sqrt(REPLICAS)


@pytest.mark.parametrize("ensemble", ["bussi", "nose_hoover"])
def test_the_kinetic_temperature_has_the_mean_and_the_fluctuation_of_3n_minus_3_degrees_of_freedom(ensemble):
    kinetic = np.concatenate([one.kinetic_K for one in trajectories(ensemble)]) / TEMPERATURE_K
    assert kinetic.mean() == pytest.approx(1.0, abs=0.015)
    assert kinetic.var() == pytest.approx(2.0 / 93.0, rel=0.15)


@pytest.mark.parametrize("ensemble", ["nve", "bussi", "nose_hoover"])
def test_what_is_conserved_stays(ensemble):
    for one in trajectories(ensemble):
        assert abs(energy_drift(one)) < 0.02
        assert np.ptp(one.conserved_eV) / 32 < 3e-4


@pytest.mark.parametrize("ensemble", ["bussi", "nose_hoover"])
def test_diffusion_with_a_thermostat_is_that_without(ensemble):
    (free, error), (thermostatted, other_error) = diffusivity("nve"), diffusivity(ensemble)
    spread = np.hypot(error, other_error)
    assert spread < 0.1 * free
    assert abs(thermostatted - free) < 2.5 * spread


def test_langevin_friction_is_seen_in_diffusion_so_that_the_test_above_can_fail():
    points = equilibrated()
    phase = Phase.of([points[w] for w in SEEDS], SEEDS, ATOMS.get_masses(), TEMPERATURES_K, SEEDS, FIELD)
    batch, path = WalkerBatch(phase, FIELD, limits_of(ATOMS, TEMPERATURES_K, settings("nve"))), []
    for _ in range(100):
        batch.run(Langevin(12.0, 300.0), 12.0, 12)
        path.append(on_host(phase.positions_A))
    slow = diffusivities(np.swapaxes(path, 0, 1), 0.144)
    free, error = diffusivity("nve")
    assert slow.mean() + 3 * np.hypot(error, slow.std(ddof=1) / np.sqrt(REPLICAS)) < free
