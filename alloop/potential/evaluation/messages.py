"""Messages from neighbours with scalar features, summed by dense products over padded lists of neighbours."""

from __future__ import annotations

from typing import Any

import torch


def messages(
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
    total: torch.Tensor = _Messages.apply(radial, features, harmonics, senders)  # type: ignore[no-untyped-call]
    return total


class _Messages(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, radial: torch.Tensor, features: torch.Tensor, harmonics: torch.Tensor, senders: torch.Tensor
    ) -> torch.Tensor:
        atoms, channels = features.shape
        orders = radial.shape[1] // channels
        sent = features.index_select(0, senders)
        carried = (radial.view(-1, orders, channels) * sent.unsqueeze(1)).view(atoms, -1, orders * channels)
        angular = harmonics.view(atoms, -1, orders**2)
        total = radial.new_empty(atoms, orders**2, channels)
        for ell in range(orders):
            few, some = _block(ell, channels)
            total[:, few] = torch.bmm(angular[:, :, few].transpose(1, 2), carried[:, :, some])
        ctx.save_for_backward(radial, sent, carried, angular, senders)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (of_total,) = gradients
        radial, sent, carried, angular, senders = ctx.saved_tensors
        atoms, _, channels = of_total.shape
        orders = radial.shape[1] // channels
        of_carried, of_angular = torch.empty_like(carried), torch.empty_like(angular)
        for ell in range(orders):
            few, some = _block(ell, channels)
            of_carried[:, :, some] = torch.bmm(angular[:, :, few], of_total[:, few])
            of_angular[:, :, few] = torch.bmm(carried[:, :, some], of_total[:, few].transpose(1, 2))
        flat = of_carried.view(-1, orders, channels)
        of_features = None
        if ctx.needs_input_grad[1]:
            of_sent = (flat * radial.view_as(flat)).sum(dim=1)
            of_features = of_total.new_zeros(atoms, channels).index_add_(0, senders, of_sent)
        flat *= sent.unsqueeze(1)
        return flat.view_as(radial), of_features, of_angular.view(-1, orders**2), None


def _block(ell: int, channels: int) -> tuple[slice, slice]:
    return slice(ell**2, (ell + 1) ** 2), slice(ell * channels, (ell + 1) * channels)
