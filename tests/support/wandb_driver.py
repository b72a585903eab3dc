"""A driver that shows a journal to a `WandbView` and does nothing else; run as a process of its own.

``python wandb_driver.py FOLDER FIRST LAST [killed|core-killed|interrupted]``: the entries before FIRST are history,
those up to LAST come live. Prints one JSON line with what happened. ``killed`` waits until the rows are on disk and
dies without a word, ``core-killed`` kills wandb's own process halfway, ``interrupted`` sends Ctrl-C to the group.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from alloop.config.machine import WandbConfig
from alloop.journal.journal import read_entries
from alloop.monitor.wandb_upload import WandbView
from alloop.state.fold import apply
from alloop.state.state import CampaignState


def main(folder: Path, first: int, last: int, fate: str) -> None:
    entries = read_entries(folder)
    history, live = entries[:first], entries[first:last]
    config = WandbConfig.model_validate(json.loads(os.environ.get("TEST_WANDB_CONFIG", "{}")))
    started = time.monotonic()
    view = WandbView(config, "alloop0test", "quickstart", folder, history, init_timeout_s=3.0, finish_timeout_s=10.0)
    slowest = time.monotonic() - started
    state = CampaignState()
    for entry in history:
        apply(state, entry)
    for number, entry in enumerate(live):
        if fate == "core-killed" and number == len(live) // 2:
            _kill_core()
        apply(state, entry)
        before = time.monotonic()
        view.on_entry(entry, state)
        slowest = max(slowest, time.monotonic() - before)
    if fate == "killed":
        _wait_for_rows(folder)
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "interrupted":
        _wait_for_core()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.killpg(0, signal.SIGINT)
    closing = time.monotonic()
    view.close()
    closed = time.monotonic() - closing
    print(json.dumps({"slowest_s": slowest, "close_s": closed, "note": view.note}), flush=True)


def _core() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "wandb-core" in child.name()]


def _wait_for_core() -> None:
    limit = time.monotonic() + 20.0
    while not _core() and time.monotonic() < limit:
        time.sleep(0.1)
    time.sleep(1.5)


def _wait_for_rows(folder: Path) -> None:
    """Wait until what is on disk has stood still for a while, on a busy machine too."""
    limit, size, since = time.monotonic() + 60.0, 0, time.monotonic()
    while time.monotonic() < limit and (size == 0 or time.monotonic() - since < 3.0):
        now = sum(file.stat().st_size for file in folder.rglob("*.wandb"))
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.2)


def _kill_core() -> None:
    _wait_for_core()
    for process in _core():
        process.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
