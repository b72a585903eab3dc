"""The config of a small campaign: two temperatures, rungs of 6, 12 and 24."""

from __future__ import annotations

from typing import Any

from alloop.config import CampaignConfig

CODE = {"gpaw": "1"}
SMALL: dict[str, Any] = {
    "name": "loop",
    "seed": 3,
    "systems": [{"name": "A", "structure": "a.extxyz"}],
    "initial": {"frames": 4},
    "potential": {"committee": 3},
    "label": {"engine": "gpaw"},
    "fit": {"every_labels": 6},
    "explore": {"temperatures_K": [600, 1000], "replicas": 2},
    "heldout": {"minimum": 4, "fraction": 0.25},
    "ladder": {"rungs": [6, 12, 24], "fits": 2},
}


def config(**changes: Any) -> CampaignConfig:
    """Return the config of a small campaign with some sections of one's own."""
    return CampaignConfig.model_validate({**SMALL, **changes})
