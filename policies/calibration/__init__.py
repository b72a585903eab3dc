"""What a disagreement of the committee means: the error of the leader's forces, learnt from labels."""

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
