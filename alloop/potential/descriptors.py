"""Describe the environment of each atom by a model's invariant features, by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alloop.potential.evaluation.batch_limits import ATOMS_AT_ONCE
from alloop.potential.evaluation.contraction import frozen
from alloop.potential.graphs import batches_of, labelled_graphs


def environments(
    frames: Sequence[Atoms], model: torch.nn.Module, *, device: str = "cpu"
) -> list[dict[str, NDArray[np.floating]]]:
    """Return the invariant node features of frames, from one forward pass without gradients.

    They are the scalar channels of all layers of MACE (Batatia et al., NeurIPS 2022, arXiv:2206.07697), one layer after
    the other: what the readouts see. Rotations, translations and the order of atoms do not change them.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Frames with finite positions.
    model : torch.nn.Module
        A MACE model on the device, in the precision of the features.
    device : str
        Where to compute: ``cpu`` or ``cuda``.

    Returns
    -------
    list of dict of str to numpy.ndarray, shape (atoms of the element, features)
        Of each frame, by element.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """
    fast: Any = frozen(model)
    scalars = torch.as_tensor(_scalars(model), device=device)
    pieces = []
    for batch in batches_of(labelled_graphs(frames, model), ATOMS_AT_ONCE[device.partition(":")[0]]):
        with torch.no_grad():
            output = fast(batch.to(device).to_dict(), compute_force=False)
        pieces.append(output["node_feats"].index_select(1, scalars).cpu().numpy())
    rows = np.concatenate(pieces) if pieces else np.empty((0, len(scalars)))
    ends = np.cumsum([len(atoms) for atoms in frames])
    return [_by_element(atoms, rows[end - len(atoms) : end]) for atoms, end in zip(frames, ends, strict=True)]


def _by_element(atoms: Atoms, features: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
    return {chemical_symbols[number]: features[atoms.numbers == number] for number in np.unique(atoms.numbers)}


def _scalars(model: Any) -> list[int]:
    """Return the columns of the node features that do not turn with the frame."""
    columns: list[int] = []
    start = 0
    for product in model.products:
        irreps = product.linear.irreps_out
        for (_, irrep), some in zip(irreps, irreps.slices(), strict=True):
            if irrep.is_scalar():
                columns += range(start + some.start, start + some.stop)
        start += irreps.dim
    return columns
