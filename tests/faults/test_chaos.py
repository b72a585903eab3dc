"""A campaign whose processes are killed at random instants ends as the undisturbed one does."""

import pytest

from tests.support.chaos import harass, table, undisturbed

KILLS = 6
SEED = 1


@pytest.mark.slow
def test_six_kills_at_random_lose_nothing_repeat_nothing_and_change_nothing(tmp_path):
    expected = undisturbed(tmp_path / "peace", SEED)
    report = harass(tmp_path, SEED, KILLS, expected)
    told = table([report])
    print(told)
    assert sum(report.kills().values()) == KILLS, told
    assert report.lost == 0, told
    assert report.beyond == 0, told
    assert report.integrity == "ok", told
    assert report.left == 0, told
    assert report.identical, told
