import errno
import os
import stat

import pytest

from alloop.files.durable import replace_durably, write_durably
from alloop.files.plain_files import NotPlainError


def test_content_is_on_the_disk_before_the_name_shows_it(tmp_path, monkeypatch):
    order = []
    for call in ("fsync", "rename"):
        real = getattr(os, call)
        monkeypatch.setattr(os, call, lambda *a, _name=call, _real=real, **k: (order.append(_name), _real(*a, **k))[1])
    write_durably(tmp_path / "new" / "file", b"whole")
    assert (tmp_path / "new" / "file").read_bytes() == b"whole"
    assert order == ["fsync", "rename", "fsync"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_refuses_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def refuse(*arguments, **keywords):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space") as caught:
        write_durably(target, b"new")
    assert caught.value.filename == str(target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_a_folder_that_cannot_be_flushed_is_written_all_the_same(tmp_path, monkeypatch):
    real = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_durably(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_link_is_replaced_and_one_on_the_way_refused(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"a chapter")
    campaign = tmp_path / "campaign"
    campaign.mkdir()
    (campaign / "file").symlink_to(precious / "file")
    write_durably(campaign / "file", b"whole", below=campaign)
    assert not (campaign / "file").is_symlink()
    (campaign / "results").symlink_to(precious)
    with pytest.raises(NotPlainError):
        write_durably(campaign / "results" / "file", b"whole", below=campaign)
    assert (precious / "file").read_bytes() == b"a chapter"


def test_a_finished_file_takes_the_place_of_another(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "made").write_bytes(b"new")
    replace_durably(tmp_path / "made", tmp_path / "file")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"new"}
