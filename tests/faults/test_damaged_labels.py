"""The file of one label damaged in any way: outputs take the label from the journal, and say so."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alloop.commands.outputs import write_report
from alloop.journal.events import Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, JournalError
from alloop.outputs.dataset import write_dataset
from alloop.reading import read
from tests.support.journals import play


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of a campaign whose journal keeps the files of its labels."""
    folder = tmp_path_factory.mktemp("kept") / "campaign"
    play(folder, arrays=True)
    with Journal(folder) as journal:
        journal.append([Tick()], {path.stem: path.read_bytes() for path in (folder / "results" / "label").iterdir()})
    return folder


def damaged(path, damage, outside):
    content = path.read_bytes()
    path.unlink()
    if damage == "link":
        path.symlink_to(outside)
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    elif damage == "bit flipped":
        path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    elif damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"")


@pytest.mark.parametrize("damage", ["bit flipped", "empty", "cut off", "link", "pipe", "folder", "gone"])
def test_a_damaged_label_is_taken_from_the_journal_and_that_is_said(kept, tmp_path, damage):
    folder = Path(shutil.copytree(kept, tmp_path / "run"))
    whole = read(folder)
    write_dataset(whole.workspace, whole.state, tmp_path / "whole.extxyz")
    assert whole.notes == []
    key = whole.state.labelled_frames("train")[7].label
    damaged(folder / "results" / "label" / f"{key}.json", damage, tmp_path / "whole.extxyz")
    before = read(folder)
    write_dataset(before.workspace, before.state, tmp_path / "dataset.extxyz")
    assert (tmp_path / "dataset.extxyz").read_bytes() == (tmp_path / "whole.extxyz").read_bytes()
    (note,) = before.notes
    assert f"the results of a label are missing or damaged, and taken from the journal ({key})" in note
    assert "`alloop run` with its config writes them back" in note
    write_report(before, None)


def test_a_label_that_the_journal_keeps_damaged_too_is_one_line(kept, tmp_path):
    folder = Path(shutil.copytree(kept, tmp_path / "run"))
    key = read(folder).state.labelled_frames("train")[7].label
    (folder / "results" / "label" / f"{key}.json").unlink()
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        database.execute("UPDATE result SET content = x'00' WHERE key = ?", (key,))
        database.commit()
    with pytest.raises(JournalError, match="is missing or damaged") as caught:
        read(folder).labels()
    assert "\n" not in str(caught.value)
