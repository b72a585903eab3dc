"""MACE models with scalar messages, evaluated with everything that does not change multiplied together once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import embedding_bag

from alloop.potential.evaluation.contraction import FrozenContraction
from alloop.potential.evaluation.float64_geometry import InFloat64
from alloop.potential.evaluation.radial import Places, table
from alloop.potential.models.architecture import cutoff_of, head_of


class UnsupportedError(Exception):
    """A model that has parts which only MACE itself can evaluate."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """All that members of a committee share: who is near whom, and where.

    Attributes
    ----------
    species : torch.Tensor, shape (atoms, elements)
        One-hot rows.
    kinds : torch.Tensor of int, shape (atoms,)
        The same as indices.
    senders : torch.Tensor of int, shape (atoms * places,)
        Neighbours of atom 0, of atom 1, ...
    places : Places
        Of the distances in a table of radial weights.
    harmonics : torch.Tensor, shape (atoms * places, (ell + 1)**2)
        Spherical harmonics of the directions.
    touching : torch.Tensor of int, shape (2, close edges)
        Sender and receiver of pairs close enough to feel screened nuclear repulsion.
    touching_A : torch.Tensor of float64, shape (close edges, 1)
        Their distances.
    """

    species: torch.Tensor
    kinds: torch.Tensor
    senders: torch.Tensor
    places: Places
    harmonics: torch.Tensor
    touching: torch.Tensor
    touching_A: torch.Tensor


@dataclass(frozen=True, eq=False)
class Slopes:
    """Node energies of one member, and the derivatives of their sum.

    Attributes
    ----------
    node_energies_eV : torch.Tensor of float64, shape (atoms,)
        Energies.
    by_length, by_harmonics, by_touching : torch.Tensor
        Derivatives by the distances (atoms * places,), spherical harmonics, and distances of close pairs.
    """

    node_energies_eV: torch.Tensor
    by_length: torch.Tensor
    by_harmonics: torch.Tensor
    by_touching: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Layer:
    """What one interaction and the product after it are made of."""

    radial: torch.Tensor
    up: torch.Tensor
    skip: torch.Tensor
    mix: torch.Tensor
    contraction: torch.nn.Module
    after: torch.Tensor
    readout: Any


class ScalarMace:
    """The same function as a ``ScaleShiftMACE`` whose messages and hidden features are scalars.

    Linear layers are matrices, found by applying MACE's own layers to unit vectors; radial weights are tables of the
    distance; contractions are frozen.

    Parameters
    ----------
    model : torch.nn.Module
        On its device, in its precision; its weights must not change any more.

    Attributes
    ----------
    cutoff_A : float
        Cutoff; to ask the model for it is to wait for its device.

    Raises
    ------
    UnsupportedError
        If the model is not of this kind.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        check_kind(model)
        whole: Any = model
        self._head, self.cutoff_A = head_of(model), cutoff_of(model)
        with torch.no_grad():
            eye = torch.eye(len(whole.atomic_numbers), dtype=whole.r_max.dtype, device=whole.r_max.device)
            eye = eye.to(next(model.parameters()).dtype)
            self._isolated_eV = whole.atomic_energies_fn(eye)[:, self._head].double()
            self._embedded = whole.node_embedding(eye)
            self._layers = [_layer(whole, index, eye) for index in range(len(whole.interactions))]
        self._scale_shift = whole.scale_shift
        self._repulsion = getattr(whole, "pair_repulsion_fn", None)
        self._numbers = whole.atomic_numbers

    def __call__(self, around: Surroundings) -> Slopes:
        """Return energies and their derivatives."""
        weights = around.places.weights.detach().requires_grad_()
        harmonics = around.harmonics.detach().requires_grad_()
        touching_A = around.touching_A.detach().requires_grad_()
        with torch.enable_grad():
            energies = self._energies(around, weights, harmonics, touching_A)
            by_weight, by_harmonics, by_touching = torch.autograd.grad(
                energies.sum(), (weights, harmonics, touching_A), allow_unused=True
            )
        if by_touching is None:
            by_touching = torch.zeros_like(touching_A)
        isolated_eV = self._isolated_eV.index_select(0, around.kinds)
        return Slopes(
            node_energies_eV=isolated_eV + energies.detach(),
            by_length=(by_weight * around.places.slopes).sum(dim=1),
            by_harmonics=by_harmonics,
            by_touching=by_touching.squeeze(1),
        )

    def _energies(
        self, around: Surroundings, weights: torch.Tensor, harmonics: torch.Tensor, touching_A: torch.Tensor
    ) -> torch.Tensor:
        heads = torch.full_like(around.kinds, self._head)
        rows = torch.arange(len(heads), device=heads.device)
        features = self._embedded.index_select(0, around.kinds)
        parts = []
        if self._repulsion is not None and touching_A.numel():
            parts.append(self._repulsion(touching_A, around.species, around.touching, self._numbers))
        for index, layer in enumerate(self._layers):
            if index:
                kept = torch.bmm(features.unsqueeze(1), layer.skip.index_select(0, around.kinds)).squeeze(1)
                sent = features @ layer.up
            else:
                kept, sent = layer.skip.index_select(0, around.kinds), layer.up.index_select(0, around.kinds)
            radial = embedding_bag(around.places.rows, layer.radial, mode="sum", per_sample_weights=weights)
            total = _messages(radial, sent, harmonics, around.senders)
            mixed = torch.bmm(total.transpose(0, 1), layer.mix)
            features = torch.addmm(kept, layer.contraction(mixed.permute(1, 2, 0), around.species), layer.after)
            if layer.readout is not None:
                parts.append(layer.readout(features, heads)[rows, heads])
        inner = parts[0] if len(parts) == 1 else torch.stack(parts).sum(dim=0)
        energies: torch.Tensor = self._scale_shift(inner, heads)
        return energies


def _messages(
    radial: torch.Tensor, features: torch.Tensor, harmonics: torch.Tensor, senders: torch.Tensor
) -> torch.Tensor:
    """Return sum over neighbours j of R_l(r_ij) * x_j * Y_lm(r_ij), shape (atoms, (ell + 1)**2, channels).

    The sum of eq. 8 of Batatia et al. (NeurIPS 2022, arXiv:2206.07697) for scalar features x, where the coupling is
    trivial. Every atom has the same number of places for neighbours; R is zero in empty ones.

    Parameters
    ----------
    radial : torch.Tensor, shape (atoms * places, (ell + 1) * channels)
        R_l.
    features : torch.Tensor, shape (atoms, channels)
        x.
    harmonics : torch.Tensor, shape (atoms * places, (ell + 1)**2)
        Y_lm.
    senders : torch.Tensor of int, shape (atoms * places,)
        Who the neighbours are.
    """
    atoms, channels = features.shape
    orders = radial.shape[1] // channels
    carried = radial.view(-1, orders, channels) * features.index_select(0, senders).unsqueeze(1)
    by_atom = carried.view(atoms, -1, orders, channels)
    angular = harmonics.view(atoms, -1, orders**2).transpose(1, 2)
    return torch.cat(
        [torch.bmm(angular[:, ell**2 : (ell + 1) ** 2], by_atom[:, :, ell]) for ell in range(orders)], dim=1
    )


def check_kind(model: Any) -> None:
    """Raise an UnsupportedError unless messages and hidden features of a model are scalars."""
    if type(model).__name__ != "ScaleShiftMACE" or hasattr(model, "joint_embedding"):
        raise UnsupportedError("only plain models of class ScaleShiftMACE")
    if hasattr(model.radial_embedding, "distance_transform"):
        raise UnsupportedError("only radial functions of the distance alone")
    for block, product in zip(model.interactions, model.products, strict=True):
        if type(block).__name__ != "RealAgnosticResidualInteractionBlock" or hasattr(block, "conv_fusion"):
            raise UnsupportedError("only residual interactions")
        if any(
            irreps.lmax for irreps in (block.linear_up.irreps_in, block.linear_up.irreps_out, block.skip_tp.irreps_out)
        ):
            raise UnsupportedError("only scalar messages")
        if getattr(product, "use_agnostic_product", False) or not product.use_sc:
            raise UnsupportedError("only products that know elements")
        if len(getattr(product.symmetric_contractions, "contractions", ())) != 1:
            raise UnsupportedError("only one contraction in a product")
    if len(model.readouts) not in (1, len(model.interactions)):
        raise UnsupportedError("only one readout, or one of every layer")


def _layer(model: Any, index: int, eye: torch.Tensor) -> _Layer:
    block, product = model.interactions[index], model.products[index]
    elements, channels = len(eye), block.linear_up.irreps_in.dim
    unit = torch.eye(channels, dtype=eye.dtype, device=eye.device)
    up = block.linear_up(unit)
    skip = torch.stack([block.skip_tp(unit, row.expand(channels, -1)) for row in eye])
    if index == 0:
        embedded = model.node_embedding(eye)
        up, skip = embedded @ up, torch.stack([embedded[z] @ skip[z] for z in range(elements)])
    (contraction,) = product.symmetric_contractions.contractions
    return _Layer(
        radial=table(model.radial_embedding, block.conv_tp_weights, cutoff_of(model), eye.dtype),
        up=up.contiguous(),
        skip=skip.contiguous(),
        mix=_mix(block),
        contraction=contraction if isinstance(contraction, FrozenContraction) else FrozenContraction(contraction),
        after=product.linear(torch.eye(_width(product), dtype=eye.dtype, device=eye.device)),
        readout=_readout(model, index),
    )


def _readout(model: Any, index: int) -> Any:
    """Return what reads a layer: there is one readout of every layer, or one of the last."""
    if len(model.readouts) > 1 or index == len(model.interactions) - 1:
        return InFloat64(model.readouts[min(index, len(model.readouts) - 1)])
    return None


def _width(product: Any) -> int:
    width: int = product.linear.irreps_in.dim
    return width


def _mix(block: Any) -> torch.Tensor:
    """Return the matrices ((ell + 1)**2, channels, channels) between summed messages and contracted features."""
    middle, channels = block.linear.irreps_in, block.linear_up.irreps_out.dim
    orders = [ir.l for multiplicity, ir in middle]
    if orders != list(range(len(orders))) or {multiplicity for multiplicity, _ in middle} != {channels}:
        raise UnsupportedError("only one message of every order")
    like = block.linear_up.weight
    one = like.new_ones
    scale = block.conv_tp(one(1, channels), one(1, middle.dim // channels), one(1, block.conv_tp.weight_numel))[0]
    full = block.reshape(block.linear(torch.diag(scale))) / block.avg_num_neighbors
    found = []
    for ell in orders:
        offset = channels * ell**2
        for m in range(2 * ell + 1):
            rows = full[offset + m : offset + channels * (2 * ell + 1) : 2 * ell + 1]
            found.append(rows[:, :, ell**2 + m])
    return torch.stack(found).contiguous()
