"""Show the status of a campaign on the terminal: facts and a table of rungs."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alloop.status.calibration import calibration_text
from alloop.status.heldout_errors import GroupErrors
from alloop.status.numbers import clipped, duration, many
from alloop.status.reasons import counted_words, running_words
from alloop.status.summary import Generation, RungRow, Status
from alloop.status.swaps import swaps_text
from alloop.status.transport import rung_name, transport_text

MOST_OF_A_VERDICT = 4000
"""Characters of a verdict that are shown: its reasons are what a user acts on."""


def render(status: Status, driven: bool = True) -> RenderableType:
    """Return a status as something rich prints.

    Parameters
    ----------
    status : Status
        What is known of a campaign.
    driven : bool
        Whether a driver runs it; if none does, its tasks were cut off.
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(status, driven):
        facts.add_row(name, Text(clipped(text, MOST_OF_A_VERDICT if name == "verdict" else 400)))
    parts: list[RenderableType] = [facts]
    if status.rungs:
        parts += [Text(), rung_table(status.rungs)]
    if status.heldout_errors:
        parts += [Text(), errors_table(status.heldout_errors)]
    if status.subsets:
        parts += [Text(), rung_table(status.subsets, "random subsets of all labels")]
    return Group(*parts)


def rung_table(rungs: tuple[RungRow, ...], of: str = "") -> RenderableType:
    """Return the table of rungs, with one standard error: errors on held-out frames, and transport where measured."""
    title = "By number of training labels (± one standard error)"
    table = Table(title=f"{title}, {of}" if of else title, title_justify="left")
    for name in ("rung", "force RMSE", "energy RMSE", "fits", "held-out frames"):
        table.add_column(name, justify="right")
    for row in rungs:
        name = str(row.size) if row.size else "foundation"
        table.add_row(name, row.forces(), row.energy(), str(row.fits), str(row.frames))
    notes = Table.grid(padding=(0, 2))
    notes.add_column(no_wrap=True)
    notes.add_column(overflow="fold")
    for row in rungs:
        for note in _notes(row):
            notes.add_row(rung_name(row.size), Text(note))
    return Group(table, notes) if notes.row_count else table


def _notes(row: RungRow) -> list[str]:
    """Return what else is known of a rung."""
    unmeasured = [f"unmeasured: {row.unmeasured}"] if row.unmeasured and row.size else []
    return [*unmeasured, *(transport_text(system) for system in row.transport)]


def errors_table(errors: tuple[GroupErrors, ...]) -> Table:
    """Return the errors of the largest judged rung by composition, each followed by its orderings."""
    title = f"Rung of {errors[0].size} labels, by composition (± one standard error)"
    table = Table(title=title, title_justify="left")
    for name in ("composition", "force RMSE", "energy RMSE", "held-out frames"):
        table.add_column(name, justify="left" if name == "composition" else "right")
    for one in errors:
        whose = Text(clipped(f"  {one.system}" if one.system else one.composition))
        table.add_row(whose, one.forces(), one.energy(), str(one.frames))
    return table


def _facts(status: Status, driven: bool) -> list[tuple[str, str]]:
    labels, walkers = status.labels, status.walkers
    to_come = f"{labels.waiting_train} training and {labels.waiting_heldout} held out"
    waiting = f"; chosen and not there yet: {to_come}" if labels.waiting_train + labels.waiting_heldout else ""
    imported = f", {labels.imported} of them imported" if labels.imported else ""
    bought = f"{labels.train} training{imported}, {labels.heldout} held out, {labels.failures()}"
    facts = [
        ("campaign", status.name),
        ("verdict", verdict_text(status.verdict, status.reason) if status.verdict else _pending(status)),
        ("labels", bought + waiting),
        ("budget", _budget(status)),
        ("generation", _generation_text(status.generation)),
        *([("taught on", many(status.taught_frames, "frame"))] if status.taught_frames else []),
        ("running" if driven or not status.running else "cut off", running_words(status.running)),
        ("candidates", str(status.candidates)),
        *([("production", many(status.segments_produced, "segment"))] if status.segments_produced else []),
        ("walkers", f"{walkers.known} known, {walkers.running} running, {walkers.segments} segments"),
        *([("swaps", swaps_text(walkers.swaps))] if walkers.swaps else []),
    ]
    if status.calibration is not None:
        facts.append(("calibration", calibration_text(status.calibration)))
    reasons = [("last segments", walkers.ended), ("labels for", status.labels_by_why), ("rejected", status.rejected)]
    reasons += [("failed", status.failures), ("broken", status.broken)]
    facts += [(name, counted_words(counts)) for name, counts in reasons if counts]
    facts += [("next", str(one)) for one in status.advice]
    if status.core_seconds:
        facts.append(("occupied", core_time_text(status.core_seconds, status.engine)))
    return facts


def verdict_text(verdict: str, reason: str) -> str:
    """Return a verdict with its reason, which may begin with the verdict's own word."""
    return reason if reason.startswith(verdict) else f"{verdict.replace('_', ' ')}: {reason}"


def core_time_text(core_seconds: Mapping[str, float], engine: str = "DFT") -> str:
    """Return from start to end of tasks, times their cores, by kind of work; labels bear the name of their engine."""
    spent = [(kind, seconds) for kind, seconds in core_seconds.items() if seconds > 0]
    return ", ".join(
        f"{engine if kind == 'DFT' else kind.replace('_', ' ')} {duration(seconds)}" for kind, seconds in spent
    )


def _pending(status: Status) -> str:
    return "none yet" + (f", next rung at {status.next_rung} training labels" if status.next_rung else "")


def _budget(status: Status) -> str:
    return (
        f"{status.budget_labels} labels, {status.budget_dft_core_hours} {status.engine} core-hours, "
        f"{status.budget_wall_h} h wall time, {status.budget_failed_labels} failed labels"
    )


def _generation_text(generation: Generation | None) -> str:
    if generation is None:
        return "none yet"
    rung = "" if generation.rung is None else f" (rung {generation.rung})"
    fitted = f", {generation.fitted} of {generation.members} members fitted"
    return f"{generation.number} on {generation.labels} labels{rung}{fitted}"
