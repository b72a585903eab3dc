"""Choose one head of a model that has several."""

from __future__ import annotations

import torch

from alloop.config.suggestions import hint
from alloop.potential.mace_api import remove_pt_head
from alloop.potential.models.architecture import ArchitectureError, dtype_of, head_of, heads_of
from alloop.potential.models.runtime import building


class HeadError(ArchitectureError):
    """A model has no such head, or several of which none is named; the message is one line for the user."""


def chosen_head(module: torch.nn.Module, wanted: str | None) -> str:
    """Return the head that is wanted, or the only one.

    Raises
    ------
    HeadError
        If there is no such head, or there are several and none is named.
    """
    heads = heads_of(module)
    listed = ", ".join(heads)
    if wanted is None and len(heads) > 1:
        raise HeadError(f"the model has {len(heads)} heads; name one of them as `head`: {listed}")
    if wanted is not None and wanted not in heads:
        raise HeadError(f"the model has no head `{wanted}`; {hint(wanted, heads, f'it has: {listed}')}")
    return heads[0] if wanted is None else wanted


def place_of(module: torch.nn.Module, head: str | None) -> int:
    """Return the index of a head; None means the only one, or the one called default.

    Raises
    ------
    ArchitectureError
        If there is no such head.
    """
    return head_of(module) if head is None else heads_of(module).index(chosen_head(module, head))


def with_one_head(module: torch.nn.Module, head: str | None) -> torch.nn.Module:
    """Return a model that has a head of another one only, with the same energies and forces.

    Parameters
    ----------
    module : torch.nn.Module
        The model; left as it is.
    head : str or None
        Its head; None for the only one, or the one called default, which campaigns took before heads had names.

    Raises
    ------
    ArchitectureError
        If there is no such head.
    """
    place = place_of(module, head)
    if len(heads_of(module)) == 1:
        return module
    with building(dtype_of(module)):
        single: torch.nn.Module = remove_pt_head(module, heads_of(module)[place])
    return single
