"""The command line as a process: what it imports, and what it says where nothing is as it should be."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alloop.commands.interruption import NOTHING_STARTED
from tests.support.campaigns import environment, write_config
from tests.support.journals import play
from tests.support.waiting import wait_for

HEAVY = {"torch", "mace", "scipy", "parsl", "plotly", "wandb", "sklearn", "gpaw"}
LONG = "x" * 300


def alloop(*words, **options):
    options = {"capture_output": True, "env": environment() | options.pop("environ", {}), **options}
    return subprocess.run([sys.executable, "-m", "alloop", *map(str, words)], check=False, **options)


def imported(*words, **environ):
    """Return how a command ended, and the packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "alloop", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment() | environ,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done, {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    play(folder)
    return folder


def test_help_imports_nothing_that_takes_long():
    done, packages = imported("--help")
    assert done.returncode == 0
    assert packages & (HEAVY | {"numpy", "pydantic", "ase", "yaml"}) == set()


def test_a_place_without_a_campaign_costs_no_import_that_takes_long(tmp_path):
    done, packages = imported("status", tmp_path / "nofolder")
    assert done.returncode == 2
    assert packages & (HEAVY | {"numpy", "ase"}) == set()


def test_a_config_that_is_none_costs_no_import_that_takes_long(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("sead: 1\n")
    done, packages = imported("run", config)
    assert done.returncode == 2
    assert packages & (HEAVY | {"numpy", "ase"}) == set()


def test_every_problem_of_a_config_is_a_line(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("sead: 1\nladdr: {}\n")
    told = alloop("check", config, text=True).stderr.splitlines()
    assert all(line.startswith(f"alloop: {config}") and "more problem" not in line for line in told)
    assert sum("unknown key; did you mean" in line for line in told) == 2


def test_the_status_of_a_campaign_imports_no_library_of_its_work_and_is_shown_in_any_encoding(campaign):
    done, packages = imported("status", campaign, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert packages & HEAVY == set()
    assert "78.19 +- 0.49 meV/A" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("status", LONG), "is too long: a name may have"),
        (("run", "tiny.yaml", "--folder", "y/" * 2000), "is too long: a name may have"),
    ],
)
def test_a_place_that_cannot_be_is_one_line(tmp_path, words, says):
    write_config(tmp_path)
    done = alloop(*words, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "alloop-crash.txt").exists()


def test_a_configuration_of_ase_that_cannot_be_read_is_blamed_on_its_file(tmp_path):
    config = tmp_path / "config.ini"
    config.write_text("no section\n")
    done = alloop("check", write_config(tmp_path), environ={"ASE_CONFIG_PATH": str(config)}, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert str(config) in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_closed_input_or_output_changes_no_exit_code(descriptor):
    done = alloop("--version", preexec_fn=lambda: os.close(descriptor))
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_anything_is_imported_is_one_line(tmp_path, number):
    words = [sys.executable, "-m", "alloop", "run", str(write_config(tmp_path)), "--plain"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    assert wait_for(lambda: catches(process.pid, number), 30)
    process.send_signal(number)
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == f"{NOTHING_STARTED}\n"
    assert process.returncode == 130


def catches(pid, number):
    """Return whether a process has a handler for a signal; Python itself has one for SIGINT."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    return all(int(line.split()[1], 16) >> (one - 1) & 1 for one in (number, signal.SIGTERM))
