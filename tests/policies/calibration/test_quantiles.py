import numpy as np

from policies.calibration.quantiles import next_below, weighted_quantile


def test_a_weighted_quantile():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 8.0, 1.0])
    assert [weighted_quantile(values, weights, level) for level in (0.5, 0.8, 0.85, 0.95)] == [1.0, 1.0, 2.0, 3.0]


def test_the_next_value_is_below_the_level_with_the_probability_asked_for():
    rng, level = np.random.default_rng(0), next_below(0.9, 16)
    values = rng.exponential(size=(4000, 17))
    bounds = [weighted_quantile(row[:16], np.ones(16), level) for row in values]
    assert 0.9 <= np.mean(values[:, 16] <= bounds) < 0.955
