"""What chaos does to the processes of a campaign: kills, halts of a while, two interruptions of the driver."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from alloop.commands.interruption import INTERRUPTED
from alloop.journal.journal import JOURNAL_FILE
from tests.support.campaigns import begun
from tests.support.victims import KINDS, kind_of, living
from tests.support.waiting import wait_for

TWICE = "ctrl-c"
VICTIMS = (*KINDS, TWICE)
"""What is killed; the last stands for a driver that is interrupted twice."""
HALT, END = "halt", "end"
END_S = 180.0
"""How long a driver may take to end (s) when it must."""


@dataclass
class Target:
    """A campaign under chaos.

    Attributes
    ----------
    config, output : pathlib.Path
        Its config, and what its drivers print.
    home, folder : pathlib.Path
        Where its folder was made, and where it is now.
    driver : subprocess.Popen
        The present one.
    dice : random.Random
        Draws everything.
    """

    config: Path
    output: Path
    home: Path
    folder: Path
    driver: subprocess.Popen[str]
    dice: random.Random

    def ended(self) -> bool:
        """Return whether the driver has ended."""
        return self.driver.poll() is not None

    def last_words(self) -> str:
        """Return the last line that a driver printed."""
        return (self.output.read_text(errors="replace").strip().splitlines() or [""])[-1]

    def until(self, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait for something, or the driver's end; return whether the driver still runs."""
        wait_for(lambda: condition() or self.ended(), timeout_s)
        return not self.ended()

    def until_a_label_begins(self) -> bool:
        """Wait for the beginning of a label; return whether the driver still runs."""
        before = len(begun(self.folder, "label"))
        return self.until(lambda: len(begun(self.folder, "label")) > before, 20)

    def until_the_driver_works(self) -> bool:
        """Wait until the driver has its journal open and workers on the way; return whether it has."""

        def works() -> bool:
            with suppress(psutil.Error):
                driver = psutil.Process(self.driver.pid)
                journal_open = str(self.folder / JOURNAL_FILE) in {file.path for file in driver.open_files()}
                return journal_open and any(kind_of(child) == "interchange" for child in driver.children())
            return False

        return self.until(works, 60) and works()

    def end(self) -> int | None:
        """Wait for the driver's own end and return its exit code; None of one that had to be killed."""
        try:
            return self.driver.wait(END_S)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
            return None


@dataclass(frozen=True)
class Blow:
    """One disturbance.

    Attributes
    ----------
    t : float
        When it began.
    what : str
        One of `VICTIMS`, `HALT`, a fault of the folder, or `END`: a driver ends that a blow made end.
    lasted_s : float
        How long it lasted (s).
    odd : str
        What happened that is not as documented, or nothing.
    """

    t: float
    what: str
    lasted_s: float = 0.0
    odd: str = ""

    def broke(self, t: float, longest_s: float) -> bool:
        """Return whether a label that began at a time, and took so long at most (s), can have been in flight."""
        return t - 0.1 <= self.t + self.lasted_s and self.t <= t + longest_s


def kill(target: Target, victim: str) -> Blow | None:
    """Kill a process of a kind, or interrupt the driver twice; return None if there is none."""
    if victim == TWICE:
        return _interrupt_twice(target)
    process, t = _one_of(target, victim), time.time()
    if process is None or not _send(process, signal.SIGKILL):
        return None
    if victim == "driver":
        target.driver.wait()
    return Blow(t, victim)


def halt(target: Target) -> Blow | None:
    """Halt a process of any kind for a while; return None if there is none."""
    process, t = _one_of(target, target.dice.choice(KINDS)), time.time()
    if process is None or not _send(process, signal.SIGSTOP):
        return None
    time.sleep(target.dice.uniform(0.5, 5.0))
    _send(process, signal.SIGCONT)
    return Blow(t, HALT, time.time() - t)


def _one_of(target: Target, kind: str) -> psutil.Process | None:
    if not target.until(lambda: living(target.home, kind), 10):
        return None
    alive = sorted(living(target.home, kind), key=lambda process: process.pid)
    return target.dice.choice(alive) if alive else None


def _send(process: psutil.Process, number: int) -> bool:
    with suppress(psutil.Error):
        process.send_signal(number)
        return True
    return False


def _interrupt_twice(target: Target) -> Blow | None:
    """Interrupt a driver that listens, and again within a moment."""
    if not target.until(lambda: _listens(target.driver.pid), 10):
        return None
    t = time.time()
    for _ in range(2):
        target.driver.send_signal(signal.SIGINT)
        time.sleep(target.dice.choice((0.0, target.dice.uniform(0.0, 2.0))))
    code = target.end()
    odd = "" if code in (INTERRUPTED, 0) else f"exit code {code} after Ctrl-C twice: {target.last_words()}"
    return Blow(t, TWICE, time.time() - t, odd)


def _listens(pid: int) -> bool:
    """Return whether a process handles a signal that Python itself does not handle."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)
