import os
from pathlib import Path

import pytest

from alloop.campaign.folders import LONGEST_PATH, folder_of, refuse_unusable_path, resolved
from alloop.config import ConfigError
from alloop.journal.journal import Journal

DEEP = Path(*"y" * 2000)


def refused(function, path):
    with pytest.raises(ConfigError) as caught:
        function(path)
    told = str(caught.value)
    assert "\n" not in told
    assert len(told) < LONGEST_PATH + 200
    return told


@pytest.mark.parametrize("path", [Path("x" * 300), DEEP, Path("é" * 128), Path("a", "b" * 255, "c" * 250)])
@pytest.mark.parametrize("function", [resolved, folder_of])
def test_a_path_that_no_file_system_has_is_refused(function, path):
    assert "is too long: a name may have 255 bytes" in refused(function, path)


def test_a_path_that_sqlite_could_not_open_is_refused_and_the_longest_is_a_campaign(tmp_path):
    room = LONGEST_PATH - len(os.fsencode(tmp_path)) - 1
    name = "/".join(["z" * 200] * 3)[:room]
    Journal(resolved(tmp_path / name)).close()
    assert "is too long" in refused(resolved, tmp_path / f"{name}z")


def test_links_in_a_circle_and_a_folder_that_is_gone_are_refused(tmp_path, monkeypatch):
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be a path" in refused(folder_of, tmp_path / "loop")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "the working folder is gone; change into one that exists" in refused(resolved, Path("runs"))


def test_a_home_that_nobody_has_is_an_ordinary_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no such file" in refused(folder_of, Path("~nobody-at-all/campaign"))


@pytest.mark.parametrize("name", ["my runs (1)", "a'b", "a;b", "a$b", "a\nb"])
def test_a_path_that_shells_read_as_more_than_a_name_is_refused(tmp_path, name):
    assert "which batch systems and shells read as more than a name" in refused(refuse_unusable_path, tmp_path / name)


def test_a_file_is_refused_and_a_new_folder_is_not(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "is a file; name another campaign folder" in refused(refuse_unusable_path, tmp_path / "file")
    assert "cannot be made below" in refused(refuse_unusable_path, tmp_path / "file" / "below")
    refuse_unusable_path(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be made below" in refused(refuse_unusable_path, tmp_path / "runs")
