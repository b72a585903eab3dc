"""The constant that a model's energies hold, which forces say nothing about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.mace_api import AtomicData
from alloop.potential.models.architecture import head_of


def level_energies(model: torch.nn.Module, graphs: Sequence[AtomicData], *, device: str = "cpu") -> None:
    """Shift the head that speaks for a model, in place, until its mean error of the energy per atom is zero.

    Fits of forces leave that constant anywhere, and fits of energies cannot change it but through all other weights:
    the shift is no weight.

    Parameters
    ----------
    model : torch.nn.Module
        With the isolated-atom energies that it will keep; it ends on the device.
    graphs : sequence of AtomicData
        Labelled frames; repeats count as often as they appear.
    """
    module: Any = model.to(device)
    with torch.no_grad():
        shift = module.scale_shift.shift.view(-1)[head_of(model)]
        # What was there may be large enough to cost the digits of all else.
        shift.zero_()
    batches = MaceObjective(model, (), graphs, stress=False).watched()
    with torch.no_grad():
        shift.sub_(torch.cat([found.energy_eV_per_atom for found in batches]).double().mean())
