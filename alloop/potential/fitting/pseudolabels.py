"""Label frames by a model: what it says before a fit, for the fit to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from alloop.potential.graphs import batches_of, labelled_frame, labelled_graphs
from alloop.potential.mace_api import preserve_grad_state

_ATOMS_PER_BATCH = 256


def pseudolabelled(frames: Sequence[Atoms], model: torch.nn.Module, head: str, *, stress: bool) -> list[Atoms]:
    """Return copies of frames that carry what a head of a model says as their labels, under MACE's names.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Labels that they have are not read.
    model : torch.nn.Module
        On its device; it is not changed.
    head : str
        Whose energies (eV), forces (eV/Å) and stresses (eV/Å³) are wanted.
    stress : bool
        Whether stresses are wanted.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """
    device = next(model.parameters()).device
    bare = [Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc) for frame in frames]
    left = iter(bare)
    labelled: list[Atoms] = []
    with preserve_grad_state(model):
        for batch in batches_of(labelled_graphs(bare, model, head=head), _ATOMS_PER_BATCH):
            output: dict[str, Any] = model(batch.to(device).to_dict(), training=False, compute_stress=stress)
            sizes = (batch.ptr[1:] - batch.ptr[:-1]).tolist()
            forces = output["forces"].detach().cpu().split(sizes)
            energies = output["energy"].detach().cpu().tolist()
            stresses = output["stress"].detach().cpu().numpy() if stress else [None] * len(sizes)
            for energy_eV, own, tensor in zip(energies, forces, stresses, strict=True):
                voigt = None if tensor is None else full_3x3_to_voigt_6_stress(tensor)
                labelled.append(labelled_frame(next(left), energy_eV, own.numpy(), voigt))
    return labelled
