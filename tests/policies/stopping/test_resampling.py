import numpy as np
import pytest

from policies.stopping.resampling import paired_standard_error, rmse, standard_error


def errors(rng, fits, walkers, per_walker=4, *, fit_sd=0.05, walker_sd=0.3, both_sd=0.05, scale=1.0, hard=None):
    """Squared errors with spread between fits, between walkers and between frames, and the walkers' difficulty."""
    hard = rng.normal(0, walker_sd, (walkers, 1)) + rng.normal(0, 0.3, (walkers, per_walker)) if hard is None else hard
    log = hard + rng.normal(0, fit_sd, (fits, 1, 1)) + rng.normal(0, both_sd, (fits, walkers, 1))
    return (scale * np.exp(log)).reshape(fits, -1) ** 2, hard


def names(walkers, per_walker=4):
    return tuple(f"w{i}" for i in range(walkers) for _ in range(per_walker))


@pytest.mark.parametrize(("fits", "walkers"), [(2, 3), (3, 8), (5, 20)])
def test_the_error_bar_is_the_scatter_between_repeated_campaigns(fits, walkers):
    rng = np.random.default_rng(1)
    values, bars = [], []
    for seed in range(400):
        squared, _ = errors(rng, fits, walkers)
        values.append(rmse(squared))
        bars.append(standard_error(squared, names(walkers), seed, resamples=200))
    ratio = np.sqrt(np.mean(np.square(bars))) / np.std(values)
    assert 0.85 < ratio < 1.35, ratio


@pytest.mark.parametrize(("fits", "walkers"), [(2, 3), (3, 8), (5, 20)])
def test_the_paired_error_bar_is_the_scatter_of_the_difference(fits, walkers):
    rng = np.random.default_rng(2)
    changes, bars = [], []
    for seed in range(400):
        previous, hard = errors(rng, fits, walkers)
        last, _ = errors(rng, fits, walkers, hard=hard, scale=0.95)
        changes.append(rmse(last) - rmse(previous))
        bars.append(paired_standard_error(previous, last, names(walkers), seed, resamples=200))
    ratio = np.sqrt(np.mean(np.square(bars))) / np.std(changes)
    assert 0.85 < ratio < 1.35, ratio


def test_pairing_cancels_the_difficulty_of_the_frames():
    rng = np.random.default_rng(3)
    previous, hard = errors(rng, 4, 10, fit_sd=0.01, both_sd=0.01, walker_sd=0.8)
    last, _ = errors(rng, 4, 10, fit_sd=0.01, both_sd=0.01, hard=hard)
    assert paired_standard_error(previous, last, names(10), 0) < 0.2 * standard_error(last, names(10), 0)


def test_many_frames_of_few_walkers_are_not_many_frames():
    hard = np.repeat([[0.0], [1.0]], 50, axis=1)
    squared, _ = errors(np.random.default_rng(4), 3, 2, 50, hard=hard)
    apart = tuple(map(str, range(100)))
    assert standard_error(squared, names(2, 50), 0) > 3 * standard_error(squared, apart, 0)


def test_the_spread_between_fits_is_in_the_error_bar():
    calm = np.ones((3, 20))
    spread = calm * np.array([[0.25], [1.0], [4.0]])
    assert standard_error(calm, names(5), 0) == pytest.approx(0.0)
    assert standard_error(spread, names(5), 0) > 0.3


@pytest.mark.parametrize(("fits", "walkers"), [(1, 5), (3, 1), (1, 1)])
def test_no_error_bar_without_a_spread_to_see(fits, walkers):
    squared = np.ones((fits, 4 * walkers))
    assert np.isnan(standard_error(squared, names(walkers), 0))
    assert np.isnan(paired_standard_error(squared, squared, names(walkers), 0))


def test_the_order_of_the_frames_and_the_call_do_not_matter():
    squared, _ = errors(np.random.default_rng(5), 3, 6)
    order = np.random.default_rng(6).permutation(24)
    shuffled = tuple(names(6)[i] for i in order)
    first = standard_error(squared, names(6), 9)
    assert first == standard_error(squared, names(6), 9)
    assert first == pytest.approx(standard_error(squared[:, order], shuffled, 9))
