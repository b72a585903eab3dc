"""The record of a model's energy and its derivatives on a graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from alloop.potential.evaluation.neighbours import Edges


@dataclass(frozen=True, eq=False)
class Surface:
    """Energy of a graph by one model, and its derivatives.

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
