"""Folders that cannot be a campaign's, and what is told of one without a journal."""

import os
import re

import pytest

from alloop.campaign.damaged_folders import refuse_links, without_journal
from alloop.config.errors import ConfigError
from alloop.journal.journal import JOURNAL_FILE, SNAPSHOT_FILE
from alloop.journal.open_files import SAVED_FILE
from tests.support.faults import is_documented

FOLDERS = [
    *("results", "results/label", "results/fit", "locks", "scratch", "foundation", "logs", "logs/parsl"),
    *("logs/workers", "logs/workers/local", "logs/workers/local/block-0", "logs/workers/local/block-0/one"),
]


@pytest.fixture
def root(tmp_path):
    """A campaign's folder with all that a run makes in it, and links to files, which are handled elsewhere."""
    folder, precious = tmp_path / "run", tmp_path / "precious"
    precious.write_text("mine")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("results/label/key.json", "logs/attempts.log", "locks/key"):
        (folder / name).symlink_to(precious)
    return folder


def test_a_folder_as_a_run_leaves_it_is_fine(root):
    refuse_links(root)
    refuse_links(root / "new")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_the_place_of_a_folder_is_one_line_with_its_path(root, tmp_path, name):
    place = root / name
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigError) as caught:
        refuse_links(root)
    assert str(caught.value) == f"{place}: is a link or file where a folder of the campaign belongs; remove it"
    assert is_documented(str(caught.value))


@pytest.mark.parametrize("name", FOLDERS[:8])
@pytest.mark.parametrize("kind", ["file", "pipe", "dangling link"])
def test_so_is_anything_else(root, tmp_path, name, kind):
    place = root / name
    place.rename(tmp_path / "outside")
    if kind == "file":
        place.write_text("")
    else:
        os.mkfifo(place) if kind == "pipe" else place.symlink_to(tmp_path / "nothing")
    with pytest.raises(ConfigError, match=f"{place}: is a link or file"):
        refuse_links(root)


def test_a_new_folder_and_one_with_a_journal_need_no_word(tmp_path):
    assert without_journal(tmp_path / "new") == []
    (tmp_path / "driver.lock").touch()
    (tmp_path / "foundation").mkdir()
    assert without_journal(tmp_path) == []
    (tmp_path / JOURNAL_FILE).touch()
    (tmp_path / "anything").touch()
    assert without_journal(tmp_path) == []


def test_a_campaign_whose_journal_is_gone_begins_anew_and_says_so(root):
    (line,) = without_journal(root)
    assert re.search(
        r"its journal.sqlite is gone; the campaign begins anew and finds the results that are there by their keys", line
    )


@pytest.mark.parametrize("name", [SAVED_FILE, SNAPSHOT_FILE, "journal.saved1.sqlite"])
def test_a_copy_of_the_journal_is_named(root, name):
    (root / name).touch()
    with pytest.raises(ConfigError, match=f"{name} is a copy of it: move that to {JOURNAL_FILE}, and run again"):
        without_journal(root)


def test_somebody_elses_folder_and_a_file_are_refused(root):
    (root / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="holds files but no campaign; name an empty folder with --folder"):
        without_journal(root)
    with pytest.raises(ConfigError, match="is a file"):
        without_journal(root / "thesis.tex")
