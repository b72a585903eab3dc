import sqlite3
import tarfile
from contextlib import closing

import pytest

from alloop.journal.events import DriverStarted
from alloop.journal.journal import Journal
from alloop.outputs.archive import write_archive
from alloop.reading import read
from tests.support.journals import play


def archived(folder, place, noted=()):
    write_archive(folder, noted, place / "archive.tar.xz", "mine")
    with tarfile.open(place / "archive.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place / "mine"


def test_an_archive_is_a_campaign_with_the_same_events(tmp_path):
    entries = play(tmp_path / "campaign")
    unpacked = read(archived(tmp_path / "campaign", tmp_path))
    assert [entry.event for entry in unpacked.entries] == [entry.event for entry in entries]
    assert unpacked.notes == []


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("/home/me/secret/.venv/teachers/sevennet", "…/sevennet"),
        ("cannot read /scratch/me@site/in.xyz; mend it", "cannot read …/in.xyz; mend it"),
        (
            "https://doi.org/10.1/abc, eV/Å/atom, label/a/b, /dev",
            "https://doi.org/10.1/abc, eV/Å/atom, label/a/b, /dev",
        ),
    ],
)
def test_an_archive_names_no_folder_of_the_machine_and_its_journal_still_has_valid_checksums(tmp_path, told, kept):
    play(tmp_path / "campaign", upto=5)
    with Journal(tmp_path / "campaign") as journal:
        journal.append([DriverStarted(host=told, pid=1, version="0")])
    unpacked = archived(tmp_path / "campaign", tmp_path)
    assert read(unpacked).entries[-1].event.host == kept
    assert (kept != told) == (told.encode() not in (unpacked / "journal.sqlite").read_bytes())
    assert read(tmp_path / "campaign").entries[-1].event.host == told


def test_a_journal_of_the_time_before_checksums_is_archived(tmp_path):
    entries = play(tmp_path / "campaign", upto=5)
    with closing(sqlite3.connect(tmp_path / "campaign" / "journal.sqlite")) as database:
        database.execute("DROP TABLE checksum")
    assert len(read(archived(tmp_path / "campaign", tmp_path)).entries) == len(entries)
