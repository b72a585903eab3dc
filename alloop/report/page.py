"""Build the report: put its sections together into one HTML file that needs no other file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from types import MappingProxyType

from plotly.offline import get_plotlyjs

from alloop.files.durable import write_durably
from alloop.journal.journal import Entry
from alloop.report import figures, sections
from alloop.report.calibration import section
from alloop.report.calibration.figures import calibration_history, reliability
from alloop.report.core_time import time_split
from alloop.report.figure_style import Figure, text
from alloop.report.heldout_errors import errors_table
from alloop.report.study_figures import curves_figure
from alloop.report.style import PAGE, SCRIPT, STYLE
from alloop.report.transport.sections import TransportData, TransportPart, transport_part
from alloop.state.state import CampaignState
from alloop.status.summary import Status, summary
from alloop.studies.plot import Plot
from alloop.studies.study import tables

NO_CURVES: Mapping[str, Sequence[Plot]] = MappingProxyType({})


def build_report(
    state: CampaignState,
    entries: Sequence[Entry],
    path: Path,
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
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
    """
    write_durably(Path(path), page(state, entries, transport, curves).encode())


def page(
    state: CampaignState,
    entries: Sequence[Entry],
    transport: TransportData | None = None,
    curves: Mapping[str, Sequence[Plot]] = NO_CURVES,
) -> str:
    """Return the report as HTML, plotly.js included."""
    measured = transport_part(transport or TransportData())
    status = summary(state, entries[-1].t if entries else 0.0, time_split(entries))
    drawn = {
        "learning-curve": figures.learning_curve(state),
        "time-split": figures.where_time_went(status.core_seconds or {}),
        "frames": figures.frames_by_reason(state),
        "expected-errors": figures.expected_errors(state, entries),
        "reliability": reliability(state.calibrations[max(state.calibrations)]) if state.calibrations else None,
        "calibration-history": calibration_history(state.calibrations),
        "timeline": figures.timeline(entries),
        **{f"study-{name}": curves_figure(curves.get(name, ())) for name in state.studies},
    }
    body = _body(state, entries, status, drawn, measured)
    return Template(PAGE).substitute(
        title=text(f"{status.name or 'campaign'} · alloop"),
        style=STYLE,
        plotly=get_plotlyjs(),
        body=body,
        figures=_script_json({name: figure for name, figure in (drawn | dict(measured.figures)).items() if figure}),
        script=SCRIPT,
    )


def _body(
    state: CampaignState,
    entries: Sequence[Entry],
    status: Status,
    drawn: dict[str, Figure | None],
    measured: TransportPart,
) -> str:
    def plot(name: str, missing: str) -> str:
        nothing = f'<p class="none">{missing}</p>' if missing else ""
        return f'<div class="plot" id="{name}"></div>' if drawn[name] else nothing

    parts = [
        sections.headline(state, status, entries),
        _ladder(status, plot),
        measured.html,
        sections.section(
            "Frames by reason",
            plot("frames", "No frame was offered yet.") + sections.reasons(status),
            sections.HOW_FRAMES,
        ),
        sections.section(
            "Expected errors over the campaign",
            plot("expected-errors", "No committee looked at a frame yet."),
            sections.HOW_DISAGREEMENT,
        ),
        sections.section(
            "What does a disagreement mean?",
            _calibration(state, status, plot, drawn),
            section.HOW_CALIBRATION,
        ),
        *(sections.study_section(table, plot(f"study-{name}", "")) for name, table in tables(state).items()),
        sections.section("Timeline of slots", plot("timeline", "No task has finished yet."), sections.HOW_TIMELINE),
        sections.section(
            "Where the time went",
            plot("time-split", "No driver worked yet.") + sections.time_table(status),
            sections.HOW_TIME,
        ),
        sections.section("Settings and provenance", sections.provenance(state, entries), ""),
    ]
    return "\n".join(part for part in parts if part)


def _ladder(status: Status, plot: Callable[[str, str], str]) -> str:
    curve = plot("learning-curve", "No rung is judged yet.")
    tables = sections.rung_table(status) + errors_table(status.heldout_errors) + sections.judgement_table(status)
    return sections.section("Does more data still change the answer?", curve + tables, sections.HOW_ERRORS)


def _calibration(
    state: CampaignState, status: Status, plot: Callable[[str, str], str], drawn: dict[str, Figure | None]
) -> str:
    found = status.calibration
    if found is None:
        return '<p class="none">No calibration was made yet: disagreements are taken as expected errors.</p>'
    parts = [
        section.calibration_words(state, found),
        plot("reliability", "No label was held back yet."),
        section.calibration_tables(state, found),
    ]
    if drawn["calibration-history"]:
        parts.append(f"<h3>Random probes, generation by generation</h3>{plot('calibration-history', '')}")
    return "".join(parts)


def _script_json(value: object) -> str:
    """Return JSON that is safe inside a script element."""
    content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        content = content.replace(character, f"\\u{ord(character):04x}")
    return content
