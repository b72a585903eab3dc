"""From two workers to a thousand: the real plan, loop and journal on a virtual clock.

    python -m benchmarks.scale                        the table of docs/scale.md
    python -m benchmarks.scale --slots 128 --labels 500 --overlap

Times of tasks were measured on one core (see DURATIONS); results are invented, decisions and journal are real. The
journal lies in memory if there is /dev/shm, so that the driver's time holds no waiting for a disk.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ase.build import bulk

from alloop.campaign.loop import Campaign
from alloop.campaign.opening import open_state
from alloop.config import CampaignConfig
from alloop.decisions.charter import Charter
from alloop.journal.events import CampaignCreated, DriverStarted
from alloop.journal.journal import Entry, Journal
from alloop.journal.systems import SystemRecord
from alloop.materials.structure import Structure
from alloop.simulation.cluster import Clock, VirtualCluster
from alloop.simulation.durations import Durations
from alloop.state.state import CampaignState
from alloop.tasks.workspace import Workspace

SLOTS = (2, 16, 128, 1024)
RUNGS = (50, 100, 500, 1000, 2500)
MEMORY = Path("/dev/shm")

# 40-atom NaSICON cell: GPAW, 340 eV, 2x2x2 k-points, 117 CPU s; MACE with 32 channels as in the quickstart, where a
# step of a 10-atom walker takes 8 ms, a look of four members 32 ms and an optimiser step on five frames 44 ms, and
# where 40 atoms cost 3.5 times as much.
DURATIONS = Durations(
    label_s=117.0,
    label_spread=0.15,
    atom_s=10.0,
    md_step_s=0.028,
    look_s=0.112,
    fit_step_s=0.154,
    evaluate_frame_s=0.04,
    early_stop=0.5,
)


@dataclass(frozen=True)
class Outcome:
    """What a simulated campaign came to.

    Attributes
    ----------
    label_slots : int
        Slots for DFT; a quarter as many, at least two, work on everything else.
    hours : float
        From the first task to the verdict, on the virtual clock (h).
    utilisation : float
        Part of the label slots' time that labels ran, from the first label to the last.
    half_h, all_h : float
        Time until half of the labels, and all of them, were there (h).
    candidates : int
        Frames offered.
    driver_ms_per_event : float
        Real time of the driver per event of the journal (ms): deciding, planning, harvesting, journaling, folding.
    """

    label_slots: int
    overlap: bool
    labels: int
    hours: float
    utilisation: float
    half_h: float
    all_h: float
    candidates: int
    events: int
    driver_ms_per_event: float
    verdict: str


class Stamps:
    """A listener that keeps when labels were there."""

    def __init__(self) -> None:
        self.labels: list[float] = []

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        """Note the end of a label."""
        event = entry.event
        if event.kind == "task_finished" and event.purpose.startswith("label/"):
            self.labels.append(entry.t)

    def tick(self, state: CampaignState, now: float) -> None:
        """Do nothing."""


def config(label_slots: int, *, overlap: bool, labels: int, offers: int) -> CampaignConfig:
    """Return a campaign on so many label slots; a selection in lockstep fills them all at once."""
    rungs = [size for size in RUNGS if size < labels] + [labels]
    others = max(2, label_slots // 4)
    return CampaignConfig.model_validate(
        {
            "name": "scale",
            "overlap": overlap,
            "systems": [{"name": name, "structure": "none"} for name in ("A", "B", "C")],
            "initial": {"frames": 0},
            "label": {"engine": "gpaw"},
            "potential": {"committee": 4, "foundation": "medium-mpa-0"},
            "heldout": {"from_generation": 0},
            "fit": {"every_labels": max(25, label_slots), "max_steps": 2000, "rung_steps": 4000, "epochs": 8},
            "explore": {
                "temperatures_K": [600, 800, 1000, 1200],
                "replicas": max(1, others // 8),
                "segment_fs": 1000,
                "random_offers": offers,
            },
            "select": {"batch": label_slots if not overlap else max(6, label_slots // 8), "per_walker": 8},
            "ladder": {"rungs": rungs, "lookahead_rungs": 3},
            "execution": {
                "executors": {
                    "dft": {"kind": "local", "workers": label_slots},
                    "ml": {"kind": "local", "workers": others},
                },
                "label": "dft",
                "explore": "ml",
                "fit": "ml",
                "measure": "ml",
            },
        }
    )


def simulate(label_slots: int, *, overlap: bool, labels: int, offers: int, folder: Path) -> Outcome:
    """Run one campaign and return what it came to."""
    wanted, clock, stamps = config(label_slots, overlap=overlap, labels=labels, offers=offers), Clock(), Stamps()
    with Journal(folder, clock=clock) as journal:
        journal.append([_created(wanted)])
        state = open_state(journal)
        assert state.created is not None
        cluster = VirtualCluster(folder, wanted.execution, DURATIONS, clock)
        charter = Charter.of(state.created, wanted)
        campaign = Campaign(journal, state, charter, cluster, Workspace(folder), listeners=[stamps])
        begin = time.perf_counter()
        verdict = campaign.run(DriverStarted(host="virtual", pid=1, version="0"))
        driver_s = time.perf_counter() - begin - cluster.own_s
    first = min(task.planned_t for task in state.tasks.values() if task.task == "label")
    span = stamps.labels[-1] - first
    return Outcome(
        label_slots=label_slots,
        overlap=overlap,
        labels=len(stamps.labels),
        hours=clock.now / 3600,
        utilisation=cluster.busy_s["label"] / (label_slots * span),
        half_h=stamps.labels[len(stamps.labels) // 2] / 3600,
        all_h=stamps.labels[-1] / 3600,
        candidates=len(state.frames),
        events=state.seq,
        driver_ms_per_event=1000 * driver_s / state.seq,
        verdict=verdict.verdict,
    )


def _created(wanted: CampaignConfig) -> CampaignCreated:
    structure = Structure.from_atoms(bulk("NaCl", "rocksalt", 5.6))
    return CampaignCreated(
        name=wanted.name,
        config=wanted.model_dump(mode="json"),
        science_sha256="0" * 64,
        systems=tuple(SystemRecord(name=system.name, structure=structure) for system in wanted.systems),
        elements=("Na", "Cl"),
        code={},
        versions={},
        run_id="scale",
        foundation="f" * 64,
    )


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        "| label slots | mode | labels | campaign (h) | half the labels (h) | all labels (h) | label slots at work "
        "| candidates | events | driver per event (ms) |"
    )
    yield "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for o in outcomes:
        mode = "overlapped" if o.overlap else "lockstep"
        yield (
            f"| {o.label_slots} | {mode} | {o.labels} | {o.hours:.2f} | {o.half_h:.2f} | {o.all_h:.2f} "
            f"| {100 * o.utilisation:.0f} % | {o.candidates} | {o.events} | {o.driver_ms_per_event:.2f} |"
        )


def main() -> None:
    """Run the campaigns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS, help="label slots")
    parser.add_argument("--labels", type=int, default=RUNGS[-1], help="training labels of the last rung")
    parser.add_argument("--offers", type=int, default=4, help="frames that a segment offers at random steps")
    parser.add_argument("--overlap", action="store_true", help="only overlapped")
    given = parser.parse_args()
    outcomes = []
    for slots in given.slots:
        for overlap in (True,) if given.overlap else (False, True):
            folder = Path(tempfile.mkdtemp(prefix="scale-", dir=MEMORY if MEMORY.is_dir() else None))
            try:
                outcomes.append(
                    simulate(slots, overlap=overlap, labels=given.labels, offers=given.offers, folder=folder)
                )
            finally:
                shutil.rmtree(folder)
            print(list(table(outcomes))[-1], flush=True)
    print(*table(outcomes), sep="\n")


if __name__ == "__main__":
    main()
