"""Campaigns that begin with a teacher, by the command line: killed while it teaches, or with one that fails."""

import io
import sys
from collections import Counter

import pytest
from ase.build import bulk
from ase.io import write
from rich.console import Console

from alloop.commands import exit_codes
from alloop.commands.run import run_campaign
from tests.support.campaigns import THREADS, TINY, attempts, folded, kill_when, left_behind, run, start, write_config
from tests.support.chaos_report import chosen

EMT = "ase.calculators.emt:EMT"
SYSTEMS = [*TINY["systems"], {"name": "CuAl3", "structure": "CuAl3.extxyz"}]


def taught_config(folder, calculator, arguments, *, python=None, **changes):
    """Write a campaign of two systems with a teacher, whose frames are those of four tasks."""
    model = {"calculator": calculator, "arguments": arguments, "python": python}
    teacher = {"model": model, "rounds": 2, "frames": 16, "steps": 20}
    sections = {
        "systems": SYSTEMS,
        "initial": {"frames": 2, "rattle_A": 0.08},
        "execution": THREADS,
        "overlap": False,
        "ladder": {"rungs": [4], "fits": 2},
    }
    path = write_config(folder, **{**sections, "teacher": teacher, **changes})
    atoms = bulk("Cu", "fcc", a=3.9, cubic=True)
    atoms.symbols[1:] = "Al"
    write(folder / "CuAl3.extxyz", atoms)
    return path


def done(folder, kind):
    """Return the keys of a kind whose results are there."""
    return {path.stem for path in (folder / "results" / kind).glob("*.json")}


@pytest.mark.slow
def test_killed_while_the_teacher_answers_nothing_finished_is_asked_again_and_it_ends_as_if_nothing_was(tmp_path):
    peace, killed = tmp_path / "peace", tmp_path / "killed"
    count = tmp_path / "count"
    slow = {"count": str(count), "pause_s": 0.1}
    config = taught_config(tmp_path / "config", "tests.support.counted_labels:CountedEMT", slow)
    assert run(config, peace)[0] == exit_codes.OK
    asked = Counter(count.read_text().split())
    count.unlink()

    driver = start(config, killed)
    kill_when(driver, lambda: sum(attempts(killed, "teach").values()) == 4)
    assert left_behind(killed) == []
    finished, begun = done(killed, "teach"), attempts(killed, "teach")
    assert len(finished) == 3
    assert set(begun.values()) == {1}
    code, output = run(config, killed)
    assert code == exit_codes.OK, output
    counts = attempts(killed, "teach")
    assert {key: counts[key] for key in finished} == dict.fromkeys(finished, 1)
    assert sum(counts.values()) == 5
    assert set(attempts(killed, "fit").values()) == {1}
    again = Counter(count.read_text().split()) - asked
    assert sum(again.values()) < 16, "only frames of the task in flight may be asked for again"
    assert not asked - Counter(count.read_text().split())
    assert chosen(killed) == chosen(peace)
    assert folded(killed).verdict == folded(peace).verdict


def test_a_teacher_that_always_fails_ends_it_in_one_line_with_the_way_out_before_any_label_is_bought(tmp_path):
    folder = tmp_path / "run"
    fails = {"what": "nan_forces"}
    # One system: no other task is in flight at the end.
    config = taught_config(tmp_path / "config", "tests.support.raising:Strange", fails, systems=TINY["systems"])
    for _ in range(2):  # again, nothing is computed twice
        out = io.StringIO()
        code = run_campaign(config, folder, Console(file=out, width=1000), plain=True)
        assert code == exit_codes.STOPPED
        reason = folded(folder).verdict.reason
        assert reason in " ".join(out.getvalue().split())
        assert "the teacher labels no frame of CuAl: the teacher labels 0 of 8 frames" in reason
        assert "the last one without: forces: a force is not a finite number" in reason
        assert reason.endswith("begin a campaign of another `name` with a mended teacher or with `teacher: null`")
        assert "Traceback" not in out.getvalue()
        assert set(attempts(folder, "teach").values()) == {1}
        assert not attempts(folder, "label") + attempts(folder, "fit")
    assert not folded(folder).running


@pytest.mark.slow
def test_a_teacher_whose_process_always_dies_ends_it_too_with_the_words_of_the_process(tmp_path):
    folder, count = tmp_path / "run", tmp_path / "count"
    arguments = {"count": str(count), "dies": True}
    calculator = "tests.support.counted_labels:CountedEMT"
    config = taught_config(tmp_path / "config", calculator, arguments, python=sys.executable, budget={"retries": 1})
    code, output = run(config, folder)
    assert code == exit_codes.STOPPED, output
    told = " ".join(output.split())
    assert "the teacher labels no frame of CuAl" in told
    assert "ended with exit status 9" in told
    assert "`teacher: null`" in told
    assert "Traceback" not in output
    assert left_behind(folder) == []
    assert len(count.read_text().split()) > 1
