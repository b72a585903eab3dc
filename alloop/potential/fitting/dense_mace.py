"""Evaluate MACE models with scalar messages as a few dense products, while their weights are fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from alloop.potential.evaluation.scalar_mace import UnsupportedError, check_kind
from alloop.potential.fitting.chebyshev import Interval
from alloop.potential.fitting.dense_frames import DenseFrame
from alloop.potential.models.architecture import cutoff_of

NODES = {torch.float32: 64, torch.float64: 96}
"""Distances at which radial weights are evaluated; twice as many where that does not resolve them."""
_MOST_NODES = 512
_UNRESOLVED = {torch.float32: 1e-5, torch.float64: 1e-10}


@dataclass(frozen=True, eq=False)
class DensePrediction:
    """What a model says beyond what no fit changes.

    Attributes
    ----------
    energy_eV, forces_eV_per_A, stress_eV_per_A3 : torch.Tensor
        Shapes (frames,), (atoms, 3) and (frames, 3, 3).
    """

    energy_eV: torch.Tensor
    forces_eV_per_A: torch.Tensor
    stress_eV_per_A3: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Coupling:
    """The products of message components that a contraction of one order adds up.

    Attributes
    ----------
    factors : torch.Tensor of int, shape (order, products)
        The components that are multiplied.
    paths : torch.Tensor, shape (paths, products)
        What each product counts in each path.
    """

    factors: torch.Tensor
    paths: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Layer:
    """The parts of one interaction and the product after it, and their constants."""

    block: Any
    product: Any
    readout: Any
    weights: tuple[torch.Tensor, ...]
    couplings: tuple[_Coupling, ...]
    mixing: torch.Tensor
    orders: int


class DenseMace:
    """The same function of the same weights as a ``ScaleShiftMACE`` with scalar messages and hidden features.

    Geometry does not change during a fit, so derivatives by positions end at spherical harmonics and distances.
    Radial weights are evaluated at the nodes of a Chebyshev interpolation only, and once for both atoms of a pair.
    Of the products of message components, those that no path uses are left out.

    Parameters
    ----------
    model : torch.nn.Module
        On its device, in its precision; its weights are read at every call.
    shortest_A : float
        No distance is shorter.

    Raises
    ------
    UnsupportedError
        If the model is not of this kind.
    """

    def __init__(self, model: torch.nn.Module, shortest_A: float) -> None:
        require_dense(model)
        whole: Any = model
        self._model = whole
        self._dtype = next(model.parameters()).dtype
        self._device = next(model.parameters()).device
        self._scale = whole.scale_shift.scale.reshape(-1)[0]
        self._layers = [_layer(whole, index) for index in range(len(whole.interactions))]
        self._ends_A = (shortest_A, cutoff_of(model))
        self._set_nodes(NODES[self._dtype])

    def __call__(self, frame: DenseFrame, *, stress: bool = False, fitting: bool = False) -> DensePrediction:
        """Return the prediction for a frame, or several joined; differentiable by the weights if `fitting`."""
        with torch.enable_grad():
            harmonics = frame.harmonics.detach().requires_grad_()
            basis = self._interval.basis(frame.lengths_A).to(self._dtype)
            radial, steepness = zip(*(_tracked(both).chunk(2) for both in self._radial(basis)), strict=True)
            energies = self._scale * self._energies(frame, harmonics, radial)
            by_harmonics, *by_radial = torch.autograd.grad(energies.sum(), (harmonics, *radial), create_graph=fitting)
            slopes = self._slopes(frame, by_harmonics, by_radial, steepness)
        forces = torch.zeros_like(frame.forces_eV_per_A).index_add(0, frame.senders, slopes.flatten(0, 1))
        found = DensePrediction(
            energy_eV=torch.zeros_like(frame.energy_eV).index_add(0, frame.frame_of, energies),
            forces_eV_per_A=forces - slopes.sum(dim=1),
            stress_eV_per_A3=_stress(frame, slopes) if stress else torch.zeros_like(frame.stress_eV_per_A3),
        )
        return found if fitting else DensePrediction(*(part.detach() for part in vars(found).values()))

    @property
    def nodes(self) -> int:
        """Distances at which radial weights are evaluated."""
        return self._interval.nodes

    def refine(self) -> bool:
        """Take more nodes until they resolve the radial weights, and return whether they do."""
        while True:
            with torch.no_grad():
                coefficients = [self._interval.coefficients(values) for values in self._at_nodes()]
            if all(_tail(one) <= _UNRESOLVED[self._dtype] for one in coefficients):
                return True
            if self._interval.nodes >= _MOST_NODES:
                return False
            self._set_nodes(2 * self._interval.nodes)

    def _set_nodes(self, nodes: int) -> None:
        self._interval = Interval(*self._ends_A, nodes, str(self._device))
        nothing: Any = None
        with torch.no_grad():
            embedding = self._model.radial_embedding
            lengths_A = self._interval.lengths_A.unsqueeze(1)
            features, cutoff = embedding(lengths_A, nothing, nothing, nothing)
        self._features = features.to(self._dtype)
        self._cutoff = None if cutoff is None else cutoff.to(self._dtype)

    def _at_nodes(self) -> list[torch.Tensor]:
        found = [layer.block.conv_tp_weights(self._features) for layer in self._layers]
        return found if self._cutoff is None else [values * self._cutoff for values in found]

    def _radial(self, basis: torch.Tensor) -> list[torch.Tensor]:
        """Return radial weights of every layer and, below them, their derivatives by the distance."""
        return [basis @ self._interval.coefficients(values) for values in self._at_nodes()]

    def _energies(self, frame: DenseFrame, harmonics: torch.Tensor, radial: Sequence[torch.Tensor]) -> torch.Tensor:
        features = frame.species @ _matrix(self._model.node_embedding.linear.weight, frame.species.shape[1])
        energies = []
        for layer, weights in zip(self._layers, radial, strict=True):
            features = _step(layer, frame, features, harmonics, weights)
            if layer.readout is not None:
                energies.append(_read(layer.readout, features))
        return torch.stack(energies).sum(dim=0)

    def _slopes(
        self,
        frame: DenseFrame,
        by_harmonics: torch.Tensor,
        by_radial: Sequence[torch.Tensor],
        steepness: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Return derivatives of the energy by the vectors, shape (atoms, places, 3); pairs are shared evenly."""
        atoms, places, components, _ = frame.turning.shape
        by_length = torch.stack([(one * two).sum(dim=1) for one, two in zip(by_radial, steepness, strict=True)])
        along = 0.5 * by_length.sum(dim=0).index_select(0, frame.pairs).view(atoms, places, 1) * frame.units
        rows = by_harmonics.transpose(1, 2).reshape(-1, 1, components)
        return torch.baddbmm(along.view(-1, 1, 3), rows, frame.turning.flatten(0, 1)).view(atoms, places, 3)


def _step(
    layer: _Layer, frame: DenseFrame, features: torch.Tensor, harmonics: torch.Tensor, radial: torch.Tensor
) -> torch.Tensor:
    """Return the features after one interaction and one product."""
    atoms, channels = features.shape
    elements, orders = frame.species.shape[1], layer.orders
    skip = layer.block.skip_tp.weight.view(channels, elements * channels) / math.sqrt(channels * elements)
    kept = ((features @ skip).view(atoms, elements, channels) * frame.species.unsqueeze(2)).sum(dim=1)
    sent = (features @ _matrix(layer.block.linear_up.weight, channels)).index_select(0, frame.senders)
    carried = radial.index_select(0, frame.pairs).view(-1, orders, channels) * sent.unsqueeze(1)
    # All orders of radial weights meet all components here; the mixing that follows keeps those that belong together.
    total = torch.bmm(harmonics, carried.view(atoms, -1, orders * channels))
    mixing = layer.mixing * layer.block.linear.weight.view(1, orders, channels, channels)
    messages = torch.bmm(total.transpose(0, 1), mixing.flatten(1, 2))
    contracted = _contracted(layer, messages, frame.species)
    return torch.addmm(kept, contracted, _matrix(layer.product.linear.weight, channels))


def _contracted(layer: _Layer, messages: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
    """Return the symmetric contraction (eq. 10 of arXiv:2206.07697) of messages (components, atoms, channels)."""
    _, atoms, channels = messages.shape
    parts = []
    for coupling, weights in zip(layer.couplings, layer.weights, strict=True):
        first, *others = coupling.factors
        product = messages.index_select(0, first)
        for factor in others:
            product = product * messages.index_select(0, factor)
        paths = (coupling.paths @ product.view(len(product), -1)).view(-1, atoms, channels)
        parts.append((paths * (species @ weights.transpose(0, 1))).sum(dim=0))
    return torch.stack(parts).sum(dim=0)


def _read(readout: Any, features: torch.Tensor) -> torch.Tensor:
    if not hasattr(readout, "linear"):
        features = readout.non_linearity(features @ _matrix(readout.linear_1.weight, features.shape[1]))
    weight = readout.linear.weight if hasattr(readout, "linear") else readout.linear_2.weight
    return (features @ _matrix(weight, features.shape[1])).squeeze(1)


def _tracked(values: torch.Tensor) -> torch.Tensor:
    """Return values that can be differentiated by, also where the weights that made them are frozen."""
    return values if values.requires_grad else values.requires_grad_()


def _matrix(weight: torch.Tensor, rows: int) -> torch.Tensor:
    """Return the matrix of a linear layer of e3nn between scalars."""
    return weight.view(rows, -1) / math.sqrt(rows)


def _stress(frame: DenseFrame, slopes: torch.Tensor) -> torch.Tensor:
    virials = torch.bmm(frame.vectors_A.transpose(1, 2), slopes)
    virials = torch.zeros_like(frame.stress_eV_per_A3).index_add(0, frame.frame_of, virials)
    return 0.5 * (virials + virials.transpose(1, 2)) / frame.volumes_A3.view(-1, 1, 1)


def _tail(coefficients: torch.Tensor) -> float:
    """Return the largest of the last coefficients, relative to the largest of all."""
    size = coefficients.abs()
    return float(size[-4:].max() / size.max())


def require_dense(model: Any) -> None:
    """Raise an UnsupportedError if a model has no dense form."""
    check_kind(model)
    if any(True for _ in model.radial_embedding.parameters()):
        raise UnsupportedError("only radial functions that are not fitted")
    if len(getattr(model, "heads", None) or ["Default"]) != 1:
        raise UnsupportedError("only one head")
    if any("lora" in name for name, _ in model.named_parameters()):
        raise UnsupportedError("only weights as they are")
    if any(hasattr(readout, "linear_mid") for readout in model.readouts):
        raise UnsupportedError("only readouts without biases")


def _layer(model: Any, index: int) -> _Layer:
    block, product = model.interactions[index], model.products[index]
    middle, channels = block.linear.irreps_in, block.linear_up.irreps_out.dim
    orders = [ir.l for _, ir in middle]
    if orders != list(range(len(orders))) or {count for count, _ in middle} != {channels}:
        raise UnsupportedError("only one message of every order")
    (contraction,) = product.symmetric_contractions.contractions
    weights = (contraction.weights_max, *contraction.weights)
    couplings = [_coupling(contraction.U_tensors(order)) for order in range(contraction.correlation, 0, -1)]
    used = [one for one in zip(weights, couplings, strict=True) if one[1] is not None]
    last = index == len(model.interactions) - 1
    return _Layer(
        block=block,
        product=product,
        readout=model.readouts[min(index, len(model.readouts) - 1)] if last or len(model.readouts) > 1 else None,
        weights=tuple(weight for weight, _ in used),
        couplings=tuple(coupling for _, coupling in used if coupling is not None),
        mixing=_mixing(block, channels, len(orders)),
        orders=len(orders),
    )


def _mixing(block: Any, channels: int, orders: int) -> torch.Tensor:
    """Return the constants between messages of every order and every component, shape (components, orders, 1, 1)."""
    one = block.linear_up.weight.new_ones
    with torch.no_grad():
        scale = block.conv_tp(one(1, channels), one(1, orders**2), one(1, block.conv_tp.weight_numel))[0]
    found = one(orders**2, orders).zero_()
    for ell in range(orders):
        found[ell**2 : (ell + 1) ** 2, ell] = scale[channels * ell**2]
    constants: torch.Tensor = found / (math.sqrt(channels) * block.avg_num_neighbors)
    return constants.view(orders**2, orders, 1, 1)


def _coupling(coefficients: torch.Tensor) -> _Coupling | None:
    """Return generalised Clebsch-Gordan coefficients (components, ..., paths) as sums over distinct products."""
    found: dict[tuple[int, ...], torch.Tensor] = {}
    for index in (coefficients != 0).any(dim=-1).nonzero().tolist():
        factors = tuple(sorted(index))
        found[factors] = found.get(factors, 0) + coefficients[tuple(index)]
    if not found:
        return None
    return _Coupling(
        factors=torch.tensor(list(found), device=coefficients.device).T.contiguous(),
        paths=torch.stack(list(found.values()), dim=1).contiguous(),
    )
