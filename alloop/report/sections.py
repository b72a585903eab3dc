"""Sections of the report about rungs, frames, studies and time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alloop.report import figures
from alloop.report.blocks import Block, Cell, Grid, Heading, Paragraph, Section, grid, plot
from alloop.report.core_time import IN_FLIGHT, WAITING
from alloop.report.heldout_errors import errors_table
from alloop.report.learning_curve import learning_curve
from alloop.report.study_figures import curves_figure
from alloop.state.state import CampaignState
from alloop.status.numbers import duration, finite
from alloop.status.reasons import counted_words
from alloop.status.summary import RungRow, Status
from alloop.status.swaps import swaps_text
from alloop.studies.plot import Plot as StudyPlot
from alloop.studies.study import Table
from policies.stopping.significance import EARLY_LEVEL, LADDER_LEVEL, LEVEL

HOW_ERRORS = (
    "Held-out frames are drawn at random, without regard to disagreement, from walkers that no training frame comes "
    "from; no fit and no early stopping sees them. Besides judging, they only show what disagreements mean. A rung "
    "is several fits on exactly that many training labels, in the order of their selection, different only in their "
    "seed. RMSE: root of the mean squared error over all fits, held-out frames and force components (or frames, for "
    "the energy per atom). Error bars are one standard error, from the spread between fits, between held-out walkers "
    "and of both together. When the held-out set grows, earlier rungs are evaluated again on it, so all rungs in the "
    "figure are judged on the same frames."
)
HOW_COMPARED = (
    "Δ: the last rung less the one before, with its standard error SE. Equivalent: |Δ| + c SE is within the tolerance "
    "(two one-sided tests, c from Student's t). Different: |Δ| is beyond the tolerance by more than its error bar. "
    "Undecided: the error bar is too wide to tell. Level: how often a change of just the tolerance passes. "
    f"It is {100 * LEVEL:g} % for the largest rung. All rungs before it share {100 * EARLY_LEVEL:g} %. So where every "
    f"rung moves by the tolerance, at most about {100 * LADDER_LEVEL:g} % of ladders stop. Power: how often rungs that "
    "do not differ pass, with this error bar; where it is small, undecided says nothing about the labels. A second "
    "look after longer dynamics is one more chance to pass, which the level does not count."
)
RANDOM_CAPTION = (
    " Dashed: random subsets of the finished set. Where they lie above the rungs, the labels that came first teach "
    "more than as many of all labels do."
)
HOW_FRAMES = (
    "Chosen and held-out frames have a label or wait for one. Rejected frames were offered by a walker and turned down "
    "by the selection policy, or by a gate before they were offered (short contacts, for instance). Failed frames were "
    "sent to the engine and have no label: an unconverged calculation gives no label. Labels of imported frames "
    "count as chosen. Every MD run may give a few frames to each selection, so that frames are not all alike: those "
    "beyond that number are turned down though nothing is wrong with them."
)
HOW_DISAGREEMENT = (
    "Disagreement: the largest standard deviation over the committee of a force on an atom of the frame (eV/Å), by the "
    "committee that drove the walker. It is turned into an expected error by the calibration in force when the frame "
    "was offered, see the next section; without a trusted one, the disagreement itself is taken. Dotted lines: the "
    "window of expected errors that frames are selected from. Rattled initial frames and held-out frames have none. "
    "Points outside of the window that were labelled are random ones, which check the expected errors."
)
HOW_TIMELINE = (
    "One row per worker process, by its machine and number. Times are those the workers measured; the clock stands "
    "still while alloop does not run (running time). Short neighbouring tasks of one kind are drawn as one bar. Pauses "
    "narrower than a pixel are not seen: drag to zoom in, double-click to zoom out; exact sums are in the next section."
)
HOW_TIME = (
    "Core time of finished tasks, each with the cores it owned, as measured by the workers. In flight: tasks that had "
    "not finished at the journal's last event. Waiting: the rest of what the configured slots could have worked while "
    "alloop ran, that is idle slots, the start-up of workers and attempts that were lost. The core-hours of labels, "
    "which the budget counts and the top of this page shows, are the processor time of labels and isolated atoms; "
    "occupied core-hours, here, are the time from start to end of each task, times its cores."
)


def ladder_section(state: CampaignState, status: Status) -> Section:
    """Return the section about the rungs: their errors, and the comparison of the last two."""
    caption = (
        "Held-out errors of forces and of energies against the number of training labels; bars are one "
        "standard error. The shaded band is the tolerance around the last rung but one, within which the last may lie "
        "and count as unchanged."
    )
    if status.subsets:
        caption += RANDOM_CAPTION
    drawn = plot("learning-curve", learning_curve(state), caption, "No rung is judged yet.")
    subsets = rung_table(status.subsets, "Held-out errors of random subsets of all labels")
    rungs = rung_table(status.rungs, "Held-out errors of every rung")
    tables = (*rungs, *subsets, *errors_table(status.heldout_errors), *judgement_table(status))
    return Section("learning-curve-section", "Does more data still change the answer?", (*drawn, *tables), HOW_ERRORS)


def rung_table(rungs: Sequence[RungRow], caption: str) -> tuple[Block, ...]:
    """Return rungs with their error bars."""
    if not rungs:
        return ()
    rows = [
        (
            str(row.size or "foundation"),
            row.forces(),
            row.energy(),
            str(row.fits),
            str(row.frames),
            row.unmeasured or "",
        )
        for row in rungs
    ]
    columns = 6 if any(row.unmeasured for row in rungs) else 5
    head = ("Training labels", "Force RMSE", "Energy RMSE", "Fits", "Held-out frames", "Unmeasured because")
    return (grid(head[:columns], [row[:columns] for row in rows], range(1, 5), caption),)


def judgement_table(status: Status) -> tuple[Block, ...]:
    """Return the comparison of the last two rungs."""
    if not status.judgements:
        return ()
    rows: list[tuple[str | Cell, ...]] = []
    for one in status.judgements:
        unit, finding = str(one.get("unit", "")), str(one.get("finding", "?"))
        change = f"{_number(one, 'value_previous')} → {_number(one, 'value_last')} {unit}"
        delta = f"{_number(one, 'delta', '+.3g')} ± {_number(one, 'se_delta', '.2g')} {unit}"
        tolerance = f"{_number(one, 'tolerance', '.3g')} {unit}"
        critical, odds = _number(one, "critical"), [_per_cent(one, name) for name in ("level", "power")]
        metric = " of ".join(str(word) for word in (one.get("metric", "?"), one.get("system")) if word)
        rows.append((metric, change, delta, critical, tolerance, *odds, Cell(finding, look=finding)))
    head = ("Compared", "Last two rungs", "Δ ± SE", "c", "Tolerance", "Level", "Power", "Finding")
    compared = grid(head, rows, range(1, 7))
    return (Heading("Comparison of the last two rungs"), compared, Paragraph(HOW_COMPARED, look="note"))


def _number(values: Mapping[str, Any], name: str, spec: str = ".4g") -> str:
    value = finite(values.get(name))
    return "?" if value is None else format(value, spec)


def _per_cent(values: Mapping[str, Any], name: str) -> str:
    """Return a probability in per cent; judgements of earlier versions have none."""
    value = finite(values.get(name))
    return "–" if value is None else f"{100 * value:.3g} %"


def frames_section(state: CampaignState, status: Status) -> Section:
    """Return the section about what became of the frames that were offered."""
    caption = "Frames by what became of them, and why."
    drawn = plot("frames", figures.frames_by_reason(state), caption, "No frame was offered yet.")
    swapped = (
        (Paragraph(f"{swaps_text(status.walkers.swaps)}.", lead="Swaps of ions:"),) if status.walkers.swaps else ()
    )
    return Section("frames-section", "Frames by reason", (*drawn, *reasons(status), *swapped), HOW_FRAMES)


def reasons(status: Status) -> tuple[Block, ...]:
    """Return how many labels there are by why their frame was chosen, and how many frames were rejected by reason."""
    said = [("Training labels, by why their frame was chosen", status.labels_by_why), ("Not labelled", status.rejected)]
    return tuple(
        Paragraph(f"{sum(counts.values())} ({counted_words(counts)}).", lead=f"{what}:")
        for what, counts in said
        if counts
    )


def expected_section(state: CampaignState, entries: Sequence[Any]) -> Section:
    """Return the section about the expected errors of the frames that were offered."""
    caption = (
        "Expected error of every offered frame against the running time at which it was offered; dotted lines: the "
        "window that frames are selected from."
    )
    figure = figures.expected_errors(state, entries)
    drawn = plot("expected-errors", figure, caption, "No committee looked at a frame yet.")
    return Section("expected-errors-section", "Expected errors over the campaign", drawn, HOW_DISAGREEMENT)


def study_section(name: str, found: Table, curves: Sequence[StudyPlot] = ()) -> Section:
    """Return the table of a study and its figure."""
    numeric = [place for place, column in enumerate(found.columns) if column.unit]
    shown = grid([column.title for column in found.columns], found.texts(), numeric)
    drawn = plot(f"study-{name}", curves_figure(curves), f"{found.title}: the curves behind the table.")
    return Section(f"{name}-section", found.title, (shown, *drawn), found.how)


def time_sections(status: Status, entries: Sequence[Any]) -> tuple[Section, Section]:
    """Return the sections about when workers were busy, and with what."""
    lanes = "When each worker process was busy, and with what."
    timeline = plot("timeline", figures.timeline(entries, status.engine), lanes, "No task has finished yet.")
    shares = "Share of the core time by kind of work."
    went = figures.where_time_went(status.core_seconds or {}, status.engine)
    split = plot("time-split", went, shares, "Nothing has run yet.")
    return (
        Section("timeline-section", "When workers were busy", timeline, HOW_TIMELINE),
        Section("time-section", "Where the time went", (*split, *time_table(status)), HOW_TIME),
    )


def time_table(status: Status) -> tuple[Grid, ...]:
    """Return core time by kind of work; a kind without any is left out."""
    split = {kind: seconds for kind, seconds in (status.core_seconds or {}).items() if seconds > 0}
    total = sum(split.values())
    if total <= 0:
        return ()
    names = {IN_FLIGHT: "in flight", WAITING: "waiting", "DFT": status.engine}
    rows = [
        (names.get(kind, kind), f"{seconds / 3600:.3f}", duration(seconds), f"{100 * seconds / total:.1f}")
        for kind, seconds in split.items()
    ]
    rows.append(("all", f"{total / 3600:.3f}", duration(total), "100.0"))
    return (grid(("Work", "Occupied core-hours", "The same in words", "Share (%)"), rows, (1, 2, 3)),)
