"""Every file of a campaign cut off between two runs: what later tasks read is made again, and labels are not bought."""

import pytest

from tests.support.campaigns import THREADS, attempts, folded, run, write_config
from tests.support.driving import driving

pytestmark = pytest.mark.slow


def harvested_labels(folder):
    """Return the keys of the labels that the journal holds; one still in flight at the stop is begun again."""
    return [task.key for task in folded(folder).tasks.values() if task.task == "label" and task.status == "ok"]


def test_a_campaign_whose_files_are_all_cut_off_goes_on_to_its_verdict(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=THREADS, overlap=False), tmp_path / "campaign"
    with driving(config, folder) as driver:
        driver.until(lambda state: state.created and state.pending("train") and state.labelled("train") >= 4)
        driver.until(lambda state: state.labelled("train") > 4)
    assert driver.code == 130
    bought = harvested_labels(folder)
    for path in (folder / "results").glob("*/*.[jnp]*"):
        path.write_bytes(path.read_bytes()[:-50])
    code, output = run(config, folder)
    assert code == 0, output
    state, labels = folded(folder), attempts(folder, "label")
    assert len(bought) > 4
    assert {labels[key] for key in bought} == {1}
    assert {task.status for task in state.tasks.values()} == {"ok"}
    assert "an attempt is lost and made again (" in output
    assert "Traceback" not in output
    assert list((folder / "results" / "fit").glob("*damaged*"))
