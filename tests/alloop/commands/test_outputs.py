import io
import os
import signal
import tarfile
from types import SimpleNamespace

import ase.io
import pytest
from rich.console import Console

from alloop.commands import outputs
from alloop.commands.outputs import Extras, write_export, write_report, write_stopped_report
from alloop.journal.journal import JournalError
from alloop.reading import read
from tests.support.journals import play


def test_a_report_goes_into_a_folder_that_does_not_exist_yet(tmp_path):
    play(tmp_path / "campaign", upto=20)
    target = tmp_path / "new" / "folder" / "mine.html"
    assert write_report(read(tmp_path / "campaign"), target) == target
    assert target.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("place", ["folder", "file/mine.html"])
def test_a_report_that_cannot_be_written_there_is_one_line_with_a_mend(tmp_path, place):
    play(tmp_path / "campaign", upto=20)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(JournalError, match=r"cannot be written \(.*\); name another place with --output"):
        write_report(read(tmp_path / "campaign"), tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_while_the_report_of_a_stopped_campaign_is_written_leaves_it_in_one_line(tmp_path, monkeypatch, presses):
    play(tmp_path / "campaign")
    campaign = read(tmp_path / "campaign")

    def pressed(*_):
        for _ in range(presses):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                os.kill(os.getpid(), signal.SIGINT)
                raise

    monkeypatch.setattr(outputs, "build_report", pressed)
    console = Console(record=True, width=400, file=io.StringIO())
    before = signal.getsignal(signal.SIGINT)
    try:
        journal = SimpleNamespace(entries=lambda: campaign.entries)
        write_stopped_report(journal, campaign.state, campaign.workspace, console, "SIGINT")
    finally:
        signal.signal(signal.SIGINT, before)
    assert console.export_text().startswith("The report is not up to date; `alloop report ")
    assert not (tmp_path / "campaign" / "report.html").exists()


def test_a_report_of_a_stopped_campaign_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    play(tmp_path / "campaign")
    campaign = read(tmp_path / "campaign")
    monkeypatch.setattr(outputs, "build_report", lambda *_: 1 / 0)
    console, before = Console(record=True, width=400, file=io.StringIO()), signal.getsignal(signal.SIGINT)
    journal = SimpleNamespace(entries=lambda: campaign.entries)
    try:
        write_stopped_report(journal, campaign.state, campaign.workspace, console, "SIGINT")
    finally:
        signal.signal(signal.SIGINT, before)
    assert console.export_text().startswith("The report is not up to date (division by zero); `alloop report ")


def test_a_batch_system_that_stops_a_campaign_waits_for_no_report(tmp_path):
    play(tmp_path / "campaign")
    campaign = read(tmp_path / "campaign")
    journal = SimpleNamespace(entries=lambda: campaign.entries)
    write_stopped_report(journal, campaign.state, campaign.workspace, Console(file=io.StringIO()), "SIGTERM")
    assert not (tmp_path / "campaign" / "report.html").exists()


def test_paid_labels_are_exported_before_the_first_fit(tmp_path):
    entries = play(tmp_path / "whole", arrays=True)
    fitted = next(i for i, e in enumerate(entries) if e.event.kind == "task_finished" and "fit/" in e.event.purpose)
    play(tmp_path / "campaign", arrays=True, upto=fitted)
    campaign = read(tmp_path / "campaign")
    assert campaign.state.labelled("train") > 0
    for committee in (False, True):
        (dataset, *others) = write_export(campaign, tmp_path / "out", Extras(committee=committee))
        assert dataset.name == "dataset.extxyz"
        assert not [path for path in others if path.suffix == ".model"]
    assert len(ase.io.read(dataset, ":")) == campaign.state.labelled("train")


def test_an_archive_unpacks_to_a_campaign_of_the_same_dataset(tmp_path):
    entries = play(tmp_path / "whole", arrays=True)
    fitted = next(i for i, e in enumerate(entries) if e.event.kind == "task_finished" and "fit/" in e.event.purpose)
    play(tmp_path / "campaign", arrays=True, upto=fitted)
    written = [
        write_export(read(tmp_path / "campaign"), tmp_path / place, Extras(archive=True)) for place in ("out", "again")
    ]
    (archive, twin) = (next(path for path in paths if path.name == "archive.tar.xz") for paths in written)
    assert archive.read_bytes() == twin.read_bytes()
    assert "archive.tar.xz" in (tmp_path / "out" / "README.json").read_text()
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (dataset, *_) = write_export(read(tmp_path / read(tmp_path / "campaign").status.name), tmp_path / "unpacked")
    assert dataset.read_bytes() == written[0][0].read_bytes()


def test_a_campaign_without_a_label_has_nothing_to_export(tmp_path):
    play(tmp_path / "campaign", upto=3)
    with pytest.raises(JournalError, match="no label is finished yet; continue the campaign with `alloop run`"):
        write_export(read(tmp_path / "campaign"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
