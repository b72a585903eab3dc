import numpy as np
import pytest

from policies.stopping.learning_curve import forecast


def test_the_third_rung_of_a_real_campaign_lies_within_the_forecast_from_the_first_two():
    """Held-out force and energy RMSE (meV/Å, meV/atom) of docs/li3incl6.md at 25, 50 and 100 labels."""
    for errors in ((52.1, 39.5, 35.8), (8.3, 4.60, 2.60)):
        found = forecast([25, 50], errors[:2], 100)
        assert found.low <= errors[2] <= found.high


@pytest.mark.parametrize("rungs", [2, 3, 4])
def test_the_interval_holds_the_next_rung_in_about_nine_of_ten_ladders(rungs):
    rng = np.random.default_rng(rungs)
    sizes = [12 * 2**number for number in range(rungs + 1)]
    held = 0
    for _ in range(1000):
        exponent = rng.uniform(0.1, 0.6)
        errors = [np.exp(4 - exponent * np.log(size) + rng.normal(0, 0.06)) for size in sizes]
        found = forecast(sizes[:-1], errors[:-1], sizes[-1])
        held += found.low <= errors[-1] <= found.high
    assert 800 <= held <= 970


def test_more_rungs_make_a_narrower_forecast_and_further_ones_a_wider():
    sizes, errors = [12, 24, 48, 96], [40.0, 32.0, 26.0, 21.0]

    def width(rungs: int, at: int) -> float:
        found = forecast(sizes[:rungs], errors[:rungs], at)
        return np.log(found.high / found.low)

    assert width(4, 192) < width(2, 48)
    assert width(4, 192) < width(4, 384)


@pytest.mark.parametrize(
    ("sizes", "errors"), [([12], [40.0]), ([12, 24], [40.0, np.nan]), ([], []), ([0, 24], [50, 40])]
)
def test_one_rung_forecasts_nothing(sizes, errors):
    assert forecast(sizes, errors, 48) is None
