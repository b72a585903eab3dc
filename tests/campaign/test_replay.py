"""A campaign that fine-tunes a foundation while a second head replays pseudolabels, by the command line."""

import pytest

from alloop.commands import exit_codes
from alloop.journal.events import TaskPlanned
from alloop.journal.journal import read_entries
from alloop.potential.models.model_files import read_model
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import THREADS, TINY, attempts, folded, kill_when, run, start, write_config
from tests.support.models import make_small_foundation

pytestmark = pytest.mark.slow


def test_it_needs_no_frames_of_the_foundation_and_survives_a_kill_while_it_fits(tmp_path):
    sha256 = make_small_foundation(tmp_path / "f.model", (13, 29), channels=4, max_L=0)
    foundation = {"path": str(tmp_path / "f.model"), "sha256": sha256}
    config = write_config(
        tmp_path / "config",
        potential={"committee": 2, "foundation": foundation},
        fit={**TINY["fit"], "method": "multihead", "replay": "pseudolabels"},
        ladder={"rungs": [4], "fits": 2},
        execution=THREADS,
        overlap=False,
    )
    folder = tmp_path / "run"
    driver = start(config, folder)
    kill_when(driver, lambda: len(attempts(folder, "fit")) >= 2)
    code, output = run(config, folder)
    assert code == exit_codes.OK, output
    counts = attempts(folder, "fit")
    assert sum(counts.values()) <= len(counts) + 1
    planned = [entry.event for entry in read_entries(folder) if isinstance(entry.event, TaskPlanned)]
    fits = [event.request for event in planned if event.purpose.startswith("fit/")]
    assert {(fit["finetuning"]["method"], fit["finetuning"]["replay"]) for fit in fits} == {("multihead", ())}
    assert all(fit["finetuning"]["pseudolabels"] for fit in fits)
    workspace, state = Workspace(folder), folded(folder)
    for name in state.rungs[4].models.values():
        assert list(read_model(workspace.model_path(name)).heads) == ["Default"]
