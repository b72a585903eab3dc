"""A campaign that an earlier alloop left half-way is finished by this one, and nothing is computed twice."""

from collections import Counter

import pytest

from alloop.journal.events import TaskFinished, TaskPlanned
from alloop.journal.journal import read_entries
from alloop.state.fold import fold
from tests.support.campaigns import attempts, left_behind, run
from tests.support.earlier import unpack

pytestmark = pytest.mark.slow


def test_it_goes_on_to_its_verdict(tmp_path):
    config, folder = unpack(tmp_path)
    before = [entry.event for entry in read_entries(folder)]
    done = {event.purpose for event in before if isinstance(event, TaskFinished)}
    code, output = run(config, folder)
    assert code == 0, output
    after = [entry.event for entry in read_entries(folder)]
    assert after[: len(before)] == before
    planned = Counter(event.purpose for event in after if isinstance(event, TaskPlanned))
    assert {planned[purpose] for purpose in done} == {1}
    keys = {event.key for event in before if isinstance(event, TaskFinished)}
    assert not keys & set(attempts(folder, "label"))
    state = fold(read_entries(folder))
    assert state.verdict.verdict in ("converged", "ladder_exhausted")
    assert sorted(state.rungs) == [4, 8]
    assert "dataset.extxyz" in output
    assert left_behind(folder) == []
