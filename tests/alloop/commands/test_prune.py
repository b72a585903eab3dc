"""``alloop prune`` on a campaign of simulated workers, with files beside its results."""

import pytest
from rich.console import Console

from alloop.commands.prune import NOTHING, prunable, run_prune
from alloop.journal.journal import Journal, JournalError
from alloop.reading import read
from tests.support.journals import play
from tests.support.loops import STARTED, config, loop


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "campaign"
    campaign = loop(folder, config(fit={"every_labels": 2}))
    campaign.run(STARTED)
    campaign.journal.close()
    for task in campaign.state.tasks.values():
        if task.task == "fit":
            (folder / "results" / "fit" / f"{task.key}.pt").write_bytes(b"weights" * 10)
    return folder


def pruned(root, *, delete):
    console = Console(record=True, width=200)
    run_prune(root, console, delete=delete)
    return console.export_text()


def there(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "results").rglob("*") if path.is_file()}


def test_without_delete_it_only_counts(root):
    before, files = there(root), prunable(read(root))
    assert len(files) > 4
    told = pruned(root, delete=False)
    assert f"{len(files)} files, {70 * len(files) / 1e6:.1f} MB: members of committees that newer ones replaced" in told
    assert f"Nothing was deleted; `alloop prune {root} --delete` deletes them." in told
    assert there(root) == before


def test_with_delete_just_these_files_go_and_the_campaign_reads_as_before(root):
    before, status = there(root), read(root).status
    files = {str(one.path.relative_to(root)) for one in prunable(read(root))}
    assert "They are deleted." in pruned(root, delete=True)
    assert there(root) == {name: content for name, content in before.items() if name not in files}
    assert all(name.endswith(".pt") for name in files)
    assert read(root).status == status
    assert NOTHING in pruned(root, delete=True)


def test_a_campaign_that_is_being_run_is_left_alone(root):
    before = there(root)
    with Journal(root), pytest.raises(JournalError, match="another driver runs this campaign"):
        pruned(root, delete=True)
    assert there(root) == before


def test_what_is_no_file_of_the_campaign_is_left_alone(root, tmp_path):
    (tmp_path / "mine").write_text("mine")
    first = prunable(read(root))[0].path
    first.unlink()
    first.symlink_to(tmp_path / "mine")
    pruned(root, delete=True)
    assert (tmp_path / "mine").read_text() == "mine"
    assert first.is_symlink()


def test_a_campaign_without_a_model_has_nothing_to_prune(tmp_path):
    play(tmp_path / "campaign", upto=20)
    assert NOTHING in pruned(tmp_path / "campaign", delete=False)
