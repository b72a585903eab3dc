import pytest

from alloop.files.room import has_room
from tests.support.small_disk import NoSmallDisk, small_disk


def test_a_disk_with_room_has_room_and_nothing_stays_on_it(tmp_path):
    assert has_room(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_with_little_room_has_none(tmp_path):
    try:
        with small_disk(tmp_path / "disk", 2):
            assert not has_room(tmp_path / "disk")
    except NoSmallDisk as reason:
        pytest.skip(str(reason))


def test_a_folder_that_is_not_there_says_nothing_about_its_disk(tmp_path):
    assert has_room(tmp_path / "missing")
