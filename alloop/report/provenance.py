"""The section of the report about settings, versions and what went wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from alloop.config.machine import PRIVATE_SECTIONS
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
from alloop.labelling.registry import engine_of, label_settings
from alloop.report.blocks import Block, Cell, Code, Folded, Grid, Heading, Paragraph, Section, grid
from alloop.state.state import CampaignState
from alloop.status.foundation import foundation_facts
from alloop.status.numbers import many
from alloop.status.reasons import counted_words
from alloop.status.teacher import teacher_facts


def provenance_section(state: CampaignState, entries: Sequence[Entry]) -> Section:
    """Return the section of versions, settings, seeds, drivers and all failures."""
    return Section("provenance", "Settings and provenance", _blocks(state, entries))


def _blocks(state: CampaignState, entries: Sequence[Entry]) -> tuple[Block, ...]:
    created = state.created
    if created is None:
        return (Paragraph("The journal is empty.", look="none"),)
    energies = {element: f"{energy:.6f}" for element, energy in sorted(state.e0s_eV.items())}
    facts: list[tuple[str, str | Cell]] = [
        ("Code of the labels", _pairs(state.code)),
        ("Versions", _pairs(created.versions)),
        ("Foundation", _pairs(foundation_facts(created) or {})),
        ("Teacher", _teacher(state)),
        ("Imported labels", _listed(_brought(entries))),
        ("Isolated-atom energies E0 (eV)", _pairs(energies)),
        ("Seed", str(state.config.get("seed", ""))),
        ("Fingerprint of the scientific settings (SHA-256)", created.science_sha256),
        ("Failed labels", counted_words(state.failures) or "none"),
        ("Tasks that broke", counted_words(state.broken) or "none"),
        ("Times alloop was started", _drivers(entries)),
    ]
    former, changes = _former_code(entries), _changes(entries)
    facts += [("Former code of the labels", _listed(former))] if former else []
    facts += [("Changes of machines, budgets, monitoring and policies", _listed(changes))] if changes else []
    config = yaml.safe_dump(
        public_config(state.config), sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    return (
        grid(("Fact", "Value"), facts),
        Heading("Systems"),
        _systems(state, created),
        Folded("The config without machines and monitoring", (Code(config),)),
    )


def _systems(state: CampaignState, created: CampaignCreated) -> Grid:
    label = label_settings(state.config["label"])
    rows = [
        (
            one.name,
            one.composition,
            one.structure.formula(),
            str(len(one.structure.numbers)),
            engine_of(label).per_cell(label, one.structure) or "–",
            f"{one.structure.digest()[:16]}…",
        )
        for one in created.systems
    ]
    return grid(("System", "Composition", "Formula", "Atoms", "Labels by cell", "Structure, SHA-256"), rows, (3,))


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config without machines and monitoring: who gets the page has no use for hosts and shell lines."""
    return {name: section for name, section in config.items() if name not in PRIVATE_SECTIONS}


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def _listed(lines: Sequence[str]) -> Cell:
    return Cell(lines[0], tuple(lines[1:])) if lines else Cell("none")


def _teacher(state: CampaignState) -> str:
    """Return who taught the committee, under which licence and from how many frames."""
    facts = teacher_facts(state)
    if facts is None:
        return "none: a cold start"
    code = facts.pop("code")
    return _pairs({name: str(value) for name, value in {**facts, **code}.items()})


def _drivers(entries: Sequence[Entry]) -> str:
    started = [entry.event for entry in entries if isinstance(entry.event, DriverStarted)]
    return f"{many(len(started), 'start')} on {many(len({one.host for one in started}), 'host')}" if started else "none"


def _brought(entries: Sequence[Entry]) -> list[str]:
    return [_taken(entry.event) for entry in entries if isinstance(entry.event, LabelsImported)]


def _taken(event: LabelsImported) -> str:
    uses = {"same": "used as labels", "teacher": "of the teacher, used to teach"}
    use = uses.get(event.reference, "of another reference, used to pre-train on their forces")
    why = f" ({event.why})" if event.why else ""
    return f"{many(len(event.keys), 'label')} from {event.source}, {use}{why}"


def _former_code(entries: Sequence[Entry]) -> list[str]:
    changes = [entry.event for entry in entries if isinstance(entry.event, CodeChanged)]
    return [f"{changed(event.old, event.new)}; {len(event.probes)} labels made again agree" for event in changes]


def _changes(entries: Sequence[Entry]) -> list[str]:
    changes = [change for entry in entries if isinstance(entry.event, ConfigChanged) for change in entry.event.changes]
    mended = [entry.event for entry in entries if isinstance(entry.event, PolicyChanged)]
    return [_without_values(change) for change in changes] + [
        f"the source of {key}, accepted by the user" for event in mended for key in event.changed
    ]


def _without_values(change: str) -> str:
    """Return a change of the config in words; of a section that is private the key alone."""
    key = change.partition(":")[0]
    return f"{key} was changed" if key.partition(".")[0] in PRIVATE_SECTIONS else change
