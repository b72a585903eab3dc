"""Fine-tune a foundation by replay, frozen parts or low-rank changes; each ends as a plain model of one head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from alloop.potential.mace_api import (
    AtomicNumberTable,
    freeze_module,
    inject_lora,
    load_foundations_elements,
    merge_lora_weights,
    remove_pt_head,
)
from alloop.potential.models.architecture import build_model, describe_model, dtype_of, numbers_of
from alloop.potential.models.runtime import building

HEADS = ("Default", "replay")
"""The head that is kept, and the one that replays frames of the foundation's reference."""
Frozen = Literal["embedding", "interactions", "products"]
_PARTS = {"embedding": "node_embedding", "interactions": "interactions", "products": "products"}


def fully(model: torch.nn.Module) -> torch.nn.Module:
    """Let a fit change all weights of a model."""
    return model.requires_grad_(True)


def with_frozen(model: torch.nn.Module, last: Frozen) -> torch.nn.Module:
    """Let a fit change only what comes after the embedding, the interactions or the products of a model."""
    fully(model)
    for name, part in _PARTS.items():
        freeze_module(getattr(model, part), True)
        if name == last:
            break
    return model


def with_low_rank(model: torch.nn.Module, rank: int, seed: int) -> torch.nn.Module:
    """Let a fit change linear layers by matrices of a low rank only (Hu et al., ICLR 2022, arXiv:2106.09685)."""
    with building(dtype_of(model), seed):
        inject_lora(model, rank=rank, alpha=float(rank))
    return model


def with_replay(model: torch.nn.Module) -> torch.nn.Module:
    """Return a model with a second head that says the same (multihead replay, arXiv:2401.00096): all else is shared."""
    return with_heads(model, HEADS)


def with_heads(model: torch.nn.Module, heads: Sequence[str]) -> torch.nn.Module:
    """Return a model of several heads that all say what a model of one head says."""
    config = describe_model(model)
    arguments: dict[str, Any] = config["arguments"]
    arguments["heads"] = list(heads)
    for name in ("atomic_energies", "atomic_inter_scale", "atomic_inter_shift"):
        row = torch.as_tensor(arguments[name]).flatten().tolist()
        arguments[name] = [row] * len(heads) if name == "atomic_energies" else row * len(heads)
    whole: Any = model
    several: Any = build_model(config)
    with building(config["dtype"]), torch.no_grad():
        order = several.products[0].linear.irreps_out.lmax
        elements = AtomicNumberTable(list(numbers_of(model)))
        load_foundations_elements(several, whole, elements, load_readout=True, max_L=order)
        for old, new in zip(_constants(whole), _constants(several), strict=True):
            new.copy_(old.reshape(1, -1).expand(len(heads), -1).reshape(new.shape))
    found: torch.nn.Module = several
    return found


def plain(model: torch.nn.Module) -> torch.nn.Module:
    """Return a fitted model without low-rank matrices and without a second head."""
    if any("lora" in name for name, _ in model.named_parameters()):
        merged: torch.nn.Module = merge_lora_weights(model)
        return merged
    if len(getattr(model, "heads", None) or HEADS[:1]) > 1:
        with building(dtype_of(model)):
            single: torch.nn.Module = remove_pt_head(model, HEADS[0])
        return single
    return model


def _constants(model: Any) -> tuple[torch.Tensor, ...]:
    return model.scale_shift.scale, model.scale_shift.shift, model.atomic_energies_fn.atomic_energies
