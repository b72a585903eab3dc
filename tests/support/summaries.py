"""Summaries of tasks as the journal has them, with numbers that mean nothing."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from alloop.files.canonical_json import content_key
from policies.calibration.scales import PRIOR, Calibration


def offer(segment: str, index: int, why: str) -> dict[str, Any]:
    """Return an offered frame as a summary has it."""
    return {
        "index": index,
        "why": why,
        "step": index,
        "temperature_K": None if why == "initial" else 600.0,
        "disagreement_eV_per_A": 0.2 if why == "disagreement" else None,
        "min_contact": 0.9,
        "structure_sha256": content_key([segment, index]),
    }


def calibration_summary(*, trusted: bool = True, dof: float = 6.0) -> dict[str, Any]:
    """Return the summary of a calibration that can be trusted, or not; `dof` tells two of them apart."""
    calibration = TypeAdapter(Calibration).dump_python(Calibration({"Na": PRIOR, "Cl": PRIOR}, dof), mode="json")
    empty: dict[str, Any] = {"table": [], "overall": [], "made": []}
    doubts = {} if trusted else {"Na": "too few frames"}
    return {**empty, "calibration": calibration, "doubts": doubts, "frames": 30, "probes": 6}


def produced_walker(ended: str) -> dict[str, Any]:
    """Return one walker of a segment of production runs as a summary has it."""
    return {
        "temperature_K": 600.0,
        "ended": ended,
        "samples": 10,
        "mean_kinetic_K": 600.0,
        "drift_meV_per_atom_per_ps": 0.0,
        "min_contact": 0.9,
        "trajectory_sha256": "0" * 64,
        "file": "walker",
    }
