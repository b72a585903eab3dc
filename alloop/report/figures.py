"""Figures of the report as plain plotly dictionaries. Every text is escaped. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alloop.journal.events import TaskFinished
from alloop.journal.journal import Entry
from alloop.report.core_time import IN_FLIGHT, WAITING, Run, Session, driver_sessions, driver_time, task_runs
from alloop.report.figure_style import LOG_TICKS, Figure, axis, layout_of, text, ticks
from alloop.state.records import FrameState, segments_of
from alloop.state.state import CampaignState
from alloop.status.numbers import duration, finite
from alloop.status.reasons import reason_words
from alloop.tasks.contract.kind import WORK

COLOURS = {
    "DFT": "#2f6db5",
    "teaching": "#b08d1e",
    "MD": "#3a9d6e",
    "fitting": "#d9822b",
    "evaluating": "#8a63c7",
    "production MD": "#3f8f8b",
    "selecting": "#b9a3df",
    IN_FLIGHT: "#9fb3c8",
    WAITING: "#e3e8ee",
}
OUTCOMES = {
    "chosen": "#2f6db5",
    "held out": "#8a63c7",
    "rejected": "#c3ccd6",
    "failed": "#c8443c",
    "waiting": "#d9b02b",
}
DRAWN_FIRST = ("rejected", "waiting", "held out", "chosen", "failed")
MOST_LANES, MOST_BARS, MOST_POINTS = 48, 1500, 6000


def frames_by_reason(state: CampaignState) -> Figure | None:
    """Return how many frames were chosen, rejected or failed, by reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for frame in state.frames.values():
        if frame.status == "failed":
            counts["failed", frame.reason] += 1
        elif frame.use is not None:
            counts["held out" if frame.use == "heldout" else "chosen", frame.reason or frame.offer.why] += 1
    counts.update({("rejected", reason): n for reason, n in state.rejections.items()})
    if state.pool:
        counts["waiting", "in the pool"] = len(state.pool)
    if not counts:
        return None
    order = [key for outcome in OUTCOMES for key, _ in counts.most_common() if key[0] == outcome]
    labels = [_reason(outcome, reason) for outcome, reason in order]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": labels,
        "x": [counts[key] for key in order],
        "text": [f"{counts[key]}" for key in order],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [OUTCOMES[outcome] for outcome, _ in order]},
        "hovertemplate": "%{y}: %{x} frames<extra></extra>",
    }
    layout = layout_of(90 + 30 * len(order)) | {"bargap": 0.3}
    layout["xaxis"] = axis("frames", rangemode="tozero")
    layout["yaxis"] = axis("", autorange="reversed", automargin=True)
    return {"data": [bars], "layout": layout}


def _reason(outcome: str, reason: str) -> str:
    same = reason.replace("_", "") == outcome.replace(" ", "")
    return outcome if same else text(f"{outcome}: {reason_words(reason)}", 60)


def expected_errors(state: CampaignState, entries: Sequence[Entry]) -> Figure | None:
    """Return the expected error of every offered frame when it was offered, by what became of it."""
    sessions = driver_sessions(entries)
    offered_t = {
        segment.name: driver_time(sessions, entry.t)
        for entry in entries
        if isinstance(event := entry.event, TaskFinished) and event.purpose.startswith("explore/")
        for segment in segments_of(state.tasks[event.purpose].context)
    }
    groups: dict[str, list[tuple[float, float, FrameState]]] = {name: [] for name in OUTCOMES}
    for frame in _thinned([f for f in state.frames.values() if finite(f.offer.disagreement_eV_per_A) is not None]):
        t = offered_t.get(f"{frame.walker}/{frame.segment}")
        if t is not None:
            groups[_outcome(frame)].append((t, _expected(frame), frame))
    end = max((t for points in groups.values() for t, _, _ in points), default=None)
    if end is None:
        return None
    unit, seconds = _time_unit(end)
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{name} ({len(points)})",
            "x": [t / seconds for t, _, _ in points],
            "y": [value for _, value, _ in points],
            "text": [text(f"{frame.id}: {frame.reason or frame.offer.why}") for _, _, frame in points],
            "customdata": [frame.offer.disagreement_eV_per_A for _, _, frame in points],
            "hovertemplate": "%{text}<br>disagreement %{customdata:.3g} eV/Å, expected error %{y:.3g} eV/Å"
            "<extra></extra>",
            "marker": {"size": 6, "color": OUTCOMES[name], "opacity": 0.85},
        }
        for name in DRAWN_FIRST
        if (points := groups[name])
    ]
    layout = layout_of(360, legend=True)
    layout["xaxis"] = axis(f"running time ({unit})", rangemode="tozero")
    layout["yaxis"] = axis("expected error (eV/Å)", type="log") | ticks(LOG_TICKS)
    layout["shapes"] = [_line(value) for value in _window(state)]
    return {"data": traces, "layout": layout}


def _expected(frame: FrameState) -> float:
    """Return what the selection window compares: the expected error, or the disagreement where there was none."""
    value = finite(frame.offer.expected_error_eV_per_A)
    return float(frame.offer.disagreement_eV_per_A or 0.0) if value is None else value


def _outcome(frame: FrameState) -> str:
    if frame.status in ("failed", "rejected"):
        return frame.status
    return {"train": "chosen", "heldout": "held out"}.get(frame.use or "", "waiting")


def _window(state: CampaignState) -> list[float]:
    select = state.config.get("select", {})
    values = (finite(select.get(name)) for name in ("lower_eV_per_A", "upper_eV_per_A"))
    return [value for value in values if value]


def _line(value: float) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": "#c8443c", "width": 1, "dash": "dot"},
    }


def _thinned(frames: list[FrameState]) -> list[FrameState]:
    return frames[:: 1 + len(frames) // MOST_POINTS]


def timeline(entries: Sequence[Entry], engine: str = "DFT") -> Figure | None:
    """Return the tasks of each process over time, on the campaign's own clock; labels bear the name of their engine."""
    sessions, runs = driver_sessions(entries), task_runs(entries)
    if not runs or not sessions:
        return None
    end = max(driver_time(sessions, run.end) for run in runs)
    unit, seconds = _time_unit(end)
    lanes = assign_lanes(runs)
    busiest = Counter(lane for lane, _ in lanes).most_common(MOST_LANES)
    shown = sorted(lane for lane, _ in busiest)
    bars: dict[str, list[Bar]] = {kind: [] for kind in WORK}
    for bar in merged([item for item in lanes if item[0] in set(shown)], sessions, end / MOST_BARS):
        bars[bar[1]].append(bar)
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _work(kind, engine),
            "y": [text(bar[0]) for bar in bars[kind]],
            "base": [bar[2] / seconds for bar in bars[kind]],
            "x": [(bar[3] - bar[2]) / seconds for bar in bars[kind]],
            "text": [text(bar[4]) for bar in bars[kind]],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": COLOURS[kind], "line": {"width": 0}},
        }
        for kind in WORK
        if bars[kind]
    ]
    layout = layout_of(130 + 26 * len(shown), legend=True) | {"barmode": "overlay", "bargap": 0.25}
    layout["xaxis"] = axis(f"running time ({unit})", rangemode="tozero")
    order = [text(lane) for lane in shown]
    layout["yaxis"] = axis("", automargin=True, categoryorder="array", categoryarray=order[::-1])
    return {"data": traces, "layout": layout}


Bar = tuple[str, str, float, float, str]


def assign_lanes(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Return each run with its lane: number of its host, and process, with a number where it runs several at once."""
    hosts = {host: n for n, host in enumerate(dict.fromkeys(run.host for run in runs), 1)}
    ends: dict[tuple[str, int], list[float]] = {}
    lanes = []
    for run in runs:
        free = ends.setdefault((run.host, run.pid), [])
        number = next((n for n, end in enumerate(free) if end <= run.start + 0.01), len(free))
        free[number : number + 1] = [run.end]
        lanes.append((f"host {hosts[run.host]}/{run.pid}" + (f" #{number + 1}" if number else ""), run))
    return lanes


def merged(lanes: Sequence[tuple[str, Run]], sessions: Sequence[Session], gap_s: float) -> list[Bar]:
    """Return bars (lane, kind, start, end, words) on the campaign's clock.

    Tasks of one kind that are shorter than `gap_s` and follow each other closely, so that the eye cannot part them, are
    one bar; a pause that would make a lane look busier than it was is kept.
    """
    bars: list[Bar] = []
    counts: list[int] = []
    last: dict[str, int] = {}
    for lane, run in lanes:
        start, end = driver_time(sessions, run.start), driver_time(sessions, run.end)
        index = last.get(lane)
        close = index is not None and start - bars[index][3] < 0.25 * (end - start) and end - start < gap_s
        if index is not None and close and bars[index][1] == run.kind:
            counts[index] += 1
            bars[index] = (lane, run.kind, bars[index][2], end, f"{counts[index]} × {run.kind}")
            continue
        last[lane] = len(bars)
        counts.append(1)
        note = "" if run.ok else ", failed"
        bars.append((lane, run.kind, start, end, f"{run.purpose}: {duration(run.end - run.start)}{note}"))
    return bars


def _work(kind: str, engine: str) -> str:
    """Return what a kind of work is called."""
    return text(engine) if kind == "DFT" else kind.replace("_", " ")


def where_time_went(split: dict[str, float], engine: str = "DFT") -> Figure | None:
    """Return the core time by kind of work as one stacked bar; labels bear the name of their engine."""
    total = sum(split.values())
    if total <= 0:
        return None
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _work(kind, engine),
            "y": [""],
            "x": [100 * seconds / total],
            "text": [f"{100 * seconds / total:.0f} %" if seconds / total >= 0.1 else ""],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "constraintext": "both",
            "hovertemplate": f"{_work(kind, engine)}: {duration(seconds)} core time, %{{x:.1f}} %<extra></extra>",
            "marker": {"color": COLOURS[kind]},
        }
        for kind, seconds in split.items()
        if seconds > 0
    ]
    layout = layout_of(170, legend=True) | {"barmode": "stack"}
    layout["xaxis"] = axis("share of core time (%)", range=[0, 100])
    layout["yaxis"] = axis("", showticklabels=False) | {"ticks": ""}
    return {"data": traces, "layout": layout}


def _time_unit(seconds: float) -> tuple[str, float]:
    if seconds > 3 * 86400:
        return "days", 86400.0
    return ("h", 3600.0) if seconds > 2 * 3600 else ("min", 60.0)
