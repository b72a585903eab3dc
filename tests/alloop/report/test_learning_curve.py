from __future__ import annotations

from types import SimpleNamespace

import pytest

from alloop.report.learning_curve import leader_errors, learning_curve
from alloop.state.fold import fold
from tests.support.journals import play


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    entries = play(tmp_path_factory.mktemp("campaign"))
    return fold(entries), entries


def test_learning_curve_has_rungs_with_error_bars(campaign):
    state, _ = campaign
    forces, energy = learning_curve(state)["data"]
    assert forces["x"] == energy["x"] == [12, 24, 48]
    assert forces["y"] == pytest.approx([115.85, 81.98, 78.19], abs=0.01)
    assert all(0 < error < value for error, value in zip(forces["error_y"]["array"], forces["y"], strict=True))


def test_learning_curve_shows_leaders_that_were_evaluated(campaign):
    state, entries = campaign
    state = fold(entries)
    errors = next(iter(state.evaluations.values()))
    leader = state.generations[2]
    state.evaluations[leader.models[0], 12] = errors
    names = [trace["name"] for trace in learning_curve(state)["data"]]
    assert names.count("leaders between rungs") == 2
    ((labels, force, energy),) = leader_errors(state)
    assert labels == 14
    assert force > energy > 0


def test_random_subsets_stand_beside_the_rungs_where_they_are_judged(campaign):
    state = fold(campaign[1])
    state.subsets_judged = SimpleNamespace(table=state.judged[-1].table)
    rungs, _, random, _ = learning_curve(state)["data"]
    assert random["name"] == "random subsets of all labels"
    assert random["y"] == rungs["y"][-len(random["y"]) :]
    assert (rungs["line"].get("dash"), random["line"]["dash"]) == (None, "dash")
