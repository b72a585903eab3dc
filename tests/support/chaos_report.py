"""What chaos left of a campaign, and the table of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alloop.journal.events import AttemptLost
from alloop.journal.journal import JOURNAL_FILE, read_entries
from alloop.state.records import TaskState
from tests.support import raising
from tests.support.campaigns import begun, folded
from tests.support.chaos_blows import HALT, VICTIMS, Blow
from tests.support.chaos_folders import CHANGED, DENIED, FULL

REACH = 3.0
"""How much longer than the longest finished label one that was broken can have been in flight."""
RAISED = f"({Path(raising.__file__).name}, line "
"""In the words of every error that the label engine raises by itself."""
OTHERS = (HALT, DENIED, FULL, CHANGED)
"""Blows that kill nobody."""


@dataclass
class Report:
    """What came of one campaign."""

    seed: int
    blows: list[Blow] = field(default_factory=list)
    starts: int = 0
    healed: int = 0
    labels: int = 0
    wrong: int = 0
    lost: int = 0
    begun: int = 0
    raised: int = 0
    in_flight: int = 0
    beyond: int = 0
    charged: float = 0.0
    integrity: str = ""
    left: int = 0
    identical: bool = False
    wall_s: float = 0.0

    def counts(self) -> Counter[str]:
        """Count the blows by what they are."""
        return Counter(blow.what for blow in self.blows)

    def kills(self) -> int:
        """Count the kills, a driver that was interrupted twice among them."""
        return sum(self.counts()[victim] for victim in VICTIMS)

    def odd(self) -> list[str]:
        """Return what happened that is not as documented."""
        return [blow.odd for blow in self.blows if blow.odd]

    def sound(self) -> bool:
        """Return whether nothing was lost, bought twice, broken or left, and all was as documented."""
        harm = self.lost or self.beyond or self.left or self.odd()
        return not harm and self.integrity == "ok" and self.identical


@dataclass(frozen=True)
class Chosen:
    """What a campaign chose.

    Attributes
    ----------
    frames : list
        Every frame that was selected: id, use, rank, structure, and the key and result of its label.
    wrong : set of tuple
        Labels that failed: frame and reason.
    """

    frames: list[Any]
    wrong: set[tuple[str, str]]


def chosen(folder: Path) -> Chosen:
    """Return what a campaign chose."""
    state, labels = folded(folder), labels_of(folder)
    results = {task.key: task.finished.summary for task in labels.values() if task.finished}
    frames = [state.frames[name] for name in (*state.train_order, *state.heldout_order)]
    wrong = {(task.purpose, task.finished.reason) for task in labels.values() if task.status != "ok" and task.finished}
    return Chosen(
        [(f.id, f.use, f.rank, f.offer.structure_sha256, f.label, results.get(f.label or "")) for f in frames], wrong
    )


def labels_of(folder: Path) -> dict[str, TaskState]:
    """Return the labels of a campaign by key."""
    return {task.key: task for task in folded(folder).tasks.values() if task.task == "label"}


def examine(folder: Path, report: Report, expected: Chosen) -> None:
    """Count what was lost, what was computed twice, and compare what was chosen.

    An attempt that the label engine's own error ended is counted by the journal; any other but the last needs a blow
    that can have broken it.
    """
    labels, found = labels_of(folder), chosen(folder)
    report.labels, report.wrong = len(labels), len(found.wrong)
    report.lost = sum(task.status == "running" for task in labels.values()) + len(found.wrong - expected.wrong)
    report.charged = sum(task.attempts - 1 for task in folded(folder).tasks.values())
    raised = _raised(folder)
    times: dict[str, list[float]] = {}
    for t, key in begun(folder, "label"):
        times.setdefault(key, []).append(t)
    timings = [task.finished.timing for task in labels.values() if task.finished and task.finished.timing]
    longest_s = REACH * max((timing.finished_t - timing.started_t for timing in timings), default=0.0)
    for key, own in times.items():
        timing = labels[key].finished.timing if labels[key].finished else None
        finished_t = None if timing is None else timing.finished_t
        explained, beyond = explain(own, finished_t, raised[key], report.blows, longest_s)
        report.in_flight += explained
        report.beyond += beyond
    report.begun, report.raised = sum(map(len, times.values())), sum(raised.values())
    with sqlite3.connect(folder / JOURNAL_FILE) as database:
        report.integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
    report.identical = found == expected


def _raised(folder: Path) -> Counter[str]:
    """Count the attempts at each label that the engine's own errors ended, apart from those that were the last."""
    events = (entry.event for entry in read_entries(folder))
    return Counter(event.key for event in events if isinstance(event, AttemptLost) and RAISED in event.error)


def explain(
    times: list[float], finished_t: float | None, raised: int, blows: list[Blow], longest_s: float
) -> tuple[int, int]:
    """Return how many attempts at a label a blow broke, and how many others were too many.

    Parameters
    ----------
    times : list of float
        When they began.
    finished_t : float or None
        When the one ended that has a result; None of a label without one.
    raised : int
        How many the engine's own errors ended, apart from the last.
    blows : list of Blow
        All there were.
    longest_s : float
        How long an attempt can have been in flight (s).
    """
    after = [t for t in times if finished_t is not None and t > finished_t]
    before = [t for t in times if t not in after]
    broken = sum(any(blow.broke(t, longest_s) for blow in blows) for t in before)
    needed = max(0, len(before) - 1 - raised)
    explained = min(needed, broken)
    return explained, needed - explained + len(after)


HEADS = ["starts", "healed", "labels", "wrong", "lost", "begun", "raised", "in flight", "beyond", "charged"]


def table(reports: list[Report]) -> str:
    """Return the reports as a table, the last row for all of them."""
    rows = [["campaign", "kills", *VICTIMS, *OTHERS, *HEADS, "integrity", "left", "odd", "identical", "s"]]
    for name, part in [*((str(report.seed), [report]) for report in reports), ("all", reports)]:
        blows: Counter[str] = sum((report.counts() for report in part), Counter())
        counts = [sum(report.kills() for report in part), *(blows[what] for what in (*VICTIMS, *OTHERS))]
        sums = [sum(getattr(report, head.replace(" ", "_")) for report in part) for head in HEADS]
        integrity = "ok" if all(report.integrity == "ok" for report in part) else "BROKEN"
        left, odd = sum(report.left for report in part), sum(len(report.odd()) for report in part)
        identical = "yes" if all(report.identical for report in part) else "NO"
        wall_s = round(sum(report.wall_s for report in part))
        rows.append(
            [name, *(f"{n:g}" for n in (*counts, *sums)), integrity, str(left), str(odd), identical, f"{wall_s}"]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)) for row in rows)


LEGEND = f"""kills by victim, {VICTIMS[-1]}: the driver interrupted twice; {HALT}: a process suspended for a while;
{DENIED}: a place that could not be written for a while; {FULL}: a full disk for a while; {CHANGED}: journal, lock or
folder of a running driver removed, replaced or moved; starts of the driver; healed: restarts in place; wrong: labels
at which the engine raises or answers nonsense, the same as without blows; lost: others that failed; begun: attempts
at labels; raised: those the engine's errors ended, made again once; in flight: those that a blow broke; beyond: others
made again; charged: attempts that tasks lost; left: processes at the end; odd: what is not as documented"""
