"""The top of the report: the verdict in a sentence, why, what next, and the campaign in six numbers. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alloop.journal.journal import Entry
from alloop.journal.verdicts import VERDICTS
from alloop.report.blocks import Block, Box, Folded, Paragraph
from alloop.state.state import CampaignState
from alloop.status.numbers import duration, many
from alloop.status.summary import Status
from alloop.status.verdict_sentence import findings, verdict_sentence
from policies.advice import Advice


@dataclass(frozen=True)
class Card:
    """One number of the campaign: its name, the number with its unit, and what it is of."""

    name: str
    value: str
    note: str


def about(state: CampaignState, status: Status, entries: Sequence[Entry]) -> str:
    """Return what was explored, since when, and under which name of the run."""
    systems = state.created.systems if state.created else ()
    names = [f"{one.name} ({many(len(one.structure.numbers), 'atom')})" for one in systems]
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entries[0].t)) if entries else "not yet"
    return f"{', '.join(names)} · begun {began} · run {status.run_id}"


def verdict(status: Status) -> tuple[Block, ...]:
    """Return the verdict in a sentence, then why, then what to do next."""
    if status.verdict is None:
        return (Box("No verdict yet", verdict_sentence(status)),)
    head = status.verdict.replace("_", " ").capitalize()
    blocks: list[Block] = [Box(head, verdict_sentence(status), look=VERDICTS[status.verdict].look)]
    why = findings(status) or [status.reason]
    blocks.append(Box("Why", entries=tuple(one[:1].upper() + one[1:] for one in why)))
    if status.advice:
        blocks.append(Box("What next", entries=tuple(advice_words(one) for one in status.advice)))
    blocks.append(Folded("The verdict as the campaign recorded it", (Paragraph(status.reason),)))
    return tuple(blocks)


def advice_words(advice: Advice) -> str:
    """Return an advice as a sentence: what limits the campaign, the keys to change, what that gives and costs."""
    limit = advice.limit[:1].upper() + advice.limit[1:]
    settings = ", ".join(f"`{key}: {value}`" for key, value in advice.keys.items())
    gain = f" Expected then: {advice.gain}." if advice.gain else ""
    cost = f" Cost: {advice.cost}." if advice.cost else ""
    return f"{limit}. In the config, set {settings}.{gain}{cost}"


def cards(status: Status) -> tuple[Card, ...]:
    """Return the campaign in six numbers."""
    labels, last = status.labels, status.rungs[-1] if status.rungs else None
    at = f"on {last.frames} held-out frames, {last.size} training labels" if last else "no rung judged"
    imported = f", {labels.imported} imported" if labels.imported else ""
    generations = status.generation.number + 1 if status.generation else 0
    return (
        Card("Force RMSE", last.forces() if last else "–", at),
        Card("Energy RMSE", last.energy() if last else "–", at),
        Card("Labels", f"{labels.train} + {labels.heldout}", f"training + held out, {labels.failures()}{imported}"),
        Card(
            f"{status.engine} core-hours",
            f"{status.dft_core_hours:.3g}",
            f"{status.budget_labels} labels of the budget",
        ),
        Card("Running time", duration(status.wall_s), "pauses between runs not counted"),
        Card("Generations", str(generations), f"{many(status.walkers.segments, 'MD segment')}"),
    )
