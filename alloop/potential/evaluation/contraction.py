"""MACE's symmetric contractions with weights and coupling coefficients multiplied once instead of at every step."""

from __future__ import annotations

import warnings
from collections import deque
from dataclasses import dataclass
from typing import Any

import torch

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
"""Largest deviation from MACE's own contraction, relative to its largest value, that rounding explains."""
_PROBES = 8
_GROUPS_KEPT = 3
"""Numbers of walkers in one evaluation that occur by turns."""


@dataclass(frozen=True, eq=False)
class _Groups:
    """Atoms by element: the order that sorts them, its inverse, and how many there are of each element present."""

    species: torch.Tensor
    version: int
    order: torch.Tensor
    back: torch.Tensor
    elements: list[int]
    counts: list[int]


class FrozenContraction(torch.nn.Module):
    """The same function as a contraction of MACE, for weights that do not change any more.

    MACE multiplies the generalised Clebsch-Gordan coefficients by the weights of every atom (Batatia et al., NeurIPS
    2022, eq. 10, arXiv:2206.07697). Their product depends on the element alone: it is made when an element is first
    seen, checked against MACE's own contraction on random features, and applied to all atoms of the element by one
    matrix product per order. Where the check fails, MACE's own contraction is used and a warning says so.

    Parameters
    ----------
    original : torch.nn.Module
        MACE's contraction.
    """

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        self._original: Any = original
        self._coefficients: dict[int, list[torch.Tensor]] = {}
        self._agrees = True
        self._seen: deque[_Groups] = deque(maxlen=_GROUPS_KEPT)

    def forward(self, features: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
        """Return the contraction of features (atoms, channels, components) of one-hot species (atoms, elements)."""
        if self._agrees:
            grouped = self._by_element(features, species)
            if grouped is not None:
                return grouped
        result: torch.Tensor = self._original(features, species)
        return result

    def _by_element(self, features: torch.Tensor, species: torch.Tensor) -> torch.Tensor | None:
        groups = self._groups(species)
        if not all(self._knows(element, features, species.shape[1]) for element in groups.elements):
            return None
        pieces = torch.split_with_sizes(features.index_select(0, groups.order), groups.counts)
        parts = [
            _contract(piece, self._coefficients[element])
            for element, piece in zip(groups.elements, pieces, strict=True)
        ]
        return torch.cat(parts).index_select(0, groups.back)

    def _groups(self, species: torch.Tensor) -> _Groups:
        """Return the atoms by element; molecular dynamics asks with the same few tensors at every step."""
        for seen in self._seen:
            if seen.species is species and seen.version == species._version:
                return seen
        self._seen.append(_grouped(species))
        return self._seen[-1]

    def _knows(self, element: int, like: torch.Tensor, elements: int) -> bool:
        """Return whether the coefficients of an element are at hand and right."""
        if element not in self._coefficients:
            with torch.no_grad():
                self._coefficients[element] = _multiplied(self._original, element)
                self._agrees = self._agrees and self._is_right(element, like, elements)
        return self._agrees

    def _is_right(self, element: int, like: torch.Tensor, elements: int) -> bool:
        random = torch.Generator().manual_seed(element)
        features = torch.randn(_PROBES, *like.shape[1:], generator=random, dtype=torch.float64)
        features = features.to(dtype=like.dtype, device=like.device)
        species = torch.zeros(_PROBES, elements, dtype=like.dtype, device=like.device)
        species[:, element] = 1.0
        wanted = self._original(features, species)
        deviation = (_contract(features, self._coefficients[element]) - wanted).abs().max()
        if bool(deviation <= TOLERANCE[like.dtype] * wanted.abs().max()):
            return True
        if bool(torch.isfinite(wanted).all()):
            warnings.warn(
                "MACE's symmetric contractions do not agree with their faster form, which is switched off: models are "
                "evaluated as MACE does, only slower",
                stacklevel=2,
            )
        return False


def frozen(model: torch.nn.Module) -> torch.nn.Module:
    """Return a form of a model with frozen contractions, for evaluation only.

    It shares everything else with the model, so it is to be made anew whenever the model's weights change.
    """
    fast = shell(model)
    products: Any = fast.products
    fast.products = torch.nn.ModuleList(shell(product) for product in products)
    products = fast.products
    for product in products:
        contractions = getattr(product.symmetric_contractions, "contractions", None)
        if contractions is not None:
            product.symmetric_contractions = shell(product.symmetric_contractions)
            product.symmetric_contractions.contractions = torch.nn.ModuleList(
                one if isinstance(one, FrozenContraction) else FrozenContraction(one) for one in contractions
            )
    return fast


def shell(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of a module that shares parameters and submodules, which can then be exchanged."""
    copied = object.__new__(type(module))
    copied.__dict__ = {**module.__dict__, "_modules": dict(module._modules)}
    return copied


def _grouped(species: torch.Tensor) -> _Groups:
    which = species.argmax(dim=1)
    order = torch.argsort(which, stable=True)
    counts = torch.bincount(which, minlength=species.shape[1]).tolist()
    present = [element for element, count in enumerate(counts) if count]
    back = torch.argsort(order)
    return _Groups(species, species._version, order, back, present, [counts[element] for element in present])


def _multiplied(contraction: Any, element: int) -> list[torch.Tensor]:
    """Return coefficients times weights of an element, of the highest order first.

    The first has the shape (channels, components, rest), the others (channels, 1, rest * components).
    """
    highest = contraction.correlation
    products = []
    for order in range(highest, 0, -1):
        coupling = contraction.U_tensors(order)
        weights = contraction.weights_max if order == highest else contraction.weights[highest - 1 - order]
        product = torch.tensordot(weights[element].T, coupling, dims=([1], [coupling.dim() - 1]))
        flat = product.reshape(product.shape[0], -1, coupling.shape[-2])
        products.append(flat.transpose(1, 2).contiguous() if order == highest else flat.reshape(len(flat), 1, -1))
    return products


def _contract(features: torch.Tensor, coefficients: list[torch.Tensor]) -> torch.Tensor:
    """Return (atoms, channels * outputs): Horner's scheme in the features, from the highest order down."""
    atoms, channels, components = features.shape
    rows = features.transpose(0, 1)
    result = torch.bmm(rows, coefficients[0])
    for lower in coefficients[1:]:
        result = ((result + lower).view(channels, atoms, -1, components) * rows.unsqueeze(2)).sum(dim=3)
    return result.transpose(0, 1).reshape(atoms, -1)
