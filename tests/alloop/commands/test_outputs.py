import pytest

from alloop.commands.outputs import write_report
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
