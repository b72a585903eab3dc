"""Members of a committee evaluated as one model whose weights have one more dimension (vmap)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.func import functional_call, vmap

from alloop.potential.evaluation.float64_geometry import InFloat64
from alloop.potential.evaluation.model_forms import Geometry
from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.evaluation.surface import Surface
from alloop.potential.mace_api import blocks, disable_e3nn_codegen, extract_model
from alloop.potential.models.architecture import dtype_of, head_of
from alloop.potential.models.runtime import building


class Stacked:
    """All members at once: one operation instead of one of every member, which counts where starting it is the cost.

    Geometry, radial functions and screened repulsion are worked out once, in float64. From there on the members'
    layers are MACE's own, mapped over their stacked weights.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        Of one shape, made ready for evaluation.

    Raises
    ------
    UnsupportedError
        If the models are of different shapes or differ in what is shared.
    """

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
        whole: list[Any] = list(models)
        _check_alike(whole)
        self._members, self._head = len(whole), head_of(whole[0])
        self._isolated_eV = torch.stack([_isolated(model, self._head) for model in whole])
        self._shared = _Shared(whole[0])
        core = _Core(_without_compiled_code(whole[0]), self._head)
        self._weights, rest = _weights(core, [_state(model) for model in whole])
        self._energies = vmap(
            lambda weights, *given: functional_call(core, {**weights, **rest}, given), in_dims=(0, 0, 0, 0, None, None)
        )

    def __call__(self, geometry: Geometry) -> list[Surface]:
        """Evaluate all members on one graph."""
        edges = geometry.edges
        index = torch.stack([edges.senders, edges.receivers])
        with torch.enable_grad():
            vectors_A = edges.vectors_A.clone().requires_grad_()
            shared = self._shared(vectors_A, edges.species, index)
            given = [one.detach().expand(self._members, *one.shape).contiguous().requires_grad_() for one in shared]
            with _mappable_sums():
                energies = self._energies(self._weights, *given, edges.species, index)
            by_given = torch.autograd.grad(energies.sum(), given)
        energies_eV = energies.detach() + self._isolated_eV.index_select(1, edges.species.argmax(dim=1))
        slopes = [_slopes(shared, vectors_A, [one[member] for one in by_given]) for member in range(self._members)]
        return [Surface(*found) for found in zip(energies_eV, slopes, strict=True)]


class _Shared(torch.nn.Module):
    """What members share: harmonics, radial functions with their cutoff, and the repulsion of every atom."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        dtype = next(model.parameters()).dtype
        self._harmonics = InFloat64(model.spherical_harmonics, dtype)
        self._radial = InFloat64(model.radial_embedding, dtype)
        repulsion = getattr(model, "pair_repulsion_fn", None)
        self._repulsion = None if repulsion is None else InFloat64(repulsion)
        self._numbers = model.atomic_numbers

    def forward(
        self, vectors_A: torch.Tensor, species: torch.Tensor, index: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        about = (torch.linalg.vector_norm(vectors_A, dim=1, keepdim=True), species, index, self._numbers)
        radial, _ = self._radial(*about)
        repulsion = vectors_A.sum() * vectors_A.new_zeros(len(species))
        if self._repulsion is not None:
            repulsion = self._repulsion(*about)
        return self._harmonics(vectors_A), radial, repulsion


class _Core(torch.nn.Module):
    """The layers of one member, from what is shared to the energies of atoms beyond isolated ones (float64)."""

    def __init__(self, model: Any, head: int) -> None:
        super().__init__()
        self.node_embedding, self.interactions = model.node_embedding, model.interactions
        self.products, self.readouts, self.scale_shift = model.products, model.readouts, model.scale_shift
        self._head = head
        for layer in self.interactions:
            average = layer.avg_num_neighbors
            del layer.avg_num_neighbors
            layer.register_buffer("avg_num_neighbors", torch.as_tensor(average))

    def forward(
        self,
        harmonics: torch.Tensor,
        radial: torch.Tensor,
        repulsion: torch.Tensor,
        species: torch.Tensor,
        index: torch.Tensor,
    ) -> torch.Tensor:
        heads = torch.full((len(species),), self._head, dtype=torch.long, device=species.device)
        features, layers = self.node_embedding(species), []
        for number, (interaction, product) in enumerate(zip(self.interactions, self.products, strict=True)):
            features, kept = interaction(
                node_attrs=species,
                node_feats=features,
                edge_attrs=harmonics,
                edge_feats=radial,
                edge_index=index,
                cutoff=None,
                first_layer=number == 0,
            )
            features = product(node_feats=features, sc=kept, node_attrs=species)
            layers.append(features)
        read = layers if len(self.readouts) > 1 else layers[-1:]
        energies = repulsion
        for readout, one in zip(self.readouts, read, strict=True):
            energies = energies + readout(one, heads)[:, self._head]
        scaled: torch.Tensor = self.scale_shift(energies, heads)
        return scaled


def _check_alike(models: Sequence[Any]) -> None:
    if type(models[0]).__name__ != "ScaleShiftMACE" or hasattr(models[0], "joint_embedding"):
        raise UnsupportedError("only plain models of class ScaleShiftMACE")
    if getattr(models[0].radial_embedding, "apply_cutoff", True) is False:
        raise UnsupportedError("only radial functions with their cutoff")
    if len({tuple((name, one.shape) for name, one in model.state_dict().items()) for model in models}) != 1:
        raise UnsupportedError("only models of one shape")
    for shared in ("radial_embedding", "pair_repulsion_fn", "atomic_numbers"):
        if any(not _same(getattr(models[0], shared, None), getattr(model, shared, None)) for model in models):
            raise UnsupportedError(f"only models that agree in {shared}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.nn.Module):
        first, second = one.state_dict(), other.state_dict()
        return all(torch.equal(first[name], second[name]) for name in first)
    return one is other or torch.equal(one, other)


def _isolated(model: Any, head: int) -> torch.Tensor:
    kinds = len(model.atomic_numbers)
    energies: torch.Tensor = model.atomic_energies_fn.atomic_energies.reshape(-1, kinds)[head].double()
    return energies


def _without_compiled_code(model: Any) -> torch.nn.Module:
    """Return a copy of a model made of operations that vmap can see into."""
    device = next(model.parameters()).device
    with building(dtype_of(model)), disable_e3nn_codegen():
        copied: torch.nn.Module = extract_model(model).to(device)
    return copied.eval().requires_grad_(False)


def _state(model: Any) -> dict[str, torch.Tensor]:
    averages = {
        f"interactions.{number}.avg_num_neighbors": torch.as_tensor(
            layer.avg_num_neighbors, dtype=next(model.parameters()).dtype, device=next(model.parameters()).device
        )
        for number, layer in enumerate(model.interactions)
    }
    return {**model.state_dict(), **averages}


def _weights(
    core: torch.nn.Module, states: Sequence[dict[str, torch.Tensor]]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return what differs between members, stacked, and what does not: coupling coefficients are the most of it."""
    own = {**dict(core.named_parameters()), **dict(core.named_buffers())}
    differ = {
        name
        for name in own
        if name in states[0] and any(not torch.equal(states[0][name], state[name]) for state in states)
    }
    stacked = {name: torch.stack([state[name] for state in states]) for name in sorted(differ)}
    return stacked, {name: states[0].get(name, one) for name, one in own.items() if name not in differ}


def _slopes(
    shared: tuple[torch.Tensor, ...], vectors_A: torch.Tensor, gradients: Sequence[torch.Tensor]
) -> torch.Tensor:
    (slopes,) = torch.autograd.grad(shared, vectors_A, gradients, retain_graph=True)
    return slopes


@contextlib.contextmanager
def _mappable_sums() -> Iterator[None]:
    """Let MACE's layers sum over neighbours without writing in place, which vmap cannot; the sums are the same."""
    before = blocks.scatter_sum
    blocks.scatter_sum = _scatter_sum
    try:
        yield
    finally:
        blocks.scatter_sum = before


def _scatter_sum(
    src: torch.Tensor, index: torch.Tensor, dim: int = -1, out: None = None, dim_size: int | None = None
) -> torch.Tensor:
    size = list(src.shape)
    size[dim] = int(index.max()) + 1 if dim_size is None else dim_size
    return src.new_zeros(size).index_add(dim, index, src)
