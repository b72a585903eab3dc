"""How long a finished campaign of 2,500 labels takes to open and resume.

    python -m benchmarks.resume

The campaign is simulated (see scale.py) on a real config and lies on disk. What is timed is the whole of `alloop run`
on it, without the imports: the config and every file it names are checked, the journal is opened and folded, the label
files are verified against it, and the ending is printed.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import yaml
from ase.build import bulk
from ase.io import write
from rich.console import Console

from alloop.campaign.loop import Campaign
from alloop.campaign.opening import create
from alloop.checks.crosscheck import cross_check
from alloop.commands.outputs import DATASET_FILE, EXPORT_FOLDER, REPORT_FILE
from alloop.commands.run import run_campaign
from alloop.config.loading import load_config
from alloop.decisions.charter import Charter
from alloop.journal.events import DriverStarted
from alloop.journal.journal import Journal
from alloop.simulation.cluster import Clock, VirtualCluster
from alloop.tasks.workspace import Workspace
from benchmarks.scale import DURATIONS

REPEATS = 3
SLOTS = {"dft": {"kind": "local", "workers": 128}, "ml": {"kind": "local", "workers": 32}}


def write_config(folder: Path) -> Path:
    """Write a campaign of 2,500 labels and its structure, and return the config."""
    write(folder / "NaCl.extxyz", bulk("NaCl", "rocksalt", 5.6))
    config = {
        "name": "resume",
        "systems": [{"name": "NaCl", "structure": "NaCl.extxyz"}],
        "initial": {"frames": 48},
        "label": {"engine": "gpaw"},
        "explore": {"temperatures_K": [600, 800, 1000, 1200], "replicas": 6, "random_offers": 4},
        "select": {"batch": 16, "per_walker": 8},
        "ladder": {"lookahead_rungs": 3},
        "fit": {"every_labels": 128},
        "execution": {"executors": SLOTS, "label": "dft", "explore": "ml", "fit": "ml", "measure": "ml"},
    }
    path = folder / "resume.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def simulate(path: Path, folder: Path) -> int:
    """Run the campaign to its verdict on the virtual clock, and return the number of events."""
    loaded, clock = load_config(path), Clock()
    cross_check(loaded)
    with Journal(folder, clock=clock) as journal:
        workspace = Workspace(folder)
        state = create(loaded, journal, workspace, None)
        assert state.created is not None
        cluster = VirtualCluster(folder, loaded.config.execution, DURATIONS, clock)
        Campaign(journal, state, Charter.of(state.created, loaded.config), cluster, workspace).run(
            DriverStarted(host="virtual", pid=1, version="0")
        )
    for name in (f"{EXPORT_FOLDER}/{DATASET_FILE}", f"{EXPORT_FOLDER}/leader.model", REPORT_FILE):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return state.seq


def main() -> None:
    """Simulate, resume a few times, and print the times."""
    with tempfile.TemporaryDirectory(prefix="resume-") as name:
        path, folder = write_config(Path(name)), Path(name) / "campaign"
        print(f"{simulate(path, folder)} events")
        for _ in range(REPEATS):
            output = io.StringIO()
            begin = time.perf_counter()
            code = run_campaign(path, folder, Console(file=output), plain=True)
            took = time.perf_counter() - begin
            ending = output.getvalue().strip().splitlines()
            print(f"resumed in {took:.2f} s, exit code {code}: {ending[0]}")


if __name__ == "__main__":
    main()
