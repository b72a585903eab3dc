import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.stopping.clustered import Parts, error_bar, paired_error_bar, rmse


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
    for _ in range(2000):
        squared, _ = errors(rng, fits, walkers)
        values.append(rmse(squared))
        bars.append(error_bar(squared, names(walkers)).se)
    ratio = np.sqrt(np.mean(np.square(bars))) / np.std(values)
    assert 0.85 < ratio < 1.15, ratio


@pytest.mark.parametrize("both_sd", [0.02, 0.2], ids=["fits differ", "fits differ frame by frame"])
@pytest.mark.parametrize(("fits", "walkers"), [((2, 2), 4), ((3, 3), 8), ((2, 5), 12), ((5, 5), 20)])
def test_the_paired_error_bar_is_the_scatter_of_the_ratio(fits, walkers, both_sd):
    """Counted twice, what fits and walkers share made it 1.4 to 1.5 times too wide where fits differ frame by frame."""
    rng = np.random.default_rng(2)
    changes, bars = [], []
    for _ in range(2000):
        previous, hard = errors(rng, fits[0], walkers, both_sd=both_sd)
        last, _ = errors(rng, fits[1], walkers, hard=hard, scale=0.9, both_sd=both_sd)
        changes.append(rmse(last) / rmse(previous))
        bars.append(paired_error_bar(previous, last, names(walkers)).se / rmse(previous))
    ratio = np.sqrt(np.mean(np.square(bars))) / np.std(changes)
    assert 0.9 < ratio < 1.25, ratio


def test_pairing_cancels_the_difficulty_of_the_frames():
    rng = np.random.default_rng(3)
    previous, hard = errors(rng, 4, 10, fit_sd=0.01, both_sd=0.01, walker_sd=0.8)
    last, _ = errors(rng, 4, 10, fit_sd=0.01, both_sd=0.01, hard=hard, scale=0.5)
    assert paired_error_bar(previous, last, names(10)).se < 0.2 * error_bar(last, names(10)).se


def test_all_errors_times_a_number_change_for_certain():
    squared, _ = errors(np.random.default_rng(7), 3, 6, fit_sd=0, both_sd=0)
    assert paired_error_bar(squared, 4 * squared, names(6)).se == pytest.approx(0.0, abs=1e-12)


def test_many_frames_of_few_walkers_are_not_many_frames():
    hard = np.repeat([[0.0], [1.0]], 50, axis=1)
    squared, _ = errors(np.random.default_rng(4), 3, 2, 50, hard=hard)
    apart = tuple(map(str, range(100)))
    assert error_bar(squared, names(2, 50)).se > 3 * error_bar(squared, apart).se


def test_walkers_with_more_frames_weigh_more():
    calm, odd = np.ones((3, 20)), np.ones((3, 20))
    odd[:, :2] = 4.0
    few, many = ("a",) * 2 + ("b",) * 18, tuple(f"w{i // 2}" for i in range(20))
    assert error_bar(odd, few).se != pytest.approx(error_bar(odd, many).se)
    fits = np.array([[1.0], [1.1], [1.2]]) ** 2  # apart by a factor on every frame: no walker is special
    assert error_bar(calm * fits, few).se == pytest.approx(error_bar(calm * fits, many).se)
    assert error_bar(calm * fits, few).degrees == pytest.approx(2.0)


def test_the_spread_between_fits_is_in_the_error_bar():
    calm = np.ones((3, 20))
    assert error_bar(calm, names(5)).se == pytest.approx(0.0)
    spread = calm * np.array([[1.0], [1.1], [1.2]]) ** 2
    assert error_bar(spread, names(5)).se == pytest.approx(0.1 / 3**0.5, rel=0.05), "the standard error of their mean"


def test_the_degrees_are_those_of_what_makes_the_error():
    walkers = np.repeat(np.arange(1.0, 7), 4)[None, :].repeat(3, axis=0)
    assert error_bar(walkers, names(6)).degrees == pytest.approx(5.0)
    assert error_bar(np.ones((3, 24)), names(6)).degrees == 10 + 5 + 2


@pytest.mark.parametrize(("fits", "walkers"), [(1, 5), (3, 1), (1, 1)])
def test_no_error_bar_without_a_spread_to_see(fits, walkers):
    squared = np.ones((fits, 4 * walkers))
    assert np.isnan(error_bar(squared, names(walkers)).se)
    assert np.isnan(paired_error_bar(squared, squared, names(walkers)).se)


def test_models_without_any_error_are_certain():
    nothing = np.zeros((2, 8))
    assert error_bar(nothing, names(2)).se == 0
    assert paired_error_bar(nothing, nothing, names(2)).se == 0


def test_the_order_of_the_frames_does_not_matter():
    squared, _ = errors(np.random.default_rng(5), 3, 6)
    order = np.random.default_rng(6).permutation(24)
    shuffled = tuple(names(6)[i] for i in order)
    assert error_bar(squared, names(6)).se == pytest.approx(error_bar(squared[:, order], shuffled).se)


variances = st.floats(0, 10)


@given(crossed=variances, walkers=variances, fits=variances)
def test_a_variance_is_never_less_than_its_largest_part(crossed, walkers, fits):
    parts = Parts(crossed, walkers, fits, 22.0, 11.0, 2.0)
    assert parts.variance >= max(crossed, walkers, fits) - 1e-9
    assert 2.0 - 1e-9 <= parts.degrees <= 35.0 + 1e-9
