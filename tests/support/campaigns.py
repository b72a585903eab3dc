"""Whole campaigns as a user runs them, on a label engine that answers in milliseconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner

from alloop.cli import app
from alloop.reading import ReadCampaign
from alloop.state.state import CampaignState

MARK = "ALLOOP_TEST_CAMPAIGN"
"""Environment variable that every process of a tested campaign inherits; its value is the campaign's folder."""

TINY: dict[str, Any] = {
    "name": "tiny",
    "seed": 1,
    "systems": [{"name": "CuAl", "structure": "CuAl.extxyz"}],
    "initial": {"frames": 4, "rattle_A": 0.08},
    "potential": {
        "committee": 2,
        "architecture": {
            "channels": 4,
            "max_ell": 1,
            "correlation": 1,
            "layers": 1,
            "cutoff_A": 3.5,
            "radial_functions": 4,
        },
    },
    "label": {"engine": "ase", "calculator": "ase.calculators.emt:EMT"},
    "fit": {
        "every_labels": 4,
        "max_steps": 20,
        "rung_steps": 20,
        "epochs": 1,
        "check_every_steps": 10,
        "batch_size": 2,
    },
    "explore": {
        "temperatures_K": [300],
        "replicas": 2,
        "segment_fs": 40,
        "check_every_steps": 5,
        "random_offers": 4,
        "timestep_fs": 2.0,
    },
    "select": {"lower_eV_per_A": 0.0, "upper_eV_per_A": 100.0, "batch": 3, "pool_factor": 2, "per_walker": 3},
    "heldout": {"minimum": 3, "fraction": 0.3, "segment_fs": 20, "equilibration_fs": 0},
    "ladder": {"rungs": [4, 8], "fits": 2},
    "execution": {"executors": {"local": {"kind": "local", "workers": 2}}, "heartbeat_s": 2, "heartbeat_limit_s": 6},
    "monitor": {"wandb": {"enabled": False}},
}

THREADS: dict[str, Any] = {"executors": {"local": {"kind": "threads", "workers": 1}}}
"""An ``execution`` section without processes of workers, for tests of what does not depend on them."""


def write_config(folder: Path, **changes: Any) -> Path:
    """Write the tiny campaign's config and structure into a folder and return the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
    atoms.symbols[0] = "Al"
    write(folder / "CuAl.extxyz", atoms)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, **changes}))
    return path


def start(config: Path, folder: Path, **keywords: Any) -> subprocess.Popen[str]:
    """Start ``alloop run`` as a user would, in a session of its own; `environ` adds to its environment."""
    command = [sys.executable, "-m", "alloop", "run", str(config), "--folder", str(folder), "--plain"]
    options: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "start_new_session": True,
    }
    options["env"] = environment() | {MARK: str(folder)} | keywords.pop("environ", {})
    return subprocess.Popen(command, **{**options, **keywords})


def run(config: Path, folder: Path, timeout_s: float = 300) -> tuple[int, str]:
    """Run a campaign to its end and return exit code and output."""
    process = start(config, folder)
    output, _ = process.communicate(timeout=timeout_s)
    return process.returncode, output


def command(name: str, config: Path, *options: str) -> dict[str, Any]:
    """Return the arguments of `subprocess` for a command of alloop on a config, as a user beside it would type it."""
    words = [sys.executable, "-m", "alloop", name, str(config), "--plain", *options]
    return {"args": words, "cwd": config.parent, "env": environment() | {MARK: str(config.parent)}, "text": True}


def do(name: str, config: Path, *options: str) -> tuple[int, str]:
    """Run such a command to its end and return exit code and output."""
    done = subprocess.run(**command(name, config, *options), capture_output=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def command_line(*words: object) -> tuple[int, str]:
    """Run any command of alloop to its end and return exit code and output."""
    line = [sys.executable, "-m", "alloop", *map(str, words)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def in_process(*words: object) -> str:
    """Run a command of alloop in this process, where packages are imported already, and return its output."""
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def kill_when(driver: subprocess.Popen[str], happened: Callable[[], bool], patience_s: float = 300) -> None:
    """Kill a driver the hard way as soon as something has happened."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()


def environment() -> dict[str, str]:
    """Return the environment of a command: one thread, no account anywhere."""
    hidden = ("WANDB_API_KEY",)
    return {k: v for k, v in os.environ.items() if k not in hidden} | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the living processes that a campaign's driver started, it included, or that name the folder."""
    return [process for process in psutil.process_iter() if _belongs(process, folder)]


def _belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(MARK) == str(folder) or any(str(folder) in word for word in process.cmdline())
    except psutil.Error:
        return False


def left_behind(folder: Path, patience_s: float = 10.0) -> list[psutil.Process]:
    """Return the processes of a campaign that do not end by themselves soon after their driver."""
    deadline = time.monotonic() + patience_s
    while (found := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def folded(folder: Path) -> CampaignState:
    """Return the state of a campaign, a running one too; a folder that is not there yet is a JournalError."""
    return ReadCampaign(folder).state


def attempts(folder: Path, kind: str) -> Counter[str]:
    """Count how often workers began to compute each key of a kind."""
    return Counter(key for _, key in begun(folder, kind))


def begun(folder: Path, kind: str) -> list[tuple[float, str]]:
    """Return when workers began to compute which keys of a kind."""
    log = folder / "logs" / "attempts.log"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(float(t), key) for t, of, key, *_ in lines if of == kind]
