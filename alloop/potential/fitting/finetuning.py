"""Prepare a foundation for a fit: only the elements of the campaign, one head, the same potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms

from alloop.potential.graphs import graph_of
from alloop.potential.mace_api import AtomicNumberTable, load_foundations_elements
from alloop.potential.models.architecture import (
    ArchitectureError,
    build_model,
    describe_model,
    numbers_of,
    rebuilt,
    set_e0s,
)
from alloop.potential.models.heads import place_of, with_one_head
from alloop.potential.models.runtime import building

_RELATIVE_TOLERANCE = 1e-4


def reduced_to(module: torch.nn.Module, numbers: Sequence[int], head: str | None = None) -> torch.nn.Module:
    """Return a foundation that knows only some elements and has one head, with exactly its interaction energies.

    Parameters
    ----------
    module : torch.nn.Module
        The foundation; left as it is.
    numbers : sequence of int
        Atomic numbers to keep.
    head : str or None
        The head to keep; None for the only one, or the one called default.

    Raises
    ------
    ArchitectureError
        If the foundation lacks an element or the head, or if the smaller model would not give the same forces.
    """
    lacking = sorted(set(numbers) - set(numbers_of(module)))
    if lacking:
        raise ArchitectureError(f"the foundation does not know the elements with atomic numbers {lacking}")
    small = _with_elements(with_one_head(module, head), sorted(set(numbers)))
    _require_same(module, small, place_of(module, head))
    return small


def _with_elements(module: torch.nn.Module, numbers: list[int]) -> torch.nn.Module:
    known = numbers_of(module)
    if set(known) == set(numbers):
        return rebuilt(module)
    config = describe_model(module)
    arguments: dict[str, Any] = config["arguments"]
    energies = np.atleast_2d(np.array(arguments["atomic_energies"]))[0]
    e0s_eV = {z: float(energies[known.index(z)]) for z in numbers}
    arguments["atomic_energies"] = [list(e0s_eV.values())]
    arguments["atomic_numbers"] = numbers
    arguments["num_elements"] = len(numbers)
    small: Any = build_model(config)
    with building(config["dtype"]), torch.no_grad():
        load_foundations_elements(
            small,
            module,
            AtomicNumberTable(numbers),
            load_readout=True,
            max_L=small.products[0].linear.irreps_out.lmax,
        )
        _keep_radial_functions(small, module)
        set_e0s(small, e0s_eV)
    smaller: torch.nn.Module = small
    return smaller


def _keep_radial_functions(small: Any, module: Any) -> None:
    """Make constants of the radial functions constants again: MACE copies them as weights, which no dense form fits."""
    ours, theirs = small.radial_embedding.bessel_fn, module.radial_embedding.bessel_fn
    for name, constant in theirs.named_buffers(recurse=False):
        if name in ours._parameters:
            delattr(ours, name)
            ours.register_buffer(name, constant.detach().clone())


def _require_same(module: torch.nn.Module, small: torch.nn.Module, head: int) -> None:
    """Compare the interaction energy and the forces of both on one frame that holds every kept element."""
    frame = _probe(numbers_of(small))
    before, after = _interaction(module, frame, head), _interaction(small, frame, 0)
    if not np.allclose(before, after, rtol=_RELATIVE_TOLERANCE, atol=_RELATIVE_TOLERANCE * float(np.abs(before).max())):
        raise ArchitectureError("this foundation changes when it is reduced to the campaign's elements: not supported")


def _probe(numbers: Sequence[int]) -> Atoms:
    rng = np.random.default_rng(0)
    species = list(numbers) * max(1, 8 // len(numbers))
    edge = (len(species) * 20.0) ** (1 / 3)
    return Atoms(species, positions=rng.uniform(0, edge, (len(species), 3)), cell=[edge] * 3, pbc=True)


def _interaction(module: torch.nn.Module, frame: Atoms, head: int) -> np.ndarray:
    graph = graph_of(frame, module, head=head)
    output = module(graph)
    return np.append(output["forces"].detach().numpy(), output["interaction_energy"].detach().numpy())
