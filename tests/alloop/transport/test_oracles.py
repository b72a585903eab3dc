"""Other programs on the same trajectory."""

import numpy as np
import pytest

from alloop.transport.diffusion import diffusivity, first_lag, ion_walks_of, summed
from tests.support.walkers import TRICLINIC_A, free_walk

FRAMES, IONS, D_A2_FS = 600, 12, 1e-3
STEP_FS = 50.0


@pytest.fixture(scope="module")
def path():
    return free_walk(np.random.default_rng(3), FRAMES, IONS, D_A2_FS * STEP_FS * np.eye(3))


@pytest.fixture(scope="module")
def walks(path):
    return ion_walks_of([path], STEP_FS / 1000.0)


def test_kinisi_finds_the_same_mean_squared_displacements_and_diffusivity(path, walks):
    import scipp as sc
    from kinisi.diffusion import Diffusion
    from kinisi.displacement import calculate_msd
    from kinisi.parser import Parser

    start = first_lag(walks, 2.0)
    lags = np.unique(np.linspace(start, FRAMES - 1, 60).astype(int))
    parser = Parser(
        coords=sc.array(dims=["time", "particle", "dimension"], values=path @ np.linalg.inv(TRICLINIC_A) % 1.0),
        latt=sc.array(
            dims=["time", "row", "column"], values=np.tile(TRICLINIC_A, (FRAMES, 1, 1)), unit=sc.units.angstrom
        ),
        time_step=sc.scalar(STEP_FS, unit="fs"),
        step_skip=sc.scalar(1),
        dt=sc.array(dims=["time interval"], values=lags * STEP_FS, unit="fs"),
        specie_indices=sc.array(dims=["particle"], values=np.arange(IONS)),
        drift_indices=sc.array(dims=["particle"], values=np.array([], dtype=int)),
    )
    found = calculate_msd(parser, progress=False)
    theirs = found["da"].data.values
    near = lags[: len(theirs)] <= walks.longest
    assert np.allclose(theirs[near], walks.msd()[lags[: len(theirs)][near]], rtol=1e-6)
    posterior = Diffusion(found)
    posterior.bayesian_regression(
        start_dt=sc.scalar(start * STEP_FS, unit="fs"),
        n_samples=300,
        n_walkers=16,
        progress=False,
        random_state=np.random.RandomState(0),
    )
    their_D = posterior.gradient.values / 6 / 10  # Å²/fs to cm²/s
    ours = diffusivity(walks, start)
    assert ours.D_cm2_s == pytest.approx(their_D.mean(), abs=2 * np.hypot(their_D.std(), ours.se_cm2_s))
    assert 0.3 < ours.se_cm2_s / their_D.std() < 2.0


def test_pymatgen_finds_the_same_tracer_and_charge_displacements(path, walks):
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
    from pymatgen.core import Lattice, Structure

    lattice = Lattice(TRICLINIC_A)
    rest = path[:, 0] * 0.0
    structure = Structure(lattice, ["Li"] * IONS + ["Cl"], np.vstack([path[0] @ lattice.inv_matrix, rest[:1]]))
    moved = np.concatenate([path - path[0], rest[:, None]], axis=1).transpose(1, 0, 2)
    theirs = DiffusionAnalyzer(structure, moved, "Li", 600.0, STEP_FS, step_skip=1, smoothed="max", min_obs=IONS)
    lags = np.rint(np.asarray(theirs.dt) / STEP_FS).astype(int)
    near = (lags > 0) & (lags <= walks.longest)
    assert near.sum() > 50
    assert theirs.msd[near] == pytest.approx(walks.msd()[lags[near]], rel=1e-6)
    assert theirs.mscd[near] == pytest.approx(summed(walks).msd()[lags[near]], rel=1e-6)
    start = first_lag(walks, 2.0)
    ours, charge = diffusivity(walks, start), diffusivity(summed(walks), start, single=False)
    assert ours.D_cm2_s == pytest.approx(theirs.diffusivity, abs=4 * ours.se_cm2_s)
    assert charge.D_cm2_s == pytest.approx(theirs.chg_diffusivity, abs=4 * charge.se_cm2_s)
