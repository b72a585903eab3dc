"""A campaign that is hit at random instants ends as the undisturbed one does."""

import pytest

from tests.support.chaos import harass, undisturbed
from tests.support.chaos_blows import VICTIMS, Blow
from tests.support.chaos_report import explain, table
from tests.support.raising import ERRORS
from tests.support.wild_labels import STRANGE, wrong_at

SEED = 1
LONGEST_S = 1.0


@pytest.mark.slow
def test_one_blow_for_every_kind_of_victim_loses_nothing_repeats_nothing_and_changes_nothing(tmp_path):
    expected = undisturbed(tmp_path / "peace", SEED)
    report = harass(tmp_path, SEED, len(VICTIMS), expected)
    told = f"{table([report])}\n{report.odd()}"
    print(told)
    assert report.kills() == len(VICTIMS), told
    assert report.wrong, told
    assert report.sound(), told


@pytest.mark.parametrize(
    ("times", "finished_t", "raised", "blows", "explained", "beyond"),
    [
        ([10.0], 10.5, 0, [], 0, 0),
        ([10.0, 20.0], 20.5, 0, [], 0, 1),
        ([10.0, 20.0], 20.5, 0, [Blow(10.2, "worker")], 1, 0),
        ([10.0, 20.0], 20.5, 0, [Blow(15.0, "worker")], 0, 1),
        ([10.0, 20.0], 20.5, 0, [Blow(5.0, "halt", 6.0)], 1, 0),
        ([10.0, 20.0], 20.5, 1, [], 0, 0),
        ([10.0, 20.0, 30.0], 30.5, 1, [Blow(20.2, "driver")], 1, 0),
        ([10.0, 20.0], None, 1, [], 0, 0),
        ([10.0, 20.0, 30.0], None, 1, [], 0, 1),
        ([10.0, 20.0], 10.5, 0, [Blow(10.2, "worker"), Blow(20.2, "worker")], 0, 1),
    ],
)
def test_an_attempt_is_explained_by_a_blow_that_can_have_broken_it(times, finished_t, raised, blows, explained, beyond):
    assert explain(times, finished_t, raised, blows, LONGEST_S) == (explained, beyond)


def test_the_wild_engine_goes_wrong_in_every_way_and_at_the_share_that_was_asked_for():
    found = [wrong_at([[number, 0.0, 0.0]], 0.5) for number in range(2000)]
    assert set(found) == {"", *ERRORS, *STRANGE}
    assert 900 < sum(map(bool, found)) < 1100
    assert {wrong_at([[number, 0.0, 0.0]], 0.0) for number in range(100)} == {""}
