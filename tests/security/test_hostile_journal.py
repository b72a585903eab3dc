"""A journal that somebody changed: nothing in it runs, and what does not fit ends in one line."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from alloop.journal import guard
from alloop.journal.events import event_from_json
from alloop.journal.journal import JOURNAL_FILE, Entry, Journal, JournalError, living_driver
from alloop.report.core_time import time_split
from alloop.report.page import page
from alloop.state.fold import fold
from alloop.status.summary import summary
from alloop.status.table import render
from tests.support.campaigns import folded
from tests.support.journals import play


class Rows(list):
    """Rows that a failing test does not print."""

    def __repr__(self):
        return f"{len(self)} rows"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The rows of a whole campaign's journal."""
    folder = tmp_path_factory.mktemp("told")
    play(folder)
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        return Rows(database.execute("SELECT t, kind, body FROM event ORDER BY seq"))


@pytest.fixture
def folder(tmp_path):
    play(tmp_path, upto=40)
    return tmp_path


def execute(folder, *statements):
    """Change a journal as somebody would who also takes the checksums of its events away."""
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("DROP TABLE checksum")
        for (view,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            database.execute(f"DROP VIEW {view}")
        for statement in statements:
            database.execute(statement)
        database.commit()


def refused(folder, match):
    """Drivers and readers refuse a journal in one line each."""
    for opening in (lambda: Journal(folder).close(), lambda: folded(folder)):
        with pytest.raises(JournalError, match=match) as caught:
            opening()
        assert "\n" not in str(caught.value)


# -- the file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
        "CREATE TRIGGER t BEFORE INSERT ON result BEGIN INSERT INTO event (t, kind, body) VALUES (1, 'a', 'b'); END",
        "CREATE INDEX i ON event (abs(t))",
        "CREATE TABLE more (a)",
    ],
)
def test_a_driver_refuses_what_would_run_on_its_statements(folder, statement):
    execute(folder, statement)
    with pytest.raises(JournalError, match="did not make; restore it from a copy"):
        Journal(folder)
    assert living_driver(folder) is None


@pytest.mark.parametrize(
    "statements",
    [
        ("ALTER TABLE event RENAME TO real", "CREATE VIEW event AS SELECT * FROM real"),
        ("DROP TABLE event", "CREATE TABLE event (seq INTEGER PRIMARY KEY, t, kind, body, x AS (hex(zeroblob(1e9))))"),
        ("CREATE TABLE more (a)",),
    ],
)
def test_nobody_reads_events_from_something_else(folder, statements):
    execute(folder, *statements)
    refused(folder, "restore it from a copy")


def test_views_that_somebody_changed_are_made_anew(folder):
    execute(folder, "CREATE VIEW label AS SELECT load_extension('x') AS frame")
    with Journal(folder):
        pass
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        assert database.execute("SELECT count(*) FROM label").fetchone()[0] > 0
        assert database.execute("SELECT count(*) FROM rung").fetchone() == (0,)


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal", "-shm"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_strangers_in_place_of_the_files_are_refused(tmp_path, suffix, kind):
    folder, precious = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    play(folder, upto=5)
    precious.write_text("mine")
    path = folder / f"{JOURNAL_FILE}{suffix}"
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    refused(folder, "restore it from a copy")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_stranger_in_place_of_the_drivers_lock_is_neither_waited_for_nor_written(tmp_path, kind):
    folder, precious = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    play(folder, upto=5)
    precious.write_text("mine")
    path = folder / "driver.lock"
    path.unlink()
    if kind == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    assert living_driver(folder) is None
    with pytest.raises(JournalError) as caught:
        Journal(folder)
    assert "\n" not in str(caught.value)
    assert precious.read_text() == "mine"


def test_a_value_larger_than_any_of_ours_is_not_read_into_memory(folder, monkeypatch):
    execute(folder, f"INSERT INTO event (t, kind, body) VALUES (1, 'tick', '{'x' * 900_000}')")
    monkeypatch.setattr(guard, "LONGEST_VALUE_BYTES", 500_000)
    with pytest.raises(JournalError, match="too big"):
        folded(folder)
    with pytest.raises(JournalError, match="too big"):
        Journal(folder)


# -- the events --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"kind":"tick","more":1}',
        '{"kind":"import os"}',
        '{"kind":"driver_stopped","reason":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"kind":"driver_stopped","reason":' + "9" * 100_000 + "}",
        '{"kind":"driver_stopped"}',
        '{"kind":"task_finished","purpose":"label/x","key":"../../x","status":"ok"}',
        '{"kind":"task_finished","purpose":"label/x","key":"/etc/passwd","status":"ok"}',
        '{"kind":"attempt_lost","purpose":"label/x","key":"a\\u0000b","error":""}',
        '{"kind":"labels_imported","reference":"same","source":"x","keys":["../x"]}',
        '{"kind":"task_finished","purpose":"nothing/planned","key":"a","status":"ok"}',
        '{"kind":"attempt_lost","purpose":"nothing/planned","key":"a","error":""}',
        '{"kind":"generation_opened","number":7,"upto":1,"labels":1,"rung":"x"}',
        '{"kind":"frames_selected","generation":0,"policy":"p","seed":1,"chosen":[{"id":"no","rank":1,"why":"x"}]}',
        '{"kind":"heldout_drawn","frames":["no/such/frame"]}',
    ],
)
def test_an_event_that_is_none_or_fits_nowhere_is_one_line(folder, body):
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        database.execute("DROP TABLE checksum")
        database.execute("INSERT INTO event (t, kind, body) VALUES (1, 'x', ?)", (body,))
        database.commit()
    with pytest.raises(JournalError, match="from a copy") as caught:
        folded(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("t", ["1e300", "-5", "9e999"])
def test_an_event_at_no_time_is_one_line(folder, t):
    execute(folder, f"INSERT INTO event (t, kind, body) VALUES ({t}, 'tick', '{{\"kind\":\"tick\"}}')")
    with pytest.raises(JournalError, match="impossible time stamp"):
        folded(folder)


HOSTILE = [
    "\x1b]0;owned\x07\x1b[31m",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "[bold]x[/nothing][link=file:///etc/passwd]",
    "../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} $body",
    "a\x00b\nc\u202ed",
    "",
    -1,
    2**63,
    1e308,
    None,
    [],
    {},
    True,
]


def places(value, path=()):
    """Yield the path of every value within a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(body, path, hostile):
    content = json.loads(body)
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = hostile
    return json.dumps(content)


def show(entries, folder):
    """What people are shown of a journal: the status and the report."""
    state = fold(entries)
    console = Console(width=120, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(render(summary(state, entries[-1].t, time_split(entries))))
        html = page(state, entries)
    return capture.get(), html


@pytest.mark.parametrize(
    "path",
    [("label", "gpaw"), ("label", "cutoff_eV"), ("label", "charge"), ("explore", "temperatures_K")],
    ids=".".join,
)
def test_a_recorded_config_of_another_type_is_one_line_that_names_the_key(told, path):
    body = changed(told[0][2], ("config", *path), HOSTILE[0])
    entries = [Entry(1, told[0][0], event_from_json(body))]
    with pytest.raises(JournalError, match=rf"the config in the journal has a wrong value \({path[0]}\..*{path[1]}"):
        page(fold(entries), entries)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_stands_in_an_event_people_see_text_or_one_line(told, data):
    number = data.draw(st.integers(0, len(told) - 1))
    body = told[number][2]
    path = data.draw(st.sampled_from(sorted(places(json.loads(body)), key=str)))
    hostile = data.draw(st.sampled_from(HOSTILE))
    try:
        event = event_from_json(changed(body, path, hostile))
    except ValueError:
        return
    entries = [
        Entry(seq, t, event if seq == number + 1 else event_from_json(text))
        for seq, (t, _, text) in enumerate(told, start=1)
    ]
    try:
        status, html = show(entries, Path("campaign"))
    except JournalError:
        return
    assert "\x1b" not in status
    assert "\x07" not in status
    scripts = html.count("<script")
    assert scripts == html.count("</script>")
    assert "<img" not in html
    assert "alert(1)</script>" not in html
