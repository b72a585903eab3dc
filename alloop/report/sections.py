"""Sections of the report as HTML: tables and words, every text escaped. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from alloop.decisions.changed_code import changed
from alloop.journal.events import (
    CampaignCreated,
    CodeChanged,
    ConfigChanged,
    DriverStarted,
    LabelsImported,
    PolicyChanged,
)
from alloop.journal.journal import Entry
from alloop.journal.verdicts import VERDICTS
from alloop.labelling.registry import engine_of, label_settings
from alloop.report.core_time import IN_FLIGHT, WAITING
from alloop.report.figure_style import text
from alloop.state.state import CampaignState
from alloop.status.foundation import foundation_facts
from alloop.status.numbers import counted, duration, finite, many
from alloop.status.summary import Status
from alloop.status.teacher import teacher_facts
from alloop.studies.study import Table
from policies.stopping.significance import EARLY_LEVEL, LADDER_LEVEL, LEVEL

HOW_ERRORS = (
    "Held-out frames are drawn at random, without regard to disagreement, from walkers that no training frame comes "
    "from; no fit and no early stopping sees them, and beside judging they only tell what disagreements mean. A rung "
    "is several fits on exactly that many training labels, in the order of their selection, different only in their "
    "seed. RMSE: root of the mean squared error over all fits, held-out frames and force components (or frames, for "
    "the energy per atom). Error bars are one standard error, from the spread between fits, between held-out walkers "
    "and of both together. When the held-out set grows, earlier rungs are evaluated again on it, so all rungs in the "
    "figure are judged on the same frames. Two rungs are equivalent when |Δ| + c SE(Δ) is within the tolerance (two "
    "one-sided tests, c from Student's t). Level: how often a change of just the tolerance passes. "
    f"It is {100 * LEVEL:g} % for the largest rung, and {100 * EARLY_LEVEL:g} % shared by all rungs before it, so that "
    f"where every rung moves by the tolerance at most about {100 * LADDER_LEVEL:g} % of ladders stop. Power: how often "
    "rungs that do not differ at all are found equivalent, with this error bar; where it is small, undecided says "
    "nothing. A look "
    "after longer dynamics is one more chance, which the level does not count."
)
HOW_FRAMES = (
    "Chosen and held-out frames have a label or wait for one. Rejected frames were offered by a walker and turned down "
    "by the selection policy, or by a gate before they were offered (short contacts, for instance). Failed frames were "
    "sent to DFT and have no label: an unconverged calculation is never a number. Labels of imported frames count as "
    "chosen. A probe was drawn at random, whatever its disagreement."
)
HOW_DISAGREEMENT = (
    "Disagreement: the largest standard deviation over the committee of a force on an atom of the frame (eV/Å), by the "
    "committee that drove the walker. It is turned into an expected error by the calibration in force when the frame "
    "was offered, see the next section; without a trusted one, the disagreement itself is taken. Dotted lines: the "
    "window of expected errors that frames are selected from. Rattled initial frames and held-out frames have none."
)
HOW_TIMELINE = (
    "One row per worker process. Times are those the workers measured, on the campaign's own clock, which does not run "
    "while there is no driver. Short neighbouring tasks of one kind are drawn as one bar. Pauses narrower than a pixel "
    "are not seen: drag to zoom in, double-click to zoom out; exact sums are in the next section."
)
HOW_TIME = (
    "Core time of finished tasks, each with the cores it owned, as measured by the workers. In flight: tasks that had "
    "not finished at the journal's last event. Waiting: the rest of what the configured slots could have worked while "
    "a driver was there, that is idle slots, the start-up of workers and attempts that were lost. DFT core-hours in "
    "the headline are processor time; isolated atoms are included."
)


def section(title: str, content: str, how: str) -> str:
    """Return a section with a remark on how its numbers were obtained."""
    remark = f'<p class="how"><b>How:</b> {text(how, 4000)}</p>' if how else ""
    return f"<section><h2>{text(title)}</h2>\n{content}\n{remark}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Return a table of cells that are HTML already."""

    def cell(tag: str, index: int, content: str) -> str:
        return f'<{tag} class="n">{content}</{tag}>' if index in numeric else f"<{tag}>{content}</{tag}>"

    lines = ["".join(cell("td", i, content) for i, content in enumerate(row)) for row in rows]
    top = "".join(cell("th", i, text(name)) for i, name in enumerate(head))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def study_section(found: Table, drawn: str = "") -> str:
    """Return the table of a study, and the place of its figure."""
    head = [column.title for column in found.columns]
    rows = [[text(cell, 400) for cell in row] for row in found.texts()]
    numeric = [place for place, column in enumerate(found.columns) if column.unit]
    return section(found.title, table(head, rows, numeric) + drawn, found.how)


def headline(state: CampaignState, status: Status, entries: Sequence[Entry]) -> str:
    """Return the verdict with its numbers, and the campaign in six cards."""
    systems = (
        [f"{s.name} ({many(len(s.structure.numbers), 'atom')})" for s in state.created.systems] if state.created else []
    )
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entries[0].t)) if entries else "not yet"
    about = f"{', '.join(systems)} · begun {began} · run {status.run_id}"
    return (
        f"<header><h1>{text(status.name or 'campaign')}</h1>"
        f'<p class="about">{text(about, 600)}</p>{_verdict(status)}<div class="cards">{_cards(status)}</div></header>'
    )


def _verdict(status: Status) -> str:
    if status.verdict is None:
        goal = f"; the next rung is {status.next_rung} training labels" if status.next_rung else ""
        return f'<div class="verdict"><b>No verdict yet</b>The campaign is not finished{text(goal)}.</div>'
    head = status.verdict.replace("_", " ")
    reason = status.reason.removeprefix(status.verdict).strip()
    first, *rest = (part.strip() for part in reason.split("; "))
    opening, colon, metric = first.partition(": ")
    items = [part for part in (metric, *rest) if part] if colon else rest
    listed = _listed(items)
    following = f"<b>What next</b>{_listed([str(one) for one in status.advice])}" if status.advice else ""
    return (
        f'<div class="verdict {VERDICTS[status.verdict].look}"><b>{text(head.capitalize())}</b>'
        f"{text(opening + (':' if items else ''), 600)}{listed}{following}</div>"
    )


def _listed(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{text(part, 600)}</li>' for part in items)}</ul>" if items else ""


def _cards(status: Status) -> str:
    labels, last = status.labels, status.rungs[-1] if status.rungs else None
    at = f"on held-out frames, rung {last.size}" if last else "no rung judged"
    imported = f", {labels.imported} imported" if labels.imported else ""
    generations = status.generation.number + 1 if status.generation else 0
    cards = [
        ("Force RMSE", last.forces() if last else "–", at),
        ("Energy RMSE", last.energy() if last else "–", at),
        (
            "Labels",
            f"{labels.train} + {labels.heldout}",
            f"training + held out, {labels.failures()}{imported}",
        ),
        ("DFT", f"{status.dft_core_hours:.3g} core-h", f"{status.budget_labels} labels of the budget"),
        ("Time", duration(status.wall_s), "with a driver"),
        ("Generations", str(generations), f"{many(status.walkers.segments, 'MD segment')}"),
    ]
    return "".join(
        f'<div class="card"><span>{text(name)}</span><strong>{text(value)}</strong><small>{text(note)}</small></div>'
        for name, value, note in cards
    )


def reasons(status: Status) -> str:
    """Return how many labels there are by why their frame was chosen, and how many frames were rejected by reason."""
    said = [("Training labels, by why their frame was chosen", status.labels_by_why), ("Rejected", status.rejected)]
    return "".join(
        f"<p>{text(f'{what}: {sum(counts.values())} ({counted(counts, len(counts))}).', 2000)}</p>"
        for what, counts in said
        if counts
    )


def rung_table(status: Status) -> str:
    """Return the rungs with their error bars."""
    if not status.rungs:
        return ""
    rows: list[tuple[str, ...]] = [
        (
            str(row.size),
            text(row.forces()),
            text(row.energy()),
            str(row.fits),
            str(row.frames),
            text(row.unmeasured or ""),
        )
        for row in status.rungs
    ]
    columns = 6 if any(row.unmeasured for row in status.rungs) else 5
    head = ("Rung (labels)", "Force RMSE", "Energy RMSE", "Fits", "Held-out frames", "Unmeasured because")
    return table(head[:columns], [row[:columns] for row in rows], numeric=range(1, 5))


def judgement_table(status: Status) -> str:
    """Return the comparison of the last two rungs."""
    if not status.judgements:
        return ""
    rows = []
    for judgement in status.judgements:
        unit, finding = text(judgement.get("unit", "")), text(judgement.get("finding", "?"))
        change = f"{_number(judgement, 'value_previous')} → {_number(judgement, 'value_last')} {unit}"
        delta = f"{_number(judgement, 'delta', '+.3g')} ± {_number(judgement, 'se_delta', '.2g')} {unit}"
        tolerance = f"{_number(judgement, 'tolerance', '.3g')} {unit}"
        found = f'<span class="{finding}">{finding}</span>'
        critical, odds = _number(judgement, "critical"), [_per_cent(judgement, name) for name in ("level", "power")]
        rows.append((text(judgement.get("metric", "?")), change, delta, critical, tolerance, *odds, found))
    head = ("Last two rungs", "Change", "Δ ± SE", "c", "Tolerance", "Level", "Power", "Finding")
    return f"<h3>Comparison of the last two rungs</h3>{table(head, rows, numeric=range(1, 7))}"


def _number(values: dict[str, Any], name: str, spec: str = ".4g") -> str:
    value = finite(values.get(name))
    return "?" if value is None else format(value, spec)


def _per_cent(values: dict[str, Any], name: str) -> str:
    """Return a probability in per cent; judgements of earlier versions have none."""
    value = finite(values.get(name))
    return "–" if value is None else f"{100 * value:.3g} %"


def time_table(status: Status) -> str:
    """Return core time by kind of work."""
    split = status.core_seconds or {}
    total = sum(split.values())
    if total <= 0:
        return ""
    names = {IN_FLIGHT: "in flight", WAITING: "waiting"}
    rows = [
        (text(names.get(kind, kind)), f"{seconds / 3600:.3f}", duration(seconds), f"{100 * seconds / total:.1f}")
        for kind, seconds in split.items()
    ]
    rows.append(("<b>all</b>", f"{total / 3600:.3f}", duration(total), "100.0"))
    return table(("Work", "Core-hours", "Core time", "Share (%)"), rows, numeric=(1, 2, 3))


def _teacher(state: CampaignState) -> str:
    """Return who taught the committee, under which licence and from how many frames."""
    facts = teacher_facts(state)
    if facts is None:
        return text("none: a cold start")
    code = facts.pop("code")
    return _pairs({name: str(value) for name, value in {**facts, **code}.items()})


def _foundation(created: CampaignCreated) -> str:
    """Return where fits start, under which licence, and what to cite."""
    facts = foundation_facts(created)
    return text("none") if facts is None else _pairs(facts)


def provenance(state: CampaignState, entries: Sequence[Entry]) -> str:
    """Return versions, settings, seeds, drivers and all failures."""
    created = state.created
    if created is None:
        return '<p class="none">The journal is empty.</p>'
    facts = [
        ("Code of the labels", _pairs(state.code)),
        ("Former code of the labels", _former_code(entries)),
        ("Versions", _pairs(created.versions)),
        ("Foundation", _foundation(created)),
        ("Teacher", _teacher(state)),
        ("Labels brought along", _brought(entries)),
        ("Isolated-atom energies E0 (eV)", _pairs({e: f"{v:.6f}" for e, v in sorted(state.e0s_eV.items())})),
        ("Seed", text(state.config.get("seed", ""))),
        ("Science of the config, SHA-256", f"<code>{text(created.science_sha256)}</code>"),
        ("Failed labels", text(counted(dict(state.failures), 20) or "none")),
        ("Broken tasks", text(counted(dict(state.broken), 20) or "none")),
        ("Drivers", _drivers(entries)),
        ("Changes of machines, budgets, monitoring and policies", _changes(entries)),
    ]
    config = yaml.safe_dump(
        _public(state.config), sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    return (
        table(("Fact", "Value"), [(text(name), value) for name, value in facts])
        + f"<h3>Systems</h3>{_systems(state, created)}"
        + f"<details><summary>Config</summary><pre>{_block(config)}</pre></details>"
    )


def _systems(state: CampaignState, created: CampaignCreated) -> str:
    label = label_settings(state.config["label"])
    rows = [
        (
            text(one.name),
            text(one.composition),
            text(one.structure.formula()),
            str(len(one.structure.numbers)),
            text(engine_of(label).per_cell(label, one.structure) or "–"),
            f"<code>{one.structure.digest()[:16]}…</code>",
        )
        for one in created.systems
    ]
    return table(
        ("System", "Composition", "Formula", "Atoms", "Labels by cell", "Structure, SHA-256"), rows, numeric=(3,)
    )


def _public(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config without the shell lines of machines, which may hold secrets."""
    execution = config.get("execution", {})
    executors = {
        name: {key: value for key, value in executor.items() if key not in ("worker_init", "scheduler_options")}
        for name, executor in execution.get("executors", {}).items()
    }
    return {**config, "execution": {**execution, "executors": executors}} if execution else config


def _block(content: str) -> str:
    return "\n".join(text(line, 2000) for line in content.splitlines())


def _pairs(values: dict[str, str]) -> str:
    return text(", ".join(f"{name} {value}" for name, value in values.items()) or "none", 4000)


def _drivers(entries: Sequence[Entry]) -> str:
    started = [entry for entry in entries if isinstance(entry.event, DriverStarted)]
    hosts = sorted({entry.event.host for entry in started if isinstance(entry.event, DriverStarted)})
    return text(f"{many(len(started), 'start')} on {', '.join(hosts)}" if started else "none", 600)


def _brought(entries: Sequence[Entry]) -> str:
    imports = [entry.event for entry in entries if isinstance(entry.event, LabelsImported)]
    return "<br>".join(text(_taken(event), 600) for event in imports) or "none"


def _taken(event: LabelsImported) -> str:
    uses = {"same": "used as labels", "teacher": "of the teacher, used to teach"}
    use = uses.get(event.reference, "of another reference, used to pre-train on their forces")
    why = f" ({event.why})" if event.why else ""
    return f"{many(len(event.keys), 'label')} from {event.source}, {use}{why}"


def _former_code(entries: Sequence[Entry]) -> str:
    changes = [entry.event for entry in entries if isinstance(entry.event, CodeChanged)]
    told = (f"{changed(event.old, event.new)}; {len(event.probes)} labels made again agree" for event in changes)
    return "<br>".join(text(line, 600) for line in told) or "none"


def _changes(entries: Sequence[Entry]) -> str:
    changes = [change for entry in entries if isinstance(entry.event, ConfigChanged) for change in entry.event.changes]
    mended = [entry.event for entry in entries if isinstance(entry.event, PolicyChanged)]
    changes += [f"the source of {key}, accepted by the user" for event in mended for key in event.changed]
    return "<br>".join(text(change, 300) for change in changes) or "none"
