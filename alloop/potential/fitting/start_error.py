"""How far the forces of a model are from labels, before it is fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.mace_api import AtomicData

LEAST_FORCE_eV_per_A = 0.01
"""Where forces are smaller, as in a relaxed crystal, errors are compared with this."""


def start_error(model: torch.nn.Module, graphs: Sequence[AtomicData], *, device: str = "cpu") -> float:
    """Return the median error of a force vector over the median force vector.

    Medians, so that the few atoms of broken structures say nothing.

    Parameters
    ----------
    model : torch.nn.Module
        Any potential of MACE; it ends on the device.
    graphs : sequence of AtomicData
        Labelled frames; repeats count as often as they appear.
    """
    batches = MaceObjective(model.to(device), (), graphs, stress=False).watched()
    off = torch.cat([found.forces_eV_per_A for found in batches]).norm(dim=1).median()
    usual = torch.cat([graph.forces for graph in graphs]).norm(dim=1).median()
    return float(off) / max(float(usual), LEAST_FORCE_eV_per_A)
