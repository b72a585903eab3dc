"""Calibrate the disagreement of a committee: learn from labels which force error of the leader it means."""

from policies.calibration.scales import (
    COVERAGE,
    HALF_LIFE_FRAMES,
    LARGEST_WEIGHT,
    PRIOR,
    Calibration,
    Floats,
    Points,
    SpeciesMap,
    fit_calibration,
    frame_weights,
    memory,
    weighted_quantile,
)

__all__ = [
    "COVERAGE",
    "HALF_LIFE_FRAMES",
    "LARGEST_WEIGHT",
    "PRIOR",
    "Calibration",
    "Floats",
    "Points",
    "SpeciesMap",
    "fit_calibration",
    "frame_weights",
    "memory",
    "weighted_quantile",
]
