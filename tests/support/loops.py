"""A campaign's loop on simulated workers, ready to run in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase.build import bulk

from alloop.campaign.loop import Campaign
from alloop.campaign.opening import open_state
from alloop.config import CampaignConfig
from alloop.decisions.changed_code import due
from alloop.decisions.charter import Charter
from alloop.journal.events import CampaignCreated, DriverStarted
from alloop.journal.journal import Entry, Journal
from alloop.journal.systems import SystemRecord
from alloop.materials.structure import Structure
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.tasks.workspace import Workspace
from tests.support.simulated import SimulatedWorkers
from tests.support.small import CODE, config

STARTED = DriverStarted(host="test", pid=1, version="0")


def found(
    folder: Path,
    wanted: CampaignConfig,
    systems: int = 1,
    foundation: str | None = None,
    foundation_members: int = 0,
) -> Journal:
    """Found the campaign in a folder, if it is not there, and return its open journal."""
    journal = Journal(folder)
    if next(journal.entries(), None) is None:
        structure = Structure.from_atoms(bulk("NaCl", "rocksalt", 5.6))
        names = "ABCDEFGH"[:systems]
        created = CampaignCreated(
            name=wanted.name,
            config=wanted.model_dump(mode="json"),
            science_sha256="0" * 64,
            systems=tuple(SystemRecord(name=name, structure=structure) for name in names),
            elements=("Na", "Cl"),
            code=dict(CODE),
            versions={},
            run_id="loop",
            foundation=foundation,
            foundation_members=foundation_members,
        )
        journal.append([created])
    return journal


class Worker:
    """A listener that lets the simulated workers work whenever the loop waits, and watches what is recorded."""

    def __init__(self, workers: SimulatedWorkers) -> None:
        self.workers = workers
        self.entries: list[Entry] = []

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        self.entries.append(entry)

    def tick(self, state: CampaignState, now: float) -> None:
        self.workers.work()


def loop(
    folder: Path,
    wanted: CampaignConfig,
    *,
    systems: int = 1,
    foundation: str | None = None,
    foundation_members: int = 0,
    code: dict[str, str] | None = None,
    **workers: Any,
) -> Campaign:
    """Return a campaign ready to run, with the code that its labels come from or other code."""
    journal = found(folder, wanted, systems, foundation, foundation_members)
    state = open_state(journal)
    for entry in journal.append(due(state, code or state.code)):
        apply(state, entry)
    assert state.created is not None
    simulated = SimulatedWorkers(folder, **workers)
    return Campaign(
        journal,
        state,
        Charter.of(state.created, wanted),
        simulated,
        Workspace(folder),
        listeners=[Worker(simulated)],
        tick_s=0.001,
    )


def finished(folder: Path, **settings: Any) -> tuple[Campaign, Any]:
    """Run a campaign in a folder to its end, and return it with its verdict."""
    own = ("seed", "fail", "slots", "systems", "foundation", "foundation_members")
    workers = {key: settings.pop(key) for key in own if key in settings}
    campaign = loop(folder, config(**settings), **workers)
    verdict = campaign.run(STARTED)
    campaign.journal.close()
    return campaign, verdict
