import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from alloop.transport.conductivity import projector
from alloop.transport.diffusion import EVERYWHERE, diffusivity, first_lag, ion_walks_of, summed
from tests.support.walkers import TRICLINIC_A, flying, free_walk, hopping, visiting

TENSOR = np.array([[0.06, 0.01, 0.0], [0.01, 0.03, -0.01], [0.0, -0.01, 0.05]])
ISOTROPIC = 0.05 * np.eye(3)


def measured(paths, hop_A=2.0, within=EVERYWHERE):
    walks = ion_walks_of(paths, 1.0)
    start = first_lag(walks, hop_A)
    return diffusivity(walks, start, within), diffusivity(summed(walks), start, within, single=False)


def covered(results, truths):
    """The part of 68 % intervals that hold the truth, for each quantity."""
    values = np.array([[(fit.D_cm2_s, fit.se_cm2_s) for fit in fits] for fits in results]) * 1e4
    return np.mean(np.abs(values[..., 0] - truths) < values[..., 1], axis=0)


@pytest.mark.slow
def test_error_bars_of_walkers_in_a_triclinic_cell_cover_the_truth():
    """Tracer, plane and charge: 60 to 76 % of 300 repeats."""
    within = projector((1, 0, 1), TRICLINIC_A)
    results = []
    for seed in range(300):
        walks = ion_walks_of([free_walk(np.random.default_rng(seed), 300, 10, TENSOR)], 1.0)
        start = first_lag(walks, 1.5)
        charge = diffusivity(summed(walks), start, single=False)
        results.append((diffusivity(walks, start), diffusivity(walks, start, within), charge))
    truth = np.trace(TENSOR) / 3
    parts = covered(results, [truth, np.trace(within @ TENSOR) / 2, truth])
    assert (parts > 0.60).all(), parts
    assert (parts < 0.76).all(), parts


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 5])
def test_error_bars_of_hopping_ions_cover_the_truth(replicas):
    rate = 0.02
    results = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        results.append(measured([hopping(rng, 1000, 15, rate) for _ in range(replicas)]))
    truth = rate * 2.5**2 / 6
    parts = covered(results, [truth, truth])
    assert (parts > 0.60).all(), parts
    assert (parts < 0.78).all(), parts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("walk", "truth"),
    [
        (lambda rng: visiting(rng, 1000, 20, 2), 2 / 1000 * 25 / 6),
        (lambda rng: visiting(rng, 1000, 20, 5), 5 / 1000 * 25 / 6),
        (lambda rng: hopping(rng, 1000, 20, 0.02), 0.02 * 2.5**2 / 6),
        (lambda rng: free_walk(rng, 1000, 20, ISOTROPIC), 0.05),
    ],
    ids=["cages, 2 jumps", "cages, 5 jumps", "hops", "free"],
)
def test_good_fits_are_called_straight(walk, truth):
    """A note in 5 % of good fits: of 60, more than 6 by chance 3 % of the time."""
    fits = [measured([walk(np.random.default_rng(seed))])[0] for seed in range(60)]
    assert covered([[fit] for fit in fits], [truth])[0] > 0.6
    assert sum(not fit.linear for fit in fits) <= 6
    assert sum(fit.flight_ps > 0 for fit in fits) <= 6


@pytest.mark.slow
@pytest.mark.parametrize(("persistence", "lowest"), [(10, 0.97), (100, 0.92)])
def test_ions_that_keep_their_direction_are_fitted_once_they_forget_it(persistence, lowest):
    fits = [measured([flying(np.random.default_rng(seed), 2000, 20, persistence, 0.02)])[0] for seed in range(40)]
    assert lowest < np.mean([fit.D_cm2_s for fit in fits]) / 0.02e-4 < 1.03
    assert covered([[fit] for fit in fits], [0.02])[0] > 0.5
    assert np.mean([fit.flight_ps > 0 for fit in fits]) > 0.9


def test_a_walk_that_bends_is_not_called_straight():
    """Visits of a large box: the mean squared displacement levels off."""
    path = free_walk(np.random.default_rng(0), 2000, 40, ISOTROPIC)
    folded = np.abs((path + 8) % 32 - 16)
    fit, _ = measured([folded], 1.0)
    assert not fit.linear


def test_independent_parts_find_what_a_model_of_independent_ions_cannot():
    """Ions that move in fours have twice the error, and the larger of the two errors is the one given."""
    ratios, results = [], []
    for seed in range(60):
        path = np.repeat(free_walk(np.random.default_rng(seed), 800, 5, ISOTROPIC), 4, axis=1)
        fit, _ = measured([path])
        ratios.append(fit.se_groups_cm2_s / fit.se_model_cm2_s)
        results.append((fit,))
        assert fit.se_cm2_s == max(fit.se_groups_cm2_s, fit.se_model_cm2_s)
    assert 1.6 < np.median(ratios) < 2.4
    assert 0.5 < covered(results, [0.05])[0] < 0.8


def test_plane_of_a_tilted_monoclinic_cell_is_not_cartesian_xy():
    a, b, c, beta = 7.0, 8.0, 6.0, np.radians(110.0)
    upright = np.array([[a, 0, 0], [0, b, 0], [c * np.cos(beta), 0, c * np.sin(beta)]])
    turn = Rotation.from_euler("xyz", [40, -25, 70], degrees=True).as_matrix()
    cell = upright @ turn.T
    # In the upright cell ab is the plane z = 0, so the truth there is (0.08 + 0.04) / 2; ac is y = 0.
    tensor = turn @ np.diag([0.08, 0.04, 0.01]) @ turn.T
    walks = ion_walks_of([free_walk(np.random.default_rng(1), 4000, 60, tensor)], 1.0)
    start = first_lag(walks, 2.0)
    for miller, truth in (((0, 0, 1), 0.06), ((0, 1, 0), 0.045), ((0, 0, 2), 0.06)):
        fit = diffusivity(walks, start, projector(miller, cell))
        assert fit.D_cm2_s * 1e4 == pytest.approx(truth, abs=3 * fit.se_cm2_s * 1e4)
        assert fit.se_cm2_s < 0.03 * fit.D_cm2_s
    cartesian = diffusivity(walks, start, np.diag([1.0, 1.0, 0.0])).D_cm2_s * 1e4
    assert abs(cartesian - 0.06) > 0.006


def test_ions_that_move_as_one_have_a_haven_ratio_of_one_over_their_number():
    ions = 12
    path = np.repeat(free_walk(np.random.default_rng(0), 2000, 1, ISOTROPIC), ions, axis=1)
    walks = ion_walks_of([path + np.arange(ions)[:, None]], 1.0)
    start = first_lag(walks, 2.0)
    assert summed(walks).msd()[1:] == pytest.approx(ions * walks.msd()[1:], rel=1e-6)
    tracer, charge = diffusivity(walks, start), diffusivity(summed(walks), start, single=False)
    assert tracer.D_cm2_s / charge.D_cm2_s == pytest.approx(1 / ions, rel=0.05)
    # Twelve ions that move as one are one ion: the errors say so.
    assert tracer.se_cm2_s / tracer.D_cm2_s == pytest.approx(charge.se_cm2_s / charge.D_cm2_s, rel=0.5)


def test_ions_that_move_alone_have_a_haven_ratio_of_one():
    tracer, charge = measured([free_walk(np.random.default_rng(s), 4000, 20, ISOTROPIC) for s in range(5)])
    relative = charge.se_cm2_s / charge.D_cm2_s
    assert relative < 0.06
    assert tracer.D_cm2_s / charge.D_cm2_s == pytest.approx(1.0, abs=3 * relative)


def test_a_cage_before_diffusion_is_not_taken_for_diffusion():
    rng = np.random.default_rng(0)
    caged = rng.normal(scale=0.6, size=(4000, 40, 3)) + free_walk(rng, 4000, 40, 0.01 * np.eye(3))
    fit, _ = measured([caged])
    assert fit.D_cm2_s * 1e4 == pytest.approx(0.01, abs=3 * fit.se_cm2_s * 1e4)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_nothing_depends_on_orientation_origin_order_or_choice_of_cell(seed):
    rng = np.random.default_rng(seed)
    path = free_walk(rng, 250, 6, TENSOR)
    turn = Rotation.random(random_state=seed).as_matrix()
    other_cell = np.array([[1, 0, 0], [0, 1, 0], [2, -1, 3]])
    miller = np.array([1, 2, 0])

    def of(positions, indices, cell):
        tracer, charge = measured([positions], 1.0)
        plane, _ = measured([positions], 1.0, projector(tuple(indices), cell))
        return [getattr(fit, name) for fit in (tracer, charge, plane) for name in ("D_cm2_s", "se_cm2_s")]

    plain = of(path, miller, TRICLINIC_A)
    moved = (path[:, rng.permutation(6)] + rng.uniform(-50, 50, (6, 3))) @ turn.T
    assert of(moved, other_cell @ miller, other_cell @ TRICLINIC_A @ turn.T) == pytest.approx(plain, rel=1e-6)
