"""A campaign folder that an earlier alloop wrote is read as it was."""

import json
import time

import pytest

from alloop.campaign.trusted_requests import trusted_request
from alloop.commands.outputs import write_export, write_report
from alloop.config.loading import load_config
from alloop.decisions.charter import Charter
from alloop.journal.events import TaskFinished, TaskPlanned
from alloop.journal.journal import read_entries
from alloop.reading import read
from alloop.report.core_time import time_split
from alloop.state.fold import fold
from alloop.status.summary import summary
from alloop.tasks.registry import request_from_json
from alloop.tasks.workspace import Workspace
from tests.support.earlier import STATUS, unpack


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return unpack(tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def entries(earlier):
    return list(read_entries(earlier[1]))


def test_its_status_is_the_same(entries):
    told = json.loads(json.dumps(summary(fold(entries), time.time(), time_split(entries)).to_json()))
    assert told["core_seconds"].pop("teaching") == 0.0
    assert [told["calibration"].pop(name) for name in ("heldout", "elements_in_use")] == [0, []]
    assert told["labels"].pop("shattered") == 1
    assert told["walkers"].pop("swaps") == []
    assert {name: told[name] for name in STATUS if name != "driver"} == {
        name: value for name, value in STATUS.items() if name != "driver"
    }


def test_every_request_of_its_journal_has_the_key_it_had(entries):
    planned = [entry.event for entry in entries if isinstance(entry.event, TaskPlanned)]
    assert {event.task for event in planned} >= {"atom", "initial", "explore", "label", "fit", "produce", "select"}
    for event in planned:
        request = request_from_json(event.task, event.request)
        assert request.key() == event.key, event.purpose
        # Fields that it lacks were added since, and the key shows that they mean nothing new.
        assert request.model_dump(mode="json", exclude_unset=True) == event.request, event.purpose


def test_all_its_results_are_verified(earlier, entries):
    workspace = Workspace(earlier[1])
    kinds = {entry.event.purpose: entry.event for entry in entries if isinstance(entry.event, TaskPlanned)}
    finished = [entry.event for entry in entries if isinstance(entry.event, TaskFinished)]
    assert len(finished) > 20
    for event in finished:
        assert workspace.has_verified(kinds[event.purpose].task, event.key), event.purpose


def test_what_was_running_may_go_on(earlier, entries):
    state = fold(entries)
    charter = Charter.of(state.created, load_config(earlier[0]).config)
    assert state.running
    for task in state.running.values():
        assert trusted_request(task, charter).key() == task.key


def test_it_has_a_report_and_exports_its_models(earlier, tmp_path):
    assert "rung" in write_report(read(earlier[1]), tmp_path / "report.html").read_text()
    written = {path.name for path in write_export(read(earlier[1]), tmp_path / "export")}
    assert {"dataset.extxyz", "leader.model"} <= written
