"""What a label engine can do to its worker: each fault caused for real, with its outcome and message."""

import re

import pytest

from alloop.status.task_words import task_words
from tests.support.bad_labels import ALWAYS, order
from tests.support.campaigns import attempts, folded, run, write_config
from tests.support.driving import QUICK, driving, failures, losses, many_first_labels

FRAMES = 10
ANSWERS = ("gives_up", "nan_forces", "nan_energy", "two_forces", "vast_energy")
FAULTS = ("killed", "memory", "disk", "unpicklable", "mute", "exits", *ANSWERS)


def engine(orders):
    """A label section: the engine that takes orders."""
    return {"engine": "ase", "calculator": "tests.support.bad_labels:BadEMT", "arguments": {"orders": str(orders)}}


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("labels")
    label = engine(root / "orders")
    sections = {"label": label, "budget": {"retries": 6}, **many_first_labels(FRAMES)}
    config = write_config(root / "config", execution=QUICK, **sections)
    for fault in FAULTS:
        order(root / "orders", fault)
    with driving(config, root / "campaign") as driver:
        driver.until(lambda state: state.train_order and not state.pending("train"))
    assert driver.code == 130, driver.output
    assert driver.left == []
    return driver


def lost(driver, words):
    """Return the labels whose attempts were lost with such a message."""
    return [event for event in losses(driver.folder, "label/") if words in event.error]


def failed(driver, words):
    """Return the labels that failed with such a message."""
    return [event for event in failures(driver.folder) if words in event.detail]


def test_every_label_has_an_answer_and_those_that_were_only_disturbed_have_a_good_one(disturbed):
    state = folded(disturbed.folder)
    assert state.labelled("train") == FRAMES - len(ANSWERS)
    assert dict(state.failures) == {"dft": 3, "forces": 2}
    assert "Traceback" not in disturbed.output


def test_a_worker_killed_by_the_system_costs_its_task_one_attempt(disturbed):
    (event,) = lost(disturbed, "its worker on")
    assert event.cost == 1.0
    assert f"{task_words(event.purpose)}: an attempt is lost and made again (its worker on" in disturbed.output
    assert "died: killed, or out of memory)" in disturbed.output
    assert attempts(disturbed.folder, "label")[event.key] >= 2


def test_running_out_of_memory_is_told_and_tried_again(disturbed):
    (event,) = lost(disturbed, "Unable to allocate")
    assert event.cost == 1.0
    assert attempts(disturbed.folder, "label")[event.key] >= 2


def test_an_engine_that_calls_a_disk_full_which_has_room_does_not_stop_the_campaign(disturbed):
    (event,) = lost(disturbed, "No space left on device")
    assert event.cost == 1.0
    assert attempts(disturbed.folder, "label")[event.key] >= 2


@pytest.mark.parametrize("words", ["OwnInit: no licence at node 7 (", "Mute: it cannot say what (", "SystemExit: 3 ("])
def test_an_error_of_any_class_is_told_in_words_and_tried_again(disturbed, words):
    (event,) = lost(disturbed, words)
    assert event.cost == 1.0
    assert f"{task_words(event.purpose)}: an attempt is lost and made again ({words}" in disturbed.output
    assert attempts(disturbed.folder, "label")[event.key] >= 2


def test_an_engine_that_gives_up_is_an_answer_and_not_asked_again(disturbed):
    (event,) = failed(disturbed, "no bands left")
    assert event.reason == "dft"
    assert f"{task_words(event.purpose)} failed (the engine failed): RuntimeError: no bands left" in disturbed.output
    before = losses(disturbed.folder, event.purpose)
    assert attempts(disturbed.folder, "label")[event.key] == 1 + len(before)


def test_forces_that_are_no_numbers_are_refused(disturbed):
    (event,) = failed(disturbed, "a force is not a finite number")
    assert event.reason == "forces"
    why = "(forces missing or too large): a force is not a finite number"
    assert f"{task_words(event.purpose)} failed {why}" in disturbed.output


def test_an_energy_that_is_no_number_is_refused(disturbed):
    (event,) = failed(disturbed, "the energy or stress is not a finite number")
    assert event.reason == "dft"


def test_forces_of_a_wrong_shape_are_refused(disturbed):
    (event,) = failed(disturbed, "the forces of the engine: expected the shape (4, 3), found (2, 3)")
    assert event.reason == "forces"


def test_an_energy_that_no_frame_has_is_refused(disturbed):
    (event,) = failed(disturbed, "the energy is 2.5e+299 eV per atom, which no atom has")
    assert event.reason == "dft"


def test_more_failures_than_the_budget_allows_stop_the_campaign_with_the_reasons_counted(tmp_path):
    sections = {"budget": {"failed_labels": 2}, "label": engine(tmp_path / "orders"), **many_first_labels(6)}
    order(tmp_path / "orders", "nan_forces")
    order(tmp_path / "orders", "unpicklable", ALWAYS)
    config = write_config(tmp_path / "config", execution=QUICK, **sections)
    code, output = run(config, tmp_path / "campaign")
    assert code == 3, output
    # Two workers: one more label may have failed before the driver looks.
    assert re.search(r"[34] labels failed, budget\.failed_labels is 2: [23] dft, 1 forces", " ".join(output.split()))
    details = [event.detail for event in failures(tmp_path / "campaign") if event.reason == "dft"]
    begin = "twice the same error: OwnInit: no licence at node 7 (raising.py, line"
    assert [detail for detail in details if not detail.startswith(begin)] == []
    assert f"failed (the engine failed): {begin.partition(' (')[0]}" in output
    assert "Traceback" not in output
    assert "change `budget` or `execution` in the config and run the same command again" in output
