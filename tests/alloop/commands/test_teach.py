"""``alloop teach``: a committee that was taught without a label, and the foundation that it is for others."""

import hashlib
import io
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from alloop.checks.crosscheck import cross_check
from alloop.commands import exit_codes
from alloop.commands.teach import _config_line, run_teaching
from alloop.config import ConfigError
from alloop.config.loading import load_config
from alloop.decisions.fit_requests import pretrained
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.model_files import read_model
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import THREADS, TINY, attempts, command, do, folded, left_behind, run, write_config
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
TEACHER = {"model": {"calculator": "ase.calculators.emt:EMT"}, "rounds": 2, "frames": 16, "steps": 20}


def test_without_a_teacher_the_mend_is_one_line_and_nothing_is_created(tmp_path):
    config = write_config(tmp_path)
    with pytest.raises(ConfigError, match=r"tiny.yaml.*teacher: `alloop teach` needs a teacher.*sevennet-l3i5") as told:
        run_teaching(config, tmp_path / "run", Console(file=io.StringIO()), plain=True)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("ended", "lacking", "code", "written"),
    [
        (exit_codes.OK, [], exit_codes.OK, True),
        (exit_codes.STOPPED, [], exit_codes.OK, True),  # over its labels, long after it was taught
        (exit_codes.STOPPED, [1], exit_codes.STOPPED, False),
        (exit_codes.INTERRUPTED, [], exit_codes.INTERRUPTED, False),
        (exit_codes.RETRY, [], exit_codes.RETRY, False),
    ],
)
def test_a_campaign_that_stopped_after_it_was_taught_gives_its_committee(
    tmp_path, monkeypatch, ended, lacking, code, written
):
    asked = []
    for name, answer in {
        "run_loaded": ended,
        "read_entries": [],
        "fold": None,
        "untaught": lacking,
    }.items():
        monkeypatch.setattr(f"alloop.commands.teach.{name}", lambda *args, answer=answer, **options: answer)
    monkeypatch.setattr("alloop.commands.teach.write_foundation", lambda *args: asked.append(args) or "a" * 64)
    config = write_config(tmp_path, teacher=TEACHER)
    assert run_teaching(config, tmp_path / "run", Console(file=io.StringIO()), plain=True) == code
    assert bool(asked) == written


@pytest.mark.parametrize("output", [".", "/dev/null", "tiny.yaml/f.pt", "closed/f.pt", "closed/new/f.pt"])
def test_an_output_that_cannot_be_a_file_is_told_before_anything_is_taught(tmp_path, monkeypatch, output):
    monkeypatch.setattr("alloop.commands.teach.run_loaded", None)
    monkeypatch.setattr("os.access", lambda path, mode: "closed" not in str(path))
    (tmp_path / "closed").mkdir()
    config = write_config(tmp_path, teacher=TEACHER)
    with pytest.raises(ConfigError, match=r"name a(nother)? file with --output") as told:
        run_teaching(config, tmp_path / "run", Console(file=io.StringIO()), output=tmp_path / output)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["foundation.pt", "a, b: {c} #1.pt", "Lös ung's.pt"])
def test_the_line_for_a_config_holds_for_any_path(tmp_path, name):
    path = tmp_path / name
    line = _config_line(path, "0" * 64)
    assert "\n" not in line
    assert yaml.safe_load(line) == {"foundation": {"path": str(path), "sha256": "0" * 64}}


@pytest.mark.slow
def test_a_teacher_that_answers_nothing_ends_it_without_a_foundation(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    broken = {**TEACHER, "model": {"calculator": "tests.support.calculators:LogsAndFails"}}
    config = write_config(tmp_path, teacher=broken, execution=THREADS)
    code, output = do("teach", config, "--folder", str(tmp_path / "run"))
    assert code == exit_codes.STOPPED, output
    assert "labels no frame of CuAl" in output
    assert "A config begins from it" not in output
    assert not (tmp_path / "run" / "foundation.pt").exists()


@pytest.mark.slow
class TestTaught:
    @pytest.fixture(scope="class")
    def config(self, tmp_path_factory):
        return write_config(tmp_path_factory.mktemp("taught"), teacher=TEACHER, execution=THREADS)

    @pytest.fixture(scope="class")
    def folder(self, config):
        return config.parent / "runs" / "tiny"

    @pytest.fixture(scope="class")
    def done(self, config, folder):
        """A teaching that was stopped by Ctrl-C once, and went on: code and output."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        driver = subprocess.Popen(**command("teach", config), **pipes, start_new_session=True)
        assert wait_for(lambda: attempts(folder, "teach"), 120)
        os.killpg(driver.pid, signal.SIGINT)
        output, _ = driver.communicate(timeout=60)
        assert driver.returncode == exit_codes.INTERRUPTED, output
        assert not (folder / "foundation.pt").exists()
        assert left_behind(config.parent) == []
        return do("teach", config)

    def test_it_asks_for_no_label_and_no_isolated_atom_and_comes_to_no_verdict(self, done, folder):
        code, output = done
        assert code == exit_codes.OK, output
        assert "Continuing with 0 labels" in output
        assert {task.task for task in folded(folder).tasks.values()} == {"teach", "fit"}
        assert not attempts(folder, "label") + attempts(folder, "atom")
        assert folded(folder).verdict is None

    def test_the_line_that_a_config_needs_is_told_and_is_true(self, done, folder, tmp_path):
        file = folder / "foundation.pt"
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        foundation = {"path": str(file), "sha256": sha256}
        assert f"`foundation: {{path: {file}, sha256: {sha256}}}`" in done[1]
        cross_check(load_config(write_config(tmp_path, potential={**TINY["potential"], "foundation": foundation})))

    def test_its_members_are_those_that_were_taught(self, done, folder):
        state, workspace = folded(folder), Workspace(folder)
        sha256 = hashlib.sha256((folder / "foundation.pt").read_bytes()).hexdigest()
        for number in range(2):
            found = load_foundation_file(folder / "foundation.pt", sha256, member=number).state_dict()
            meant = read_model(workspace.model_path(pretrained(state, number))).state_dict()
            assert found.keys() == meant.keys()
            assert all(found[name].equal(meant[name]) for name in meant)

    def test_done_again_nothing_is_computed_twice_and_the_file_is_written_where_it_is_wanted(
        self, done, config, folder
    ):
        before = attempts(folder, "teach") + attempts(folder, "fit")
        code, output = do("teach", config, "--output", "elsewhere/f.pt")
        assert code == exit_codes.OK, output
        assert attempts(folder, "teach") + attempts(folder, "fit") == before
        written = config.parent / "elsewhere" / "f.pt"
        assert written.read_bytes() == (folder / "foundation.pt").read_bytes()
        assert str(written) in output

    def test_another_campaign_begins_with_its_members_and_comes_to_a_verdict(self, done, folder, tmp_path):
        file = folder / "foundation.pt"
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        potential = {**TINY["potential"], "foundation": {"path": str(file), "sha256": sha256}}
        ladder = {"rungs": [4], "fits": 2}
        config = write_config(tmp_path, potential=potential, ladder=ladder, execution=THREADS)
        code, output = run(config, tmp_path / "run")
        assert code == exit_codes.OK, output
        first = folded(tmp_path / "run").generations[0]
        assert first.models == {number: f"foundation:{sha256}@{number}" for number in range(2)}
        assert set(attempts(tmp_path / "run", "teach")) == set()
