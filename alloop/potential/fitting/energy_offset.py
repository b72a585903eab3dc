"""Set the constant in a model's energies, which a fit to forces does not determine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.mace_api import AtomicData
from alloop.potential.models.architecture import head_of


def set_energy_offset(model: torch.nn.Module, graphs: Sequence[AtomicData], *, device: str = "cpu") -> None:
    """Shift the head whose energies and forces are used, in place, until the mean error of the energy per atom is zero.

    A fit to forces does not determine the energy offset, and the offset is not a trainable weight, so it is set after
    the fit.

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
