import io

import pytest
from rich.console import Console

from alloop.commands.watch import Watched, view
from tests.support.journals import START_T, play


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("campaign")
    play(root)
    return root


def shown(watched, width, height):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(view(watched, START_T + 700.0, height))
    return console.file.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (50, 16)])
@pytest.mark.parametrize("events", [1, 200, None])
def test_the_view_fits_the_terminal_at_every_moment(root, width, height, events):
    from alloop.journal.journal import read_entries

    watched = Watched(root)
    watched.take_in(read_entries(root)[:events])
    lines = shown(watched, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "alloop · quickstart" in lines[0]


def test_the_view_says_what_is_left_and_that_no_driver_runs(root):
    from alloop.journal.journal import read_entries

    watched = Watched(root)
    watched.take_in(read_entries(root)[:200])
    text = "\n".join(shown(watched, 120, 40))
    for told in ("held-out labels", "fits of the rung", "No driver runs it now"):
        assert told in text
    assert "about" not in text
    watched.driver = "alloop run, pid 1"
    text = "\n".join(shown(watched, 120, 40))
    for told in ("left", "about", "Driver: alloop run, pid 1"):
        assert told in text


def test_looking_again_takes_in_what_is_new_and_writes_nothing(root):
    before = {path.name: path.stat().st_mtime_ns for path in root.iterdir()}
    watched = Watched(root)
    watched.look()
    assert watched.state.verdict is not None
    watched.look()
    assert {path.name: path.stat().st_mtime_ns for path in root.iterdir()} == before
