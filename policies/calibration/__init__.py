"""Calibrate the disagreement of a committee: learn from labels which force error of the leader it means."""

from policies.calibration.quantiles import weighted_quantile
from policies.calibration.scales import (
    COVERAGE,
    LARGEST_WEIGHT,
    PRIOR,
    SMALLEST_MEMORY,
    Calibration,
    Floats,
    Points,
    SpeciesMap,
    fit_calibration,
    frame_weights,
    memory,
)

__all__ = [
    "COVERAGE",
    "LARGEST_WEIGHT",
    "PRIOR",
    "SMALLEST_MEMORY",
    "Calibration",
    "Floats",
    "Points",
    "SpeciesMap",
    "fit_calibration",
    "frame_weights",
    "memory",
    "weighted_quantile",
]
