from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.console import Console

from alloop.campaign.loop import Listener
from alloop.journal.events import DriverStarted, LabelsImported
from alloop.journal.journal import Entry
from alloop.monitor.live_terminal import ConsoleView
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from tests.support.journals import START_T, play
from tests.support.stories import variant


def watch(entries, plain: bool, file=None, width: int = 80) -> str:
    console = Console(file=file or io.StringIO(), width=width, force_terminal=not plain)
    view, state = ConsoleView(console, plain), CampaignState()
    for entry in entries:
        apply(state, entry)
        view.on_entry(entry, state)
        view.tick(state, entry.t + 0.5)
    view.close()
    return console.file.getvalue() if hasattr(console.file, "getvalue") else ""


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return play(tmp_path_factory.mktemp("campaign"))


@pytest.fixture(scope="module")
def plain_log(entries) -> str:
    return watch(entries, plain=True)


def test_a_log_tells_the_story(plain_log):
    for told in (
        "campaign quickstart: Li3InCl6",
        "generation 3 fitted on 20 labels; leader's watched RMSE",
        "rung 24: force RMSE 82.0 ± 1.1 meV/Å, energy RMSE 4.077 ± 0.034 meV/atom",
        "failed (SCF did not converge): SCF not converged",
        "an attempt is lost and made again (worker died (signal 9))",
        "selected 6 frames by disagreement, rejected 14 (7: expected error below the window; 7: walker cap)",
        "verdict: converged",
    ):
        assert told in plain_log


def test_a_log_counts_labels_at_most_every_ten_seconds(plain_log):
    progress = [line for line in plain_log.splitlines() if "held out | running" in line or "failed | running" in line]
    assert 40 < len(progress) < 85
    assert any("labels 24/48 + 6 held out, 1 failed" in line for line in progress)


def test_a_log_never_goes_back_in_time(entries):
    console = Console(file=io.StringIO(), width=80)
    view, state = ConsoleView(console, plain=True, redraw_s=7.0, summary_s=10.0), CampaignState()
    for entry in entries:
        apply(state, entry)
        view.on_entry(entry, state)
        view.tick(state, entry.t + 0.1)
    times = [line[:11].split() for line in console.file.getvalue().splitlines() if line[9:13] == " s  "]
    seconds = [sum(int(n) * {"min": 60, "s": 1}[unit] for n, unit in zip(t[::2], t[1::2], strict=True)) for t in times]
    assert len(seconds) > 50
    assert seconds == sorted(seconds)


def test_a_log_tells_what_labels_a_campaign_brought_along(entries):
    events = [
        entries[0].event,
        LabelsImported(reference="same", source="mine.extxyz", keys=("a" * 40, "b" * 40)),
        LabelsImported(reference="other", source="theirs.extxyz", keys=("c" * 40,)),
        DriverStarted(host="node1", pid=1, version="0.1.0"),
    ]
    log = watch([Entry(n, START_T, event) for n, event in enumerate(events, start=1)], plain=True)
    assert "driver started on node1, 2 imported labels, 1 label to pre-train on" in log


def test_a_log_ends_with_the_verdict_and_its_numbers(plain_log):
    end = plain_log[plain_log.index("Verdict: converged") :]
    assert "|Δ| + 2.433 SE = 5.8 ≤ 8.2" in " ".join(end.split())
    for size in (12, 24, 48):
        assert f"rung {size}: force RMSE" in end
    assert "48 training and 12 held-out labels, 2 failed" in end


def test_no_line_is_longer_than_120_columns_or_moves_the_cursor(tmp_path):
    story = variant(failing=(1, 2), failure_detail="\x1b[2J[bold]boo[/bold] " + "x" * 500 + "\nsecond line")
    log = watch(play(tmp_path, story), plain=True)
    assert "[bold]boo[/bold]" in log
    assert "\x1b" not in log
    assert max(len(line) for line in log.splitlines()) <= 120


def test_a_silent_campaign_still_gives_signs_of_life(entries):
    console = Console(file=io.StringIO(), width=80)
    view, state = ConsoleView(console, plain=True), CampaignState()
    for entry in entries[:40]:
        apply(state, entry)
        view.on_entry(entry, state)
    before = console.file.getvalue().count("\n")
    for second in range(1, 601):
        view.tick(state, entries[39].t + second)
    assert 8 <= console.file.getvalue().count("\n") - before <= 12


def test_an_interrupted_campaign_says_that_there_is_no_verdict(entries):
    log = watch(entries[:200], plain=True)
    assert "no verdict yet; labels 24/24" in log.splitlines()[-1]
    assert "running" not in log.splitlines()[-1]


def test_the_live_display_draws_and_leaves_the_lines_and_the_verdict(entries):
    out = watch(entries, plain=False, width=110)
    assert "alloop · quickstart" in out
    assert "training labels" in out
    assert "0 of 12" in out
    assert "fits of the rung" in out
    assert out.rstrip().splitlines()[-1].endswith("13 min 52 s")
    assert "\x1b[?25h" in out  # the cursor is back


class HungUp(io.StringIO):
    def write(self, text):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("plain", [True, False])
def test_a_terminal_that_is_gone_does_not_break_the_campaign(entries, plain):
    watch(entries[:50], plain=plain, file=HungUp())


READER_LEFT = """
import sys
from rich.console import Console
from alloop.journal.journal import read_entries
from alloop.monitor.live_terminal import ConsoleView
from alloop.state.fold import apply
from alloop.state.state import CampaignState

view, state = ConsoleView(Console(), plain=True), CampaignState()
sys.stdin.readline()
for entry in read_entries(sys.argv[1]):
    apply(state, entry)
    view.on_entry(entry, state)
view.close()
print(state.verdict.verdict, file=sys.stderr)
"""


def test_a_pipe_whose_reader_left_does_not_break_the_campaign(tmp_path):
    play(tmp_path)
    driver = subprocess.Popen(
        [sys.executable, "-c", READER_LEFT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    driver.stdout.close()
    _, told = driver.communicate("go\n", timeout=60)
    assert "converged" in told


def test_it_is_a_listener():
    assert isinstance(ConsoleView(Console(file=io.StringIO()), plain=True), Listener)
