"""What the terminal shows of a running campaign: how far it is, what runs, how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from alloop.status.numbers import clipped, duration, many
from alloop.status.progress import Progress
from alloop.status.reasons import running_words
from alloop.status.summary import RungRow, Status

_NAME_WIDTH, _COUNT_WIDTH = 17, 10


def display(
    status: Status,
    progress: Progress,
    recent: Sequence[str],
    elapsed_s: float,
    fits: Sequence[str] = (),
    spinner: Spinner | None = None,
) -> RenderableType:
    """Return the display of a running campaign; no line of it is longer than the terminal is wide.

    Parameters
    ----------
    status : Status
        Where the campaign is.
    progress : Progress
        The way to the next rung.
    recent : sequence of str
        Tasks that just finished, the oldest first.
    elapsed_s : float
        Time of the campaign, pauses not counted (s).
    fits : sequence of str
        How far running fits are, in a line each.
    spinner : rich.spinner.Spinner or None
        The sign of life.
    """
    parts: list[RenderableType] = []
    if progress.parts:
        parts.append(_bars(progress))
    parts.append(_facts([*_rows(status, progress, elapsed_s), *(("fitting", fit) for fit in fits)], spinner))
    parts += [_one_line(f"  ✓ {text}", style="dim") for text in recent]
    goal = f" · to rung {progress.rung}" if progress.rung else ""
    return Panel(Group(*parts), title=Text(f"alloop · {clipped(status.name, 60)}{goal}"), title_align="left")


def _bars(progress: Progress) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=_NAME_WIDTH, no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(width=_COUNT_WIDTH, no_wrap=True, justify="right")
    for part in progress.parts:
        bar = ProgressBar(total=max(part.goal, 1), completed=part.done)
        grid.add_row(Text(part.name), bar, Text(f"{part.done} of {part.goal}"))
    return grid


def _facts(rows: Sequence[tuple[str, str]], spinner: Spinner | None) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=1, no_wrap=True)
    grid.add_column(width=_NAME_WIDTH - 2, no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for place, (name, text) in enumerate(rows):
        sign: RenderableType = (spinner or Text("•")) if place == 0 else Text("")
        grid.add_row(sign, Text(name), _one_line(text))
    return grid


def _rows(status: Status, progress: Progress, elapsed_s: float) -> Iterator[tuple[str, str]]:
    yield "running", _running(status)
    if left := progress.remaining():
        yield "left", left
    hours = f"{status.dft_core_hours:.3g} {status.engine} core-h"
    yield "spent", f"{duration(elapsed_s)}, {status.budget_labels} labels, {status.labels.failed} failed, {hours}"
    yield "committee", _committee(status)


def _running(status: Status) -> str:
    age = "" if status.longest_running_s is None else f", the oldest for {duration(status.longest_running_s)}"
    return f"{running_words(status.running)}{age}"


def _committee(status: Status) -> str:
    generation = status.generation
    if generation is None:
        taught = f"{many(status.taught_frames, 'frame')} of the teacher" if status.taught_frames else "none yet"
        return f"{taught}, {many(status.candidates, 'candidate')}"
    fitted = f"generation {generation.number}, {generation.fitted} of {generation.members} fitted"
    return f"{fitted}, {many(status.candidates, 'candidate')}"


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def rung_lines_shown(rungs: Sequence[RungRow], most: int) -> list[Text]:
    """Return the newest rungs in a line each."""
    lines = (f"  rung {row.size}: force RMSE {row.forces()}, energy RMSE {row.energy()}" for row in rungs if row.size)
    return [_one_line(line) for line in list(lines)[-most:]] if most > 0 else []
