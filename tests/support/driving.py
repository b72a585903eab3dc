"""A driver that runs while a test disturbs its campaign, and is stopped when the test has seen enough."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alloop.journal.events import AttemptLost, TaskFinished
from alloop.journal.journal import JournalError, read_entries
from alloop.state.state import CampaignState
from tests.support.campaigns import folded, left_behind, start
from tests.support.waiting import wait_for

QUICK = {"executors": {"local": {"kind": "local", "workers": 2}}, "heartbeat_s": 1, "heartbeat_limit_s": 4}
"""An ``execution`` section: two workers whose loss is noticed within seconds."""
ONE_WORKER = {**QUICK, "executors": {"local": {"kind": "local", "workers": 1}}}


def many_first_labels(count: int) -> dict[str, Any]:
    """Return the sections of a campaign that begins with so many labels."""
    return {"initial": {"frames": count, "rattle_A": 0.08}, "ladder": {"rungs": [count, 2 * count], "fits": 2}}


@dataclass
class Driving:
    """A running driver; after its end also what it printed, its exit code, and the processes it left."""

    folder: Path
    process: subprocess.Popen[str]
    output: str = ""
    code: int | None = None
    left: list[Any] = field(default_factory=list)

    def until(self, condition: Callable[[CampaignState], object], timeout_s: float = 120) -> None:
        """Wait until something is true of the campaign."""

        def true() -> bool:
            try:
                return bool(condition(folded(self.folder)))
            except JournalError:
                return False

        assert wait_for(lambda: true() or self.process.poll() is not None, timeout_s), "it never happened"

    def end(self, timeout_s: float = 240) -> None:
        """Wait for the driver's own end."""
        self.output, _ = self.process.communicate(timeout=timeout_s)
        self.code = self.process.returncode
        self.left = left_behind(self.folder, 20)


@contextmanager
def driving(config: Path, folder: Path, **keywords: Any) -> Iterator[Driving]:
    """Run a driver for the length of a ``with`` block, then stop it as a batch system would."""
    one = Driving(folder, start(config, folder, **keywords))
    try:
        yield one
    finally:
        if one.code is None:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
            one.end()


def losses(folder: Path, purpose: str = "") -> list[AttemptLost]:
    """Return the attempts that a campaign lost, at one purpose or at all."""
    events = (entry.event for entry in read_entries(folder))
    return [event for event in events if isinstance(event, AttemptLost) and event.purpose.startswith(purpose)]


def failures(folder: Path) -> list[TaskFinished]:
    """Return the ends of the tasks that failed."""
    events = (entry.event for entry in read_entries(folder))
    return [event for event in events if isinstance(event, TaskFinished) and event.status == "failed"]


def labelled(count: int) -> Callable[[CampaignState], bool]:
    """Return the condition that so many labels are there."""
    return lambda state: state.labelled("train") + state.labelled("heldout") >= count
