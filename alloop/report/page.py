"""Build the report: put its sections together into one HTML file that needs no other file."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from alloop.files.durable import write_durably
from alloop.journal.journal import Entry
from alloop.report import headline
from alloop.report.blocks import Block, Scene, Section
from alloop.report.blocks import Plot as Figured
from alloop.report.calibration.section import calibration_section
from alloop.report.core_time import time_split
from alloop.report.figure_files import Format, figure_file
from alloop.report.figure_style import DARK, Figure
from alloop.report.fits import fits_section
from alloop.report.heldout.data import Heldout
from alloop.report.heldout.section import heldout_section
from alloop.report.label_costs import costs_section
from alloop.report.methods import methods_section
from alloop.report.model_use import model_section
from alloop.report.narrow import narrow
from alloop.report.pictures.data import StrangeFrame
from alloop.report.pictures.script import SCENES_SCRIPT
from alloop.report.pictures.section import pictures_section
from alloop.report.provenance import provenance_section
from alloop.report.recorded_config import blaming_config
from alloop.report.render import render
from alloop.report.sections import (
    expected_section,
    frames_section,
    ladder_section,
    study_section,
    time_sections,
)
from alloop.report.style import SCRIPT, STYLE
from alloop.report.transport.sections import TransportData, transport_sections
from alloop.state.state import CampaignState
from alloop.status.summary import Status, summary
from alloop.studies.plot import Plot
from alloop.studies.study import tables

NO_CURVES: Mapping[str, Sequence[Plot]] = MappingProxyType({})
FOOTER = (
    "Figures: drag to zoom in, double-click to zoom out, hover for numbers. The numbers of every figure are written to "
    "files by `alloop report WHERE --format csv` (or json)."
)


def build_report(
    state: CampaignState,
    entries: Sequence[Entry],
    path: Path,
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
    heldout: Heldout | None = None,
    strange: Sequence[StrangeFrame] = (),
) -> None:
    """Write the report of a campaign.

    Parameters
    ----------
    state : CampaignState
        The fold of the journal.
    entries : sequence of Entry
        The journal.
    path : pathlib.Path
        The HTML file, written whole or not at all.
    transport : TransportData or None
        What production runs of the rungs gave.
    curves : mapping of str to sequence of Plot
        Curves of studies, by the study's name.
    heldout : Heldout or None
        What the exported model predicts for the held-out frames.
    strange : sequence of StrangeFrame
        Labelled frames that are worth a picture.
    """
    write_durably(Path(path), page(state, entries, transport, curves, heldout, strange).encode())


def page(
    state: CampaignState,
    entries: Sequence[Entry],
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
    heldout: Heldout | None = None,
    strange: Sequence[StrangeFrame] = (),
) -> str:
    """Return the report as HTML, plotly.js included.

    Raises
    ------
    JournalError
        If the config in the journal has a wrong value that cannot be shown.
    """
    with blaming_config(state.config):
        status = _status(state, entries)
        sections = sections_of(state, entries, status, transport, curves, heldout, strange)
        top = Top(
            status.name or "campaign",
            headline.about(state, status, entries),
            headline.verdict(status),
            tuple(headline.cards(status)),
        )
    return whole_page(top, sections, FOOTER)


@dataclass(frozen=True)
class Top:
    """The top of a page: its title, what it is about in a line, findings, and numbers that stand out."""

    title: str
    about: str
    findings: tuple[Block, ...] = ()
    cards: tuple[headline.Card, ...] = ()


def whole_page(top: Top, sections: Sequence[Section], footer: str) -> str:
    """Return sections below their top as HTML, plotly.js included."""
    plots = figures_of(sections)
    filled = render(
        "page.html",
        title=top.title,
        about=top.about,
        verdict=top.findings,
        cards=top.cards,
        sections=sections,
        numbers={plot.name: number for number, plot in enumerate(plots, 1)},
        figures={one.name: _both(one.figure) for one in plots if isinstance(one, Figured)},
        scenes={one.name: one.figure for one in plots if isinstance(one, Scene)},
        dark=DARK,
        style=Markup(STYLE),
        script=Markup(SCRIPT + SCENES_SCRIPT),
        plotly=Markup(_plotly()),
        footer=footer,
    )
    return str(filled)


def write_figure_files(
    state: CampaignState,
    entries: Sequence[Entry],
    folder: Path,
    form: Format,
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
    heldout: Heldout | None = None,
    strange: Sequence[StrangeFrame] = (),
) -> list[Path]:
    """Write the numbers of every figure of the report into a folder, ``NAME.csv`` or ``NAME.json``; return the files.

    For the parameters see `build_report`.
    """
    plots = figures_of(sections_of(state, entries, _status(state, entries), transport, curves, heldout, strange))
    written = [folder / f"{plot.name}.{form}" for plot in plots]
    for path, plot in zip(written, plots, strict=True):
        write_durably(path, figure_file(plot, form).encode())
    return written


def _both(figure: Figure) -> dict[str, Figure]:
    """Return a figure for a desk, and its layout for a telephone."""
    return {"wide": figure, "narrow": narrow(figure)["layout"]}


def _status(state: CampaignState, entries: Sequence[Entry]) -> Status:
    return summary(state, entries[-1].t if entries else 0.0, time_split(entries))


def figures_of(sections: Sequence[Section]) -> list[Figured | Scene]:
    """Return the figures and pictures of sections, in the order in which they stand."""
    return [plot for section in sections for plot in section.plots()]


def sections_of(
    state: CampaignState,
    entries: Sequence[Entry],
    status: Status,
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
    heldout: Heldout | None = None,
    strange: Sequence[StrangeFrame] = (),
) -> list[Section]:
    """Return the sections of the report, what a reader asks first before what explains it."""
    studies = (study_section(name, table, curves.get(name, ())) for name, table in tables(state).items())
    return [
        ladder_section(state, status),
        *heldout_section(heldout or Heldout()),
        *pictures_section(state, strange),
        *transport_sections(transport or TransportData()),
        *studies,
        *model_section(state),
        *methods_section(state),
        *fits_section(state),
        frames_section(state, status),
        expected_section(state, entries),
        calibration_section(state, status.calibration),
        *costs_section(state),
        *time_sections(status, entries),
        provenance_section(state, entries),
    ]


@cache
def _plotly() -> str:
    """Return plotly.js, packed, as text."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
