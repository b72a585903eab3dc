"""What a section of the report is made of: words, tables and figures, none of it HTML yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from alloop.report.figure_style import Figure
from alloop.status.numbers import UNKNOWN_ERROR

MOST_FOLDED = 12
"""Rows of a table beyond which it is scrolled in a narrow window."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its words, small lines below them, and how they look (a class of the style sheet)."""

    text: str
    notes: tuple[str, ...] = ()
    look: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Words, after a few that stand out; `look` is a class of the style sheet."""

    text: str
    lead: str = ""
    look: str = ""
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Heading:
    """The title of a part of a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Items:
    """A list of remarks."""

    entries: tuple[str, ...]
    kind: ClassVar[str] = "items"


@dataclass(frozen=True)
class Box:
    """A finding that stands out: its title, words, and a list; `look` is ``good``, ``fair``, ``bad`` or nothing."""

    title: str
    text: str = ""
    entries: tuple[str, ...] = ()
    look: str = ""
    kind: ClassVar[str] = "box"


@dataclass(frozen=True)
class Code:
    """Lines to read or copy as they are; `wrap` breaks those that are too long for the page."""

    text: str
    copy: bool = False
    wrap: bool = False
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    head : tuple of str
        Names of the columns.
    rows : tuple of tuple of Cell
        The cells.
    numeric : frozenset of int
        Columns of numbers.
    caption : str
        What the table shows.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    caption: str = ""
    kind: ClassVar[str] = "grid"

    @property
    def folds(self) -> bool:
        """Whether a row stands as a list of its cells where the window is narrow; long tables are scrolled instead."""
        return len(self.head) > 2 and len(self.rows) <= MOST_FOLDED


@dataclass(frozen=True)
class Plot:
    """A figure.

    Attributes
    ----------
    name : str
        Its name, that of its place in the page and of its file of numbers.
    figure : dict
        The figure for plotly.
    caption : str
        What it shows, in one sentence or two; also what is read out in place of the figure.
    """

    name: str
    figure: Figure
    caption: str
    kind: ClassVar[str] = "plot"


@dataclass(frozen=True)
class Scene:
    """A picture of atoms that can be turned; its attributes are those of `Plot`, the figure is drawn by the page."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures beside each other, as many as fit."""

    scenes: tuple[Scene, ...]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Folded:
    """Blocks that are folded away under a title."""

    title: str
    blocks: tuple[Block, ...]
    kind: ClassVar[str] = "folded"


Block = Paragraph | Heading | Items | Box | Code | Grid | Plot | Gallery | Folded


@dataclass(frozen=True)
class Section:
    """A section: the anchor that links lead to, its title, its blocks, and how its numbers were obtained."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    how: str = ""

    def plots(self) -> Iterator[Plot | Scene]:
        """Yield figures and pictures, in the order in which they stand."""
        yield from _plots(self.blocks)


def _plots(blocks: Iterable[Block]) -> Iterator[Plot | Scene]:
    for block in blocks:
        if isinstance(block, Plot):
            yield block
        elif isinstance(block, Gallery):
            yield from block.scenes
        elif isinstance(block, Folded):
            yield from _plots(block.blocks)


def grid(
    head: Sequence[str], rows: Iterable[Sequence[str | Cell]], numeric: Iterable[int] = (), caption: str = ""
) -> Grid:
    """Return a table; a cell may be mere words. That an error bar is unknown stands below its number."""
    return Grid(tuple(head), tuple(tuple(map(_cell, row)) for row in rows), frozenset(numeric), caption)


def _cell(one: str | Cell) -> Cell:
    cell = Cell(one) if isinstance(one, str) else one
    shown = cell.text.removesuffix(f" ({UNKNOWN_ERROR})")
    return cell if shown == cell.text else replace(cell, text=shown, notes=(UNKNOWN_ERROR, *cell.notes))


def plot(name: str, figure: Figure | None, caption: str, missing: str = "") -> tuple[Block, ...]:
    """Return a figure; words in its place, or nothing, where there is none."""
    if figure is not None:
        return (Plot(name, figure, caption),)
    return (Paragraph(missing, look="none"),) if missing else ()
