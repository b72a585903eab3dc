import os
import resource

import pytest

from alloop.files.durable import write_durably
from alloop.files.plain_files import NotPlainError, is_plain_or_absent, open_below, put_aside, read_below


@pytest.fixture
def home(tmp_path):
    """A campaign's folder with something precious beside it."""
    (tmp_path / "campaign" / "results").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("mine")
    return tmp_path / "campaign"


def outside(home):
    return {path.name: path.read_text() for path in (home.parent / "outside").iterdir()}


def make(kind, path, home):
    precious = home.parent / "outside"
    match kind:
        case "link":
            path.symlink_to(precious / "precious")
        case "dangling link":
            path.symlink_to(precious / "new")
        case "link to a folder":
            path.symlink_to(precious)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
            (path / "full").write_text("")


STRANGERS = ["link", "dangling link", "link to a folder", "pipe", "folder"]


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_not_read_and_not_waited_for(home, kind):
    make(kind, home / "results" / "a.json", home)
    with pytest.raises(NotPlainError, match="remove it"):
        read_below(home, home / "results" / "a.json", 100)


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_not_opened_for_writing(home, kind):
    make(kind, home / "results" / "a.log", home)
    for flags in (os.O_CREAT | os.O_RDWR, os.O_CREAT | os.O_APPEND | os.O_WRONLY):
        with pytest.raises(NotPlainError):
            open_below(home, home / "results" / "a.log", flags)
    assert outside(home) == {"precious": "mine"}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_is_put_aside_and_a_file_takes_its_place(home, kind):
    path = home / "results" / "a.json"
    make(kind, path, home)
    (home / "results" / "a.damaged").mkdir()
    (home / "results" / "a.damaged" / "full").write_text("")
    put_aside(home, path)
    write_durably(path, b"whole", below=home)
    assert read_below(home, path, 100) == b"whole"
    assert outside(home) == {"precious": "mine"}
    assert len(list(home.glob("results/a*.damaged"))) == 2


def test_a_link_on_the_way_is_not_followed(home):
    (home / "results" / "label").symlink_to(home.parent / "outside")
    for attempt in (
        lambda: write_durably(home / "results" / "label" / "a", b"x", below=home),
        lambda: read_below(home, home / "results" / "label" / "precious", 100),
        lambda: put_aside(home, home / "results" / "label" / "precious"),
    ):
        with pytest.raises(NotPlainError, match="`label` is a link"):
            attempt()
    assert outside(home) == {"precious": "mine"}


@pytest.mark.parametrize("path", ["../outside/precious", "results/../../outside/precious", "/etc/passwd", ".."])
def test_nothing_outside_is_reached(home, path):
    with pytest.raises(NotPlainError):
        read_below(home, home / path, 10_000)


def test_a_link_at_the_target_is_replaced_and_the_name_of_the_temporary_file_cannot_be_foreseen(home):
    path = home / "results" / "a"
    path.symlink_to(home.parent / "outside" / "precious")
    (home / "results" / f".a.{os.getpid()}.tmp").symlink_to(home.parent / "outside" / "precious")
    write_durably(path, b"new", below=home)
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
    assert outside(home) == {"precious": "mine"}


def test_a_campaigns_folder_may_itself_be_a_link(home):
    link = home.parent / "link"
    link.symlink_to(home)
    write_durably(link / "results" / "new" / "a", b"x", below=link)
    assert (home / "results" / "new" / "a").read_bytes() == b"x"


def test_a_huge_file_is_refused_without_being_read(home):
    path = home / "results" / "a.json"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NotPlainError, match="larger than 1 MB"):
        read_below(home, path, 1 << 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_files_are_not_for_everybody_to_write(home):
    before = os.umask(0)
    try:
        write_durably(home / "results" / "a", b"x", below=home)
        os.close(open_below(home, home / "results" / "b", os.O_CREAT | os.O_RDWR))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o022 for path in (home / "results").iterdir()] == [0, 0]


def test_a_missing_file_is_told_from_a_stranger(home):
    with pytest.raises(FileNotFoundError):
        read_below(home, home / "results" / "none", 10)
    put_aside(home, home / "results" / "none")
    put_aside(home, home / "no" / "folder" / "none")
    assert is_plain_or_absent(home / "results" / "none")
    assert not is_plain_or_absent(home / "results")
