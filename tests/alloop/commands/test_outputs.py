import ase.io
import pytest

from alloop.commands.outputs import Extras, write_export, write_report
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


def test_a_campaign_without_a_label_has_nothing_to_export(tmp_path):
    play(tmp_path / "campaign", upto=3)
    with pytest.raises(JournalError, match="no label is finished yet; continue the campaign with `alloop run`"):
        write_export(read(tmp_path / "campaign"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
