from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.transport.density import (
    DensitySettings,
    number_density,
    paths_of,
    smeared,
    standard_lattice,
    summarise,
    wrapped,
)
from tests.support.hoppers import CUBIC, LEANING, hopping

PLAIN = DensitySettings(resolution_A=0.5, smear_A=0.0)
SMEARED = DensitySettings(resolution_A=0.4, smear_A=0.3)


def density_of(runs, chosen=SMEARED, start=None):
    paths = paths_of(runs, chosen.skip_ps, start)
    return paths, number_density(paths, chosen)


@pytest.mark.parametrize("chosen", [PLAIN, SMEARED])
def test_the_integral_over_the_cell_is_the_number_of_ions(chosen):
    story = hopping(cell=LEANING)
    paths, grid = density_of([story.run], chosen)
    voxel = story.run.volume / grid.size
    assert grid.sum() * voxel == pytest.approx(story.run.mobile.size, rel=1e-9)
    told = summarise(grid, paths, chosen)
    assert told.ions == story.run.mobile.size
    assert told.level_per_A3 == pytest.approx(told.ions * 1e-4)
    assert told.level_probability_per_A3 == pytest.approx(1e-4)
    assert 0 < told.volume_inside < 0.6
    assert told.ions_inside > 0.95
    assert told.mean_per_A3 == pytest.approx(told.ions / story.run.volume)


def test_of_several_mobile_elements_one_has_the_density():
    story = hopping(samples=100)
    numbers = story.run.numbers.copy()
    numbers[:8] = 11
    run = replace(story.run, numbers=numbers)
    assert paths_of([run], 0.0, story.start).element == "Na"
    assert paths_of([run], 0.0, story.start).ions == 8
    lithium = paths_of([run], 0.0, story.start, "Li")
    alone = paths_of([story.run], 0.0, story.start)
    np.testing.assert_array_equal(lithium.scaled[0], alone.scaled[0][:, 8:])
    np.testing.assert_array_equal(lithium.hosts, alone.hosts[8:])
    with pytest.raises(ValueError, match="no mobile K"):
        paths_of([run], 0.0, story.start, "K")


def test_a_still_ion_stands_on_its_grid_point():
    story = hopping(samples=20, rate=0.0, rattle_A=0.0)
    _, grid = density_of([story.run], PLAIN, story.start)
    places = np.argwhere(grid > 0) / np.array(grid.shape)
    apart = standard_lattice(story.run.cell_A).get_all_distances(places, story.hosts)
    assert len(places) == len(story.hosts)
    assert apart.min(axis=1).max() <= 0.5 * np.sqrt(3) * 0.56


def test_the_probability_density_is_that_of_pymatgen():
    from pymatgen.analysis.diffusion.aimd.pathway import ProbabilityDensityAnalysis
    from pymatgen.core import Structure

    story = hopping(samples=20, seed=4)
    paths, grid = density_of([story.run], replace(PLAIN, resolution_A=18 / 16), story.start)
    structure = Structure(paths.cell_A, ["Li"] * paths.ions, paths.hosts)
    oracle = ProbabilityDensityAnalysis(structure, paths.scaled[0], interval=18 / 16, species=("Li",)).Pr
    assert grid.shape == oracle.shape
    assert np.allclose(grid / paths.ions, oracle)


def test_framework_drift_does_not_smear():
    still = hopping(seed=3)
    drifting = hopping(seed=3, drift_A=(4.0, -3.0, 2.0))
    _, expected = density_of([still.run], SMEARED, still.start)
    _, found = density_of([drifting.run], SMEARED, drifting.start)
    assert np.abs(found - expected).max() < 0.03 * expected.max()
    _, smeared_out = density_of([replace(drifting.run, drift_A=np.zeros_like(drifting.run.drift_A))], SMEARED)
    assert smeared_out.max() < 0.5 * expected.max()


def test_runs_whose_frameworks_stand_apart_are_laid_on_each_other():
    here, there = hopping(seed=1), hopping(seed=2, offset_A=(1.7, 5.9, -2.2))
    _, one = density_of([here.run], SMEARED, here.start)
    _, both = density_of([here.run, there.run], SMEARED, here.start)
    assert both.max() > 0.9 * one.max()


def test_folding_back_to_the_unit_cell_adds_up():
    story = hopping(seed=5)
    folding = replace(SMEARED, repeat=(2, 2, 2))
    paths, grid = density_of([story.run], folding, story.start)
    ions = len(story.run.mobile) / 8
    assert grid.sum() * story.run.volume / 8 / grid.size == pytest.approx(ions)
    told = summarise(grid, paths, folding)
    assert told.ions == ions
    assert np.allclose(np.array(told.cell_A) * 2, story.run.cell_A)


@given(st.lists(st.floats(-3, 3), min_size=9, max_size=9), st.floats(0.8, 1.6))
@settings(max_examples=15, deadline=None)
def test_smearing_is_round_and_keeps_the_integral(skew, width_A):
    cell = np.eye(3) * 14.0 + np.array(skew).reshape(3, 3)
    grid = np.zeros((30, 30, 30))
    grid[0, 0, 0] = 1.0
    wide = smeared(grid, cell, width_A)
    assert wide.sum() == pytest.approx(1.0)
    index = np.array(list(np.ndindex(*grid.shape))) / 30
    away = np.array([(index + shift - 1) @ cell for shift in np.ndindex(3, 3, 3)])
    away = away[np.argmin((away**2).sum(axis=2), axis=0), np.arange(len(index))]
    second = np.einsum("n,ni,nj->ij", wide.ravel(), away, away)
    assert np.allclose(second, width_A**2 * np.eye(3), atol=0.03 * width_A**2)


def test_time_can_be_cut_off_the_beginning():
    story = hopping(samples=200)
    half = story.run.length_ps / 2
    assert paths_of([story.run], half).length_ps == pytest.approx(half, abs=0.02)
    with pytest.raises(ValueError, match="nothing left"):
        paths_of([story.run], story.run.length_ps + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature_K": 700.0}, "one temperature"),
        ({"cell_A": CUBIC * 1.02}, "one cell"),
        ({"mobile": np.array([0])}, "different atoms"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(change, words):
    run = hopping(samples=20).run
    with pytest.raises(ValueError, match=words):
        paths_of([run, replace(run, **change)])


def test_coordinates_just_below_zero_stay_in_the_cell():
    assert wrapped(np.array([-1e-18, 1.0, 0.25])).max() < 1.0


def test_large_cells_get_a_coarser_grid():
    run = hopping(samples=20).run
    large = replace(run, cell_A=run.cell_A * 4)
    _, grid = density_of([large], replace(PLAIN, resolution_A=0.1))
    assert grid.size <= 1_000_000
