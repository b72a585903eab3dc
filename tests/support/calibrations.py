"""Calibrations of a committee whose errors are known by construction, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alloop.files.canonical_json import content_key
from alloop.journal.events import Event, TaskFinished, TaskPlanned
from alloop.journal.journal import Entry
from alloop.tasks.contract.calibrate import CalibrateSummary
from alloop.tasks.contract.records import Timing
from policies.calibration.reliability import calibrate
from policies.calibration.scales import Points
from tests.support.journals import START_T

FACTORS = {"Cl": 1.2, "In": 2.1, "Li": 1.3}
"""Mean error over disagreement, by species."""
ATOMS = {"Cl": 6, "In": 1, "Li": 3}


def points(frames: int, probes: int, factors: Mapping[str, float] = FACTORS, seed: int = 0) -> Points:
    """Return atoms of labelled frames, the first of them probes; errors are normal vectors, quiet among probes."""
    rng = np.random.default_rng(seed)
    columns: list[tuple[float, float, str, str, float, bool]] = []
    for number in range(frames):
        probe = number < probes
        level = (0.07 if probe else 0.13) * rng.lognormal(sigma=0.4)
        for species, factor in factors.items():
            for _ in range(ATOMS[species]):
                disagreement = level * rng.lognormal(sigma=0.3)
                error = factor * disagreement * np.linalg.norm(rng.normal(size=3)) / 1.596
                columns.append((disagreement, error, species, f"w/{number}", 0.1 if probe else 1.0, probe))
    d, e, species, frame, probability, probe = zip(*columns, strict=True)
    return Points(np.array(d), np.array(e), species, frame, np.array(probability), np.array(probe))


def calibrated(
    frames: int = 46, probes: int = 8, factors: Mapping[str, float] = FACTORS, seed: int = 0, made: bool = True
) -> CalibrateSummary:
    """Return the summary of a calibration on such frames."""
    report = calibrate(points(frames, probes, factors, seed))
    return CalibrateSummary.of(report, report.table[-2:] if made else (), frames, probes)


def after(entries: Sequence[Entry], summaries: Mapping[int, CalibrateSummary]) -> list[Entry]:
    """Return a journal with calibrations for some generations at its end."""
    out = list(entries)
    for event in (event for number, summary in summaries.items() for event in told(number, summary)):
        out.append(Entry(out[-1].seq + 1, out[-1].t + 1.0, event))
    return out


def told(generation: int, summary: CalibrateSummary) -> list[Event]:
    """Return the events of a calibration for a generation."""
    purpose = f"calibrate/g{generation}"
    task = {"purpose": purpose, "key": content_key(purpose)}
    context = {"generation": generation}
    plan = TaskPlanned(**task, task="calibrate", slot_kind="measure", request={}, context=context)
    timing = Timing(started_t=START_T, finished_t=START_T + 1.0, cpu_s=1.0, cores=1, host="node1", pid=100)
    return [plan, TaskFinished(**task, status="ok", timing=timing, summary=summary.model_dump(mode="json"))]
