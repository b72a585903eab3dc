"""What happens in a small plausible campaign, with its config, frames and labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alloop.config import CampaignConfig
from alloop.materials.structure import Structure
from alloop.tasks.contract.label import LabelData

TEMPERATURES_K = (600.0, 1000.0)


@dataclass(frozen=True)
class Story:
    """What happens in the campaign."""

    name: str = "quickstart"
    system: str = "Li3InCl6"
    run_id: str = "alloop0test"
    rungs: tuple[int, ...] = (12, 24, 48)
    initial: int = 8
    batch: int = 6
    fits: int = 2
    committee: int = 3
    heldout_fraction: float = 0.25
    failing: tuple[int, ...] = (10, 31)
    host: str = "node1"
    failure_reason: str = "scf"
    failure_detail: str = "SCF not converged after 80 iterations"
    lost: tuple[int, ...] = (20,)
    slots: int = 2
    seed: int = 7


USUAL = Story()


def config(story: Story = USUAL) -> CampaignConfig:
    """Return the config of the campaign."""
    return CampaignConfig.model_validate(
        {
            "name": story.name,
            "seed": story.seed,
            "systems": [{"name": story.system, "structure": "structures/Li3InCl6.extxyz"}],
            "initial": {"frames": story.initial},
            "potential": {"committee": story.committee},
            "label": {"engine": "gpaw"},
            "explore": {"temperatures_K": TEMPERATURES_K},
            "heldout": {"fraction": story.heldout_fraction, "minimum": 4},
            "ladder": {"rungs": story.rungs, "fits": story.fits},
            "budget": {"labels": 80, "wall_h": 1.0},
            "execution": {"executors": {"local": {"kind": "local", "workers": story.slots}}},
            "monitor": {"wandb": {"artifacts": True}},
        }
    )


def structure(seed: int = 0) -> Structure:
    """Return ten atoms of Li3InCl6 somewhere in a cell."""
    rng = np.random.default_rng(seed)
    grid = np.array([[i % 3, (i // 3) % 3, i // 9] for i in range(10)]) * 2.4
    positions = grid + rng.normal(scale=0.1, size=(10, 3))
    return Structure(
        numbers=(3, 3, 3, 49, 17, 17, 17, 17, 17, 17),
        positions_A=tuple(tuple(float(x) for x in row) for row in positions),
        cell_A=((7.2, 0.0, 0.0), (0.0, 7.2, 0.0), (0.3, 0.0, 6.1)),
    )


def label_data(seed: int) -> LabelData:
    """Return a label that looks like one."""
    rng = np.random.default_rng(seed)
    forces = rng.normal(scale=0.5, size=(10, 3))
    return LabelData(
        structure=structure(seed),
        energy_eV=-28.0 + float(rng.normal(scale=0.2)),
        forces_eV_per_A=tuple(tuple(float(x) for x in row) for row in forces - forces.mean(axis=0)),
        stress_eV_per_A3=tuple(float(x) for x in rng.normal(scale=0.01, size=6)),
    )


def variant(**changes: Any) -> Story:
    """Return the usual story with some things different."""
    return replace(USUAL, **changes)
