"""Potential-energy surfaces of several models over one graph, each in its fastest form that agrees with MACE."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from alloop.potential.architecture import cutoff_of, head_of
from alloop.potential.contraction import frozen
from alloop.potential.neighbours import Edges
from alloop.potential.radial import SHORTEST_A, places
from alloop.potential.runtime import DTYPES
from alloop.potential.scalar_mace import ScalarMace, Surroundings, UnsupportedError

AGREEMENT = {torch.float32: 3e-5, torch.float64: 1e-9}
"""Largest deviation of a force on an edge from MACE's, relative to the largest one, that rounding explains."""
TOUCHING = 1.001
"""In sums of covalent radii: nothing beyond feels screened nuclear repulsion."""
_PROBE_SPACING_A = 2.4

_forms: WeakKeyDictionary[torch.nn.Module, tuple[object, Form]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Surface:
    """What one model says.

    Attributes
    ----------
    node_energies_eV : torch.Tensor of float64, shape (atoms,)
        Energies.
    slopes_eV_per_A : torch.Tensor of float64, shape (edges, 3)
        Derivatives of their sum by the vectors of the edges.
    """

    node_energies_eV: torch.Tensor
    slopes_eV_per_A: torch.Tensor

    def forces(self, edges: Edges) -> torch.Tensor:
        """Return forces (eV/Å), shape (atoms, 3)."""
        forces = torch.zeros(len(edges.species), 3, dtype=torch.float64, device=edges.senders.device)
        forces.index_add_(0, edges.senders, self.slopes_eV_per_A)
        return forces.index_add_(0, edges.receivers, self.slopes_eV_per_A, alpha=-1)

    def virial(self, edges: Edges) -> torch.Tensor:
        """Return the derivative of the energy by strain (eV), shape (3, 3); over the volume it is the stress."""
        virial = edges.vectors_A.T @ self.slopes_eV_per_A
        return 0.5 * (virial + virial.T)


@dataclass(frozen=True, eq=False)
class Form:
    """A model as it is evaluated: as MACE does, with frozen contractions, and faster still if that could be."""

    mace: torch.nn.Module
    scalar: ScalarMace | None


def surfaces(models: Sequence[torch.nn.Module], edges: Edges) -> list[Surface]:
    """Evaluate models of the same elements and cutoff, made ready by :func:`ready`, on one graph."""
    forms = [form_of(model) for model in models]
    around: dict[int, _Around] = {}
    found = []
    for model, form in zip(models, forms, strict=True):
        if form.scalar is None or not _is_in_tables(edges):
            found.append(_by_mace(form.mace, edges))
            continue
        harmonics: Any = model.spherical_harmonics
        order = harmonics.irreps_out.lmax
        if order not in around:
            around[order] = _Around(edges, harmonics, cutoff_of(model))
        found.append(around[order].surface(form.scalar))
    return found


def ready(model: torch.nn.Module, device: str, dtype: str) -> torch.nn.Module:
    """Return a model as it can be evaluated: on its device, in its precision, with weights that stay."""
    return model.to(device=device, dtype=DTYPES[dtype]).eval().requires_grad_(False)


def form_of(model: torch.nn.Module) -> Form:
    """Return the fastest form of a model that agrees with MACE.

    That form is kept as long as the model is, and made anew where weights were changed.
    """
    weights = tuple((weight.data_ptr(), weight._version) for weight in model.parameters())
    kept = _forms.get(model)
    if kept is None or kept[0] != weights:
        kept = _forms[model] = (weights, _form(model))
    return kept[1]


def _form(model: torch.nn.Module) -> Form:
    slow = frozen(model)
    try:
        fast = ScalarMace(slow)
    except UnsupportedError:
        return Form(slow, None)
    probe = _probe(model)
    harmonics: Any = model.spherical_harmonics
    ours = _Around(probe, harmonics, cutoff_of(model)).surface(fast)
    theirs = _by_mace(model, probe)
    tolerance = AGREEMENT[next(model.parameters()).dtype]
    if _agree(ours.slopes_eV_per_A, theirs.slopes_eV_per_A, tolerance) and _agree(
        ours.node_energies_eV, theirs.node_energies_eV, tolerance
    ):
        return Form(slow, fast)
    if bool(torch.isfinite(theirs.slopes_eV_per_A).all()):
        warnings.warn(
            "a model evaluated with tables of its radial weights does not agree with MACE; it is evaluated as MACE "
            "does, only slower",
            stacklevel=2,
        )
    return Form(slow, None)


def _agree(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> bool:
    return bool((ours - theirs).abs().max() <= tolerance * theirs.abs().max())


def _is_in_tables(edges: Edges) -> bool:
    return edges.lengths_A.numel() > 0 and bool(edges.lengths_A.min() > SHORTEST_A)


class _Around:
    """The geometry of a graph, in the padded layout of scalar models, and the way back to its edges."""

    def __init__(self, edges: Edges, harmonics: torch.nn.Module, cutoff_A: float) -> None:
        real, device, atoms = edges.species.dtype, edges.senders.device, len(edges.species)
        degrees = torch.bincount(edges.receivers, minlength=atoms)
        width = int(degrees.max())
        first = degrees.cumsum(0) - degrees
        count = torch.arange(len(edges.receivers), device=device)
        self._slots = edges.receivers * width + count - first.index_select(0, edges.receivers)
        # An empty place is a neighbour at the cutoff, where radial weights are zero.
        directions = torch.zeros(atoms * width, 3, dtype=real, device=device)
        directions[:, 2] = 1.0
        self._units = edges.vectors_A / edges.lengths_A.unsqueeze(1)
        directions.index_copy_(0, self._slots, self._units.to(real))
        lengths_A = torch.full((atoms * width,), cutoff_A, dtype=torch.float64, device=device)
        lengths_A.index_copy_(0, self._slots, edges.lengths_A)
        senders = torch.zeros(atoms * width, dtype=torch.long, device=device)
        senders.index_copy_(0, self._slots, edges.senders)
        with torch.enable_grad():
            self._directions = directions.requires_grad_()
            self._harmonics = harmonics(self._directions)
        self._touching = (edges.contacts < TOUCHING).nonzero().squeeze(1)
        self._lengths_A = edges.lengths_A
        self._shared = Surroundings(
            species=edges.species,
            kinds=edges.species.argmax(dim=1),
            senders=senders,
            places=places(lengths_A, cutoff_A, real),
            harmonics=self._harmonics.detach(),
            touching=torch.stack([edges.senders, edges.receivers]).index_select(1, self._touching),
            touching_A=edges.lengths_A.index_select(0, self._touching).to(real).unsqueeze(1),
        )

    def surface(self, model: ScalarMace) -> Surface:
        """Evaluate one model."""
        found = model(self._shared)
        (turned,) = torch.autograd.grad(self._harmonics, self._directions, found.by_harmonics, retain_graph=True)
        turned = turned.index_select(0, self._slots).double() / self._lengths_A.unsqueeze(1)
        # Harmonics normalise their argument, so what they give already is perpendicular to it, but for rounding.
        stretched = found.by_length.index_select(0, self._slots).double()
        stretched.index_add_(0, self._touching, found.by_touching.double())
        return Surface(found.node_energies_eV, turned + stretched.unsqueeze(1) * self._units)


def _by_mace(model: Any, edges: Edges) -> Surface:
    real, device, atoms = edges.species.dtype, edges.senders.device, len(edges.species)
    # MACE reads positions only through edge vectors: with all atoms at the origin the shifts are the vectors.
    with torch.enable_grad():
        vectors_A = edges.vectors_A.to(real, copy=True).requires_grad_()
        output = model(
            {
                "node_attrs": edges.species,
                "positions": torch.zeros(atoms, 3, dtype=real, device=device),
                "edge_index": torch.stack([edges.senders, edges.receivers]),
                "shifts": vectors_A,
                "cell": torch.zeros(3, 3, dtype=real, device=device),
                "batch": torch.zeros(atoms, dtype=torch.long, device=device),
                "ptr": torch.tensor([0, atoms], dtype=torch.long, device=device),
                "head": torch.full((1,), head_of(model), dtype=torch.long, device=device),
            },
            compute_force=False,
        )
        energies = output["node_energy"]
        (slopes,) = torch.autograd.grad(output["interaction_energy"].sum(), vectors_A, allow_unused=True)
    slopes = torch.zeros_like(vectors_A) if slopes is None else slopes
    return Surface(energies.detach().double(), slopes.double())


def _probe(model: Any) -> Edges:
    """Return a crowded cluster of all elements that a model knows."""
    real, device = next(model.parameters()).dtype, next(model.parameters()).device
    elements = len(model.atomic_numbers)
    random = torch.Generator().manual_seed(0)
    grid = torch.tensor(list(itertools.product(range(3), range(3), range(2))), dtype=torch.float64)
    positions_A = _PROBE_SPACING_A * grid + 0.1 * torch.randn(grid.shape, generator=random, dtype=torch.float64)
    kinds = torch.arange(max(len(grid), elements))[: len(grid)] % elements
    vectors_A = positions_A.unsqueeze(1) - positions_A.unsqueeze(0)
    lengths_A = torch.linalg.vector_norm(vectors_A, dim=2)
    receivers, senders = ((lengths_A < cutoff_of(model)) & (lengths_A > 0)).nonzero().T
    some = lengths_A[receivers, senders]
    return Edges(
        senders=senders.to(device),
        receivers=receivers.to(device),
        vectors_A=vectors_A[receivers, senders].to(device),
        lengths_A=some.to(device),
        contacts=torch.zeros_like(some).to(device),
        species=torch.eye(elements, dtype=real)[kinds].to(device),
    )
