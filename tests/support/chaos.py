"""Chaos: campaigns whose processes are killed at random instants, and what is left of them at the end.

``python -m tests.support.chaos --kills 100 --seed 0`` prints one table; `make chaos` does that.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from alloop.journal.journal import JOURNAL_FILE
from tests.support.campaigns import TINY, folded, left_behind, run, start, write_config
from tests.support.victims import KINDS, living
from tests.support.waiting import wait_for

PAUSE_S = 0.3
"""Length of a label (s)."""
REACH = 3.0
"""How much longer than the longest finished label one that was broken can have been in flight."""
AIMED_SHARE, HALTED_SHARE = 0.6, 0.1
"""How many blows wait for the beginning of a label, and how many only halt their victim for a while."""
GO_ON = (75, 2, -signal.SIGKILL)
"""Exit codes of a driver after which it is started again: the second where no worker was let up."""


@dataclass(frozen=True)
class Blow:
    """One kill, or one halt of a while."""

    t: float
    victim: str
    halted_s: float = 0.0

    def broke(self, t: float, longest_s: float) -> bool:
        """Return whether a label that began at a time, and took so long at most (s), can have been in flight."""
        return t - 0.1 <= self.t + self.halted_s and self.t <= t + longest_s


@dataclass
class Report:
    """What came of one campaign."""

    seed: int
    blows: list[Blow] = field(default_factory=list)
    starts: int = 0
    exits: Counter[int] = field(default_factory=Counter)
    healed: int = 0
    labels: int = 0
    lost: int = 0
    attempts: int = 0
    in_flight: int = 0
    beyond: int = 0
    charged: float = 0.0
    integrity: str = ""
    left: int = 0
    identical: bool = False
    wall_s: float = 0.0

    def kills(self) -> Counter[str]:
        """Count the kills by victim."""
        return Counter(blow.victim for blow in self.blows if not blow.halted_s)

    def halts(self) -> int:
        """Count the halts."""
        return sum(1 for blow in self.blows if blow.halted_s)

    def sound(self) -> bool:
        """Return whether nothing was lost, bought twice, broken or left."""
        return not (self.lost or self.beyond or self.left) and self.integrity == "ok" and self.identical


def chaos_config(folder: Path, seed: int) -> Path:
    """Write the campaign: lockstep, real processes, real MACE, labels that take a moment; retries at their default."""
    return write_config(
        folder,
        seed=seed,
        overlap=False,
        initial={"frames": 6, "rattle_A": 0.08},
        ladder={"rungs": [6, 12], "fits": 2},
        fit={**TINY["fit"], "every_labels": 6},
        label={
            "engine": "ase",
            "calculator": "tests.support.slow_labels:SlowEMT",
            "arguments": {"pause_s": PAUSE_S},
        },
        execution={
            "executors": {"local": {"kind": "local", "workers": 2}},
            "heartbeat_s": 1,
            "heartbeat_limit_s": 4,
        },
    )


def undisturbed(folder: Path, seed: int) -> list[Any]:
    """Run the campaign in peace and return what it selected."""
    code, output = run(chaos_config(folder / "config", seed), folder / "campaign", timeout_s=600)
    assert code == 0, output
    return selected(folder / "campaign")


def selected(folder: Path) -> list[Any]:
    """Return every selected frame: id, rank, structure, and the key and energy of its label."""
    state = folded(folder)
    energies = {task.key: task.finished.summary for task in state.tasks.values() if task.task == "label"}
    frames = [state.frames[i] for i in (*state.train_order, *state.heldout_order)]
    return [(f.id, f.use, f.rank, f.offer.structure_sha256, f.label, energies.get(f.label)) for f in frames]


def harass(folder: Path, seed: int, kills: int, expected: list[Any]) -> Report:
    """Run a campaign to its verdict with at most so many kills on the way, and look at what is left.

    Parameters
    ----------
    folder : pathlib.Path
        Where the campaign goes, new.
    seed : int
        Of the campaign and of the kills.
    kills : int
        Kills at most; a campaign that ends before has fewer.
    expected : list
        What the undisturbed campaign selected.
    """
    config, campaign = chaos_config(folder / "config", seed), folder / "campaign"
    report, dice, begin = Report(seed), random.Random(seed), time.monotonic()
    victims = shuffled(dice)
    with (folder / "output.txt").open("a") as output:
        while True:
            driver = start(config, campaign, stdout=output)
            report.starts += 1
            while sum(report.kills().values()) < kills and driver.poll() is None:
                strike(campaign, driver, next(victims), dice, report)
            code = driver.wait(timeout=600)
            report.exits[code] += 1
            if code not in GO_ON:
                break
    assert code == 0, f"exit code {code}; {(folder / 'output.txt').read_text()[-4000:]}"
    report.healed = (folder / "output.txt").read_text().count("starts again in place")
    report.left = len(left_behind(campaign, 20))
    examine(campaign, report, expected)
    report.wall_s = time.monotonic() - begin
    return report


def shuffled(dice: random.Random) -> Iterator[str]:
    """Yield victims for ever, each kind as often as the others."""
    while True:
        yield from dice.sample(KINDS, len(KINDS))


def strike(folder: Path, driver: subprocess.Popen[str], victim: str, dice: random.Random, report: Report) -> None:
    """Wait for a random instant, often just after a label began, and hit somebody."""
    if dice.random() < AIMED_SHARE:
        before = len(label_attempts(folder))
        wait_for(lambda: len(label_attempts(folder)) > before or driver.poll() is not None, 20)
        time.sleep(dice.uniform(0.0, 1.5 * PAUSE_S))
    else:
        time.sleep(dice.uniform(0.0, 4.0))
    halted_s = dice.uniform(0.5, 5.0) if dice.random() < HALTED_SHARE else 0.0
    wait_for(lambda: living(folder, victim) or driver.poll() is not None, 10)
    alive = living(folder, victim)
    if not alive or driver.poll() is not None:
        return
    process = dice.choice(sorted(alive, key=lambda process: process.pid))
    try:
        process.send_signal(signal.SIGSTOP if halted_s else signal.SIGKILL)
    except psutil.Error:
        return
    report.blows.append(Blow(time.time(), victim, halted_s))
    with (folder.parent / "blows.txt").open("a") as file:
        print(f"{time.time():.3f} {victim} {process.pid} {halted_s:.1f}", file=file)
    if halted_s:
        time.sleep(halted_s)
        with suppress(psutil.Error):
            process.send_signal(signal.SIGCONT)
    if victim == "driver" and not halted_s:
        driver.wait()


def label_attempts(folder: Path) -> list[tuple[float, str, int]]:
    """Return when which label was begun by which process."""
    log = folder / "logs" / "attempts.log"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(float(t), key, int(pid)) for t, kind, key, _, pid in lines if kind == "label"]


def examine(folder: Path, report: Report, expected: list[Any]) -> None:
    """Count what was lost, what was computed twice, and compare the selected frames."""
    state = folded(folder)
    labels = {task.key: task for task in state.tasks.values() if task.task == "label"}
    report.labels = len(labels)
    report.lost = sum(task.status != "ok" for task in labels.values())
    report.charged = sum(task.attempts - 1 for task in state.tasks.values())
    begun: dict[str, list[float]] = {}
    for t, key, _ in label_attempts(folder):
        begun.setdefault(key, []).append(t)
    report.attempts = sum(map(len, begun.values()))
    timings = [task.finished.timing for task in labels.values() if task.finished and task.finished.timing]
    longest_s = REACH * max((timing.finished_t - timing.started_t for timing in timings), default=0.0)
    for key, times in begun.items():
        timing = labels[key].finished.timing if labels[key].finished else None
        bought = [t for t in times if timing is None or t > timing.finished_t]
        broken = [t for t in times if t not in bought][:-1]
        explained = sum(any(blow.broke(t, longest_s) for blow in report.blows) for t in broken)
        report.in_flight += explained
        report.beyond += len(bought) + len(broken) - explained
    with sqlite3.connect(folder / JOURNAL_FILE) as database:
        report.integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
    report.identical = selected(folder) == expected


def table(reports: list[Report]) -> str:
    """Return the reports as a table, the last row for all of them."""
    heads = [*KINDS, "halts", "starts", "healed", "labels", "lost", "begun", "in flight", "beyond", "charged"]
    heads += ["integrity", "left", "identical", "s"]
    rows = [["campaign", "kills", *heads]]
    for name, part in [*((str(report.seed), [report]) for report in reports), ("all", reports)]:
        kills: Counter[str] = sum((report.kills() for report in part), Counter())
        counts = [kills[kind] for kind in KINDS]
        counts += [sum(report.halts() for report in part), sum(report.starts for report in part)]
        counts += [sum(getattr(report, what) for report in part) for what in ("healed", "labels", "lost", "attempts")]
        counts += [sum(report.in_flight for report in part), sum(report.beyond for report in part)]
        integrity = "ok" if all(report.integrity == "ok" for report in part) else "BROKEN"
        identical = "yes" if all(report.identical for report in part) else "NO"
        charged, wall = f"{sum(report.charged for report in part):g}", f"{sum(report.wall_s for report in part):.0f}"
        left = sum(report.left for report in part)
        rows.append([name, *map(str, (sum(kills.values()), *counts, charged, integrity, left, identical, wall))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)) for row in rows)


def main() -> int:
    """Run campaigns until there were enough kills, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-campaign", type=int, default=25, help="kills of one campaign at most")
    parser.add_argument("--keep", type=Path, default=None, help="folder to keep the campaigns in")
    options = parser.parse_args()
    root, reports, done, seed = options.keep or Path(tempfile.mkdtemp(prefix="chaos-")), [], 0, options.seed
    while done < options.kills:
        (root / str(seed)).mkdir(parents=True)
        expected = undisturbed(root / str(seed) / "peace", seed)
        reports.append(harass(root / str(seed), seed, min(options.per_campaign, options.kills - done), expected))
        done, seed = sum(sum(report.kills().values()) for report in reports), seed + 1
        print(table(reports[-1:]).splitlines()[1], flush=True)
    print(f"\n{table(reports)}\n\nlabels of {PAUSE_S} s, budget.retries at its default; campaigns in {root}")
    print("kills by victim; starts of the driver; healed: restarts in place; in flight: labels begun again that a kill")
    print("broke; beyond: others; charged: attempts that tasks lost; left: processes at the end")
    return 0 if all(report.sound() for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
