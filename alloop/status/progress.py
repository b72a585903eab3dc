"""How far a campaign is on its way to the next rung, and how long the rest takes, with its uncertainty. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, stdev

from alloop.config.measuring import MeasureConfig
from alloop.config.science import HeldoutConfig, LadderConfig
from alloop.decisions.production_runs import batches
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.status.numbers import duration
from alloop.status.summary import next_rung

RECENT = 30
"""Newest labels whose pace counts: a campaign labels faster or slower as it goes on."""
LEAST = 4
"""Labels below which no pace is told."""
PAUSE = 10.0
"""A gap between two labels of so many median gaps is a pause: no driver ran."""
NINETY = 1.645
"""Standard deviations on either side that hold 90 % of a normal distribution."""
PRODUCTION = "production MD"
_RUNG_FIT = re.compile(r"fit/r(\d+)/f\d+")


@dataclass(frozen=True)
class Part:
    """What is done of one kind of work for the next rung, and how much there is."""

    name: str
    done: int
    goal: int


@dataclass(frozen=True)
class Span:
    """A time that is not known exactly (s): its expected value and its standard deviation.

    `overdue` says that more time has passed than was expected, so that its end is not known.
    """

    expected_s: float
    deviation_s: float
    overdue: bool = False

    @property
    def low_s(self) -> float:
        """Lower end of its 90 % interval, not below 0."""
        return max(0.0, self.expected_s - NINETY * self.deviation_s)

    @property
    def high_s(self) -> float:
        """Upper end of its 90 % interval."""
        return self.expected_s + NINETY * self.deviation_s

    def __add__(self, other: Span) -> Span:
        deviation_s = math.hypot(self.deviation_s, other.deviation_s)
        return Span(self.expected_s + other.expected_s, deviation_s, self.overdue or other.overdue)

    def after(self, elapsed_s: float) -> Span:
        """Return what is left after some time (s), never less than nothing."""
        return Span(max(0.0, self.expected_s - elapsed_s), self.deviation_s, elapsed_s > self.expected_s)

    def __str__(self) -> str:
        if self.overdue:
            then = f"; the rest about {duration(self.expected_s)}" if self.expected_s else ""
            return f"longer than expected{then}"
        return f"about {duration(self.expected_s)} ({duration(self.low_s)} to {duration(self.high_s)})"


@dataclass(frozen=True)
class Progress:
    """The way to the next rung.

    Attributes
    ----------
    rung : int or None
        Training labels of the rung; None where no rung is open.
    parts : tuple of Part
        Training labels, held-out labels and fits of the rung, and segments of production MD where it is measured.
    labels, fits, production : Span or None
        Time until the labels are there, of the fits after them, and of the production MD after those; None where no
        pace is known, and where none is left.
    running : bool
        Whether a driver runs the campaign: without one no time passes.
    """

    rung: int | None
    parts: tuple[Part, ...] = ()
    labels: Span | None = None
    fits: Span | None = None
    production: Span | None = None
    running: bool = True

    def remaining(self) -> str:
        """Return the time that is left in words; empty if nothing is known of it."""
        stages = (("labels", self.labels, 0, 2), ("fits", self.fits, 2, 3), (PRODUCTION, self.production, 3, None))
        known: list[Span] = []
        untimed: list[str] = []
        for name, span, first, last in stages:
            if all(part.done >= part.goal for part in self.parts[first:last]):
                continue
            if span is None or untimed:
                untimed.append(name)
            else:
                known.append(span)
        if not self.running or untimed[:1] == ["labels"]:
            return ""
        told = [str(_total(known))] if known else []
        return "; then ".join([*told, f"{' and '.join(untimed)}, not timed yet"] if untimed else told)


def _total(spans: Sequence[Span]) -> Span:
    total = spans[0]
    for span in spans[1:]:
        total = total + span
    return total


def progress(state: CampaignState, now: float) -> Progress:
    """Return how far a campaign is on its way to the next rung, now (s since the epoch); nothing after its verdict."""
    rung = next_rung(state)
    if rung is None or state.verdict is not None:
        return Progress(None)
    ladder = state.config.get("ladder", {})
    heldout = HeldoutConfig.model_validate(state.config.get("heldout", {})).frames_for(rung)
    opened = state.rungs.get(rung)
    parts = [
        Part("training labels", min(state.labelled("train"), rung), rung),
        Part("held-out labels", min(state.labelled("heldout"), heldout), heldout),
        Part("fits of the rung", 0 if opened is None else len(opened.models), int(ladder.get("fits", 1))),
    ]
    runs = rung_segments(state, rung)
    if runs is not None:
        parts.append(Part(PRODUCTION, runs.done, runs.goal))
    missing = sum(part.goal - part.done for part in parts[:2])
    labelled_t = _label_times(state.tasks.values())
    fits = fits_span(_fit_times(state.tasks.values()), rung, parts[2].goal - parts[2].done, _slots(state, "fit"))
    return Progress(
        rung=rung,
        parts=tuple(parts),
        labels=labels_span(labelled_t, missing, now - max([state.driver_t or 0.0, *labelled_t])),
        fits=None if fits is None else fits.after(_fitting_s(state, rung, now)),
        production=None if runs is None else production_span(_segment_times(state), runs, _slots(state, "measure")),
    )


def labels_span(finished_t: Sequence[float], missing: int, waited_s: float = 0.0) -> Span | None:
    """Return how long some labels take at the pace of the newest ones.

    The gaps between labels are taken as independent draws of one distribution: the mean gap has a standard error, and
    the sum of so many gaps scatters about it.

    Parameters
    ----------
    finished_t : sequence of float
        When labels were finished (s), in any order.
    missing : int
        Labels to come.
    waited_s : float
        For how long none has ended (s): a gap too, once it is longer than those before it.

    Examples
    --------
    >>> labels_span([0, 10, 20, 30, 40], 6)
    Span(expected_s=60.0, deviation_s=0.0)
    """
    times = sorted(finished_t)[-RECENT:]
    if missing <= 0 or len(times) < LEAST:
        return None
    gaps = [after - before for before, after in pairwise(times)]
    usual = median(gaps) or fmean(gaps)
    kept = [gap for gap in gaps if gap <= PAUSE * usual]
    kept += [waited_s] if waited_s > fmean(kept) else []
    spread = stdev(kept) if len(kept) > 1 else fmean(kept)
    return Span(missing * fmean(kept), spread * math.sqrt(missing**2 / len(kept) + missing))


def fits_span(timed: Sequence[tuple[int, float]], rung: int, missing: int, slots: int) -> Span | None:
    """Return how long the fits of a rung take, from those of the largest rung that was fitted.

    A schedule is as long as before, or grows with the frames: the expected time lies in the middle of both.

    Parameters
    ----------
    timed : sequence of (int, float)
        Rung and time (s) of finished fits.
    rung, missing : int
        The rung, and its fits to come.
    slots : int
        Fits at a time.
    """
    if missing <= 0 or not timed:
        return None
    size = max(one for one, _ in timed)
    seconds = [taken for one, taken in timed if one == size]
    one_s, growth = fmean(seconds), max(1.0, rung / max(size, 1))
    rounds = math.ceil(missing / max(1, slots))
    spread_s = stdev(seconds) if len(seconds) > 1 else 0.2 * one_s
    uncertain_s = one_s * (growth - 1.0) / (2.0 * NINETY)
    return Span(rounds * one_s * (1.0 + growth) / 2.0, rounds * math.hypot(spread_s, uncertain_s))


@dataclass(frozen=True)
class Segments:
    """Segments of production MD of a rung: done, all, and how many chains of them may run at the same time."""

    done: int
    goal: int
    chains: int


def rung_segments(state: CampaignState, size: int) -> Segments | None:
    """Return the segments of production MD of a rung, as long as they are to be now; None where none is measured."""
    if not state.config.get("measure") or state.created is None:
        return None
    settings, ladder = MeasureConfig.model_validate(state.config["measure"]), state.config.get("ladder", {})
    named, rung = LadderConfig.model_validate({"measure_on": ladder.get("measure_on")}), state.rungs.get(size)
    systems = [one for one in state.created.systems if named.measures(one.name, one.composition)]
    length_ps = settings.production_ps if rung is None or rung.production_ps is None else rung.production_ps
    each = max(1, math.ceil(length_ps / settings.segment_ps - 1e-9))
    chains = int(ladder.get("fits", 1)) * len(systems) * len(batches(settings))
    own = [run for (name, *_), run in state.runs.items() if rung is not None and name == rung.name]
    return Segments(sum(each if run.over else min(len(run.segments), each) for run in own), each * chains, chains)


def production_span(times_s: Sequence[float], segments: Segments, slots: int) -> Span | None:
    """Return how long the production MD of a rung takes, from the segments of all rungs so far.

    The times of segments are taken as independent draws of one distribution, as the gaps between labels are.

    Examples
    --------
    >>> production_span([60.0, 60.0], Segments(2, 12, 4), 2)
    Span(expected_s=300.0, deviation_s=0.0)
    """
    missing = segments.goal - segments.done
    if missing <= 0 or not times_s:
        return None
    mean = fmean(times_s)
    rounds = math.ceil(missing / max(1, min(slots, segments.chains)))
    spread = stdev(times_s) if len(times_s) > 1 else 0.2 * mean
    return Span(rounds * mean, spread * math.sqrt(rounds**2 / len(times_s) + rounds))


def _segment_times(state: CampaignState) -> list[float]:
    timings = (task.finished.timing for task in state.tasks.values() if task.task == "produce" and task.finished)
    return [timing.finished_t - timing.started_t for timing in timings if timing is not None]


def _label_times(tasks: Iterable[TaskState]) -> list[float]:
    return [t for task in tasks if task.task == "label" and (t := _finished_t(task)) is not None]


def _finished_t(task: TaskState) -> float | None:
    timing = task.finished.timing if task.finished is not None else None
    return None if timing is None else timing.finished_t


def _fit_times(tasks: Iterable[TaskState]) -> list[tuple[int, float]]:
    found = []
    for task in tasks:
        timing = task.finished.timing if task.finished is not None else None
        if timing is not None and (named := _RUNG_FIT.fullmatch(task.purpose)):
            found.append((int(named[1]), timing.finished_t - timing.started_t))
    return found


def _fitting_s(state: CampaignState, rung: int, now: float) -> float:
    """Return for how long the oldest running fit of a rung has run (s); a driver begins it anew."""
    begun = [
        max(task.planned_t, state.driver_t or 0.0)
        for name, task in state.running.items()
        if name.startswith(f"fit/r{rung}/")
    ]
    return max(0.0, now - min(begun)) if begun else 0.0


def _slots(state: CampaignState, kind: str) -> int:
    """Return how many tasks of a kind run at the same time, as the config in the journal says."""
    execution = state.config.get("execution", {})
    executor = execution.get("executors", {}).get(execution.get(kind, ""), {})
    sizes = (executor.get(name) or 1 for name in ("workers", "nodes_per_block", "max_blocks"))
    return math.prod(int(size) for size in sizes)
