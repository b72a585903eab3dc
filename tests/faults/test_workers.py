"""Workers lost from outside, and their files damaged, while a campaign runs and before it is continued."""

import json

import pytest

from alloop.status.task_words import task_words
from tests.support.campaigns import THREADS, attempts, folded, left_behind, run, write_config
from tests.support.driving import QUICK, driving, labelled, losses, many_first_labels
from tests.support.victims import kill_one, living
from tests.support.waiting import wait_for

LABELS = 8


def config_in(folder, pause_s, execution=QUICK):
    arguments = {"pause_s": pause_s}
    label = {"engine": "ase", "calculator": "tests.support.slow_labels:SlowEMT", "arguments": arguments}
    sections = many_first_labels(LABELS) | {"ladder": {"rungs": [LABELS], "fits": 2}}
    return write_config(folder, execution=execution, label=label, **sections)


def labels_in_flight(state):
    return [task for task in state.running.values() if task.task == "label"]


@pytest.mark.slow
def test_what_workers_finish_after_their_manager_was_killed_is_taken_and_a_lost_block_costs_its_tasks_little(tmp_path):
    folder = tmp_path / "campaign"
    with driving(config_in(tmp_path / "config", 1.0), folder) as driver:
        driver.until(lambda state: len(labels_in_flight(state)) == 2 and len(attempts(folder, "label")) == 2)
        kill_one(folder, "manager")
        driver.until(labelled(2))
        assert losses(folder) == []
        assert set(attempts(folder, "label").values()) == {1}
        driver.until(lambda state: len(attempts(folder, "label")) == 4)
        for process in [*living(folder, "manager"), *living(folder, "worker")]:
            process.kill()
        driver.until(labelled(4))
    assert driver.code == 130, driver.output
    events = losses(folder)
    assert [event.cost for event in events] == [0.25, 0.25]
    for event in events:
        assert f"{task_words(event.purpose)}: an attempt is lost and made again (the workers on" in driver.output
        assert attempts(folder, "label")[event.key] == 2
    assert "are gone: killed, out of time" in driver.output
    assert driver.left == []


def test_a_result_that_is_cut_off_before_the_driver_reads_it_is_computed_again(tmp_path):
    folder = tmp_path / "campaign"
    with driving(config_in(tmp_path / "config", 1.0), folder) as driver:
        driver.until(lambda state: len(attempts(folder, "label")) >= 2)
        (process,) = living(folder, "driver")
        process.suspend()
        results = folder / "results" / "label"
        assert wait_for(lambda: results.is_dir() and list(results.glob("[0-9a-f]*.json")), 60)
        damaged = sorted(results.glob("[0-9a-f]*.json"))[0]
        damaged.write_bytes(damaged.read_bytes()[:-40])
        process.resume()
        driver.until(
            lambda state: any(task.key == damaged.stem and task.status == "ok" for task in state.tasks.values())
        )
    (event,) = [event for event in losses(folder) if event.key == damaged.stem]
    assert event.error == "the worker left no result, or a damaged one"
    assert attempts(folder, "label")[damaged.stem] == 2
    assert not folded(folder).failures


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    root = tmp_path_factory.mktemp("stopped")
    config = config_in(root / "config", 0.2, THREADS)
    with driving(config, root / "campaign") as driver:
        driver.until(labelled(LABELS))
    return config, root / "campaign"


@pytest.mark.slow
def test_labels_that_rotted_between_two_runs_come_back_from_the_journal_and_are_not_bought_again(stopped):
    config, folder = stopped
    first, second, third = sorted((folder / "results" / "label").glob("*.json"))[:3]
    before = {path: path.read_bytes() for path in (first, second, third)}
    first.write_bytes(before[first][: len(before[first]) // 2])
    second.write_bytes(before[second].replace(b'"energy_eV":', b'"energy_eV":1', 1))
    third.unlink()
    code, output = run(config, folder)
    assert code == 0, output
    assert {path: path.read_bytes() for path in before} == before
    assert set(attempts(folder, "label").values()) == {1}
    assert len(json.loads((folder / "export" / "README.json").read_text())) > 0
    assert left_behind(folder) == []
