"""Evaluate one model on a graph, in its fastest form that agrees with MACE."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch

from alloop.potential.evaluation.agreement import Agreement
from alloop.potential.evaluation.contraction import frozen
from alloop.potential.evaluation.float64_geometry import by_mace, with_float64_geometry
from alloop.potential.evaluation.neighbours import Edges
from alloop.potential.evaluation.radial import SHORTEST_A, places
from alloop.potential.evaluation.scalar_mace import ScalarMace, Surroundings, UnsupportedError
from alloop.potential.evaluation.surface import Surface

_forms: WeakKeyDictionary[torch.nn.Module, tuple[object, Form]] = WeakKeyDictionary()


class Geometry:
    """A graph, and what models find out about it that is the same for the next one."""

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        self.is_in_tables = edges.lengths_A.numel() > 0 and _is_in_tables(edges)
        self._around: dict[int, _Around] = {}

    def around(self, model: Any, cutoff_A: float) -> _Around:
        """Return the geometry as a scalar model of a cutoff needs it."""
        harmonics = model.spherical_harmonics
        order = harmonics.irreps_out.lmax
        if order not in self._around:
            self._around[order] = _Around(self.edges, harmonics, cutoff_A)
        return self._around[order]


def _is_in_tables(edges: Edges) -> bool:
    return bool(edges.lengths_A.min() > SHORTEST_A) if edges.in_tables is None else edges.in_tables


@dataclass(frozen=True, eq=False)
class Form:
    """A model as it is evaluated.

    Attributes
    ----------
    mace : torch.nn.Module or None
        What is evaluated by MACE's own code; None for the model itself.
    vectors : torch.dtype
        Precision of the edge vectors that this takes.
    scalar : ScalarMace or None
        Faster still, if that could be.
    """

    mace: torch.nn.Module | None
    vectors: torch.dtype
    scalar: ScalarMace | None

    def surface(self, model: torch.nn.Module, geometry: Geometry) -> Surface:
        """Evaluate the model, which is the one that this is a form of."""
        if self.scalar is not None and geometry.is_in_tables:
            return geometry.around(model, self.scalar.cutoff_A).surface(self.scalar)
        return by_mace(model if self.mace is None else self.mace, geometry.edges, self.vectors)


def weights_of(model: torch.nn.Module) -> tuple[tuple[int, int], ...]:
    """Return what changes when the weights of a model do."""
    return tuple((weight.data_ptr(), weight._version) for weight in model.parameters())


def form_of(model: torch.nn.Module) -> Form:
    """Return the fastest form of a model that agrees with MACE.

    That form is kept as long as the model is, and made anew where weights were changed.
    """
    weights, kept = weights_of(model), _forms.get(model)
    if kept is None or kept[0] != weights:
        kept = _forms[model] = (weights, _form(model))
    return kept[1]


def _form(model: torch.nn.Module) -> Form:
    agreement = Agreement(model)
    for form in _faster_forms(model):
        if agreement.holds(lambda edges, form=form: form.surface(model, Geometry(edges))):  # type: ignore[misc]
            return form
        if agreement.is_finite:
            warnings.warn(
                "a model evaluated faster than MACE does it does not agree with MACE; that form of it is switched off",
                stacklevel=2,
            )
    return Form(None, next(model.parameters()).dtype, None)


def _faster_forms(model: torch.nn.Module) -> list[Form]:
    """Return the fastest form first."""
    slow = frozen(model)
    exact = Form(with_float64_geometry(slow), torch.float64, None)
    try:
        return [replace(exact, scalar=ScalarMace(slow)), exact]
    except UnsupportedError:
        return [exact]


class _Around:
    """The geometry of a graph, in the padded layout of scalar models, and the way back to its edges."""

    def __init__(self, edges: Edges, harmonics: torch.nn.Module, cutoff_A: float) -> None:
        real, device, atoms = edges.species.dtype, edges.senders.device, len(edges.species)
        layout = edges.layout()
        width, self._slots, self._touching = layout.width, layout.slots, layout.touching
        # An empty place is a neighbour at the cutoff, where radial weights are zero; so is one beyond it.
        directions = torch.zeros(atoms * width, 3, dtype=real, device=device)
        directions[:, 2] = 1.0
        self._units = edges.vectors_A / edges.lengths_A.unsqueeze(1)
        directions.index_copy_(0, self._slots, self._units.to(real))
        lengths_A = torch.full((atoms * width,), cutoff_A, dtype=torch.float64, device=device)
        lengths_A.index_copy_(0, self._slots, edges.lengths_A.clamp(max=cutoff_A))
        senders = torch.zeros(atoms * width, dtype=torch.long, device=device)
        senders.index_copy_(0, self._slots, edges.senders)
        with torch.enable_grad():
            self._directions = directions.requires_grad_()
            self._harmonics = harmonics(self._directions)
        self._lengths_A = edges.lengths_A
        self._shared = Surroundings(
            species=edges.species,
            kinds=edges.species.argmax(dim=1),
            senders=senders,
            places=places(lengths_A, cutoff_A, real),
            harmonics=self._harmonics.detach(),
            touching=torch.stack([edges.senders, edges.receivers]).index_select(1, self._touching),
            touching_A=edges.lengths_A.index_select(0, self._touching).unsqueeze(1),
        )

    def surface(self, model: ScalarMace) -> Surface:
        """Evaluate one model."""
        found = model(self._shared)
        (turned,) = torch.autograd.grad(self._harmonics, self._directions, found.by_harmonics, retain_graph=True)
        turned = turned.index_select(0, self._slots) / self._lengths_A.unsqueeze(1)
        # Harmonics normalise their argument, so what they give already is perpendicular to it, but for rounding.
        stretched = found.by_length.index_select(0, self._slots).double()
        stretched.index_add_(0, self._touching, found.by_touching)
        return Surface(found.node_energies_eV, turned + stretched.unsqueeze(1) * self._units)
