"""Turn frames into MACE's graphs: neighbours within the cutoff, species as one-hot rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

from alloop.potential.mace_api import (
    AtomicData,
    AtomicNumberTable,
    Batch,
    KeySpecification,
    config_from_atoms,
    get_neighborhood,
)
from alloop.potential.models.architecture import cutoff_of, dtype_of, head_of, heads_of, numbers_of
from alloop.potential.models.runtime import DTYPES, building

KEYS = KeySpecification(
    info_keys={"energy": "REF_energy", "stress": "REF_stress"}, arrays_keys={"forces": "REF_forces"}
)

# What a forward pass or a loss of energy, forces and stress never reads; left out of batches, which halves their cost.
UNUSED = [
    "virials",
    "virials_weight",
    "dipole",
    "dipole_weight",
    "charges",
    "charges_weight",
    "polarizability",
    "polarizability_weight",
    "elec_temp",
    "total_charge",
    "total_spin",
    "pbc",
    "density_coefficients",
    "rcell",
    "volume",
    "fermi_level",
    "external_field",
]

Graph = dict[str, torch.Tensor]


class UnknownElementError(Exception):
    """A frame holds an element that the model does not know."""


def graph_of(atoms: Atoms, module: torch.nn.Module, *, head: int | None = None, device: str = "cpu") -> Graph:
    """Return the graph of one frame for a model and one of its heads, on a device and in the model's precision.

    Without a `head` it is for the one whose energies and forces are used.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """
    species = one_hot(atoms.numbers, numbers_of(module))
    head = head_of(module) if head is None else head
    return geometry(atoms, species, cutoff_of(module), dtype_of(module), head=head, device=device)


def one_hot(numbers: Sequence[int] | np.ndarray, known: Sequence[int]) -> np.ndarray:
    """Return species as rows (atoms, elements) with one 1 each, in the model's order of elements.

    Raises
    ------
    UnknownElementError
        If an element is not among the known ones.
    """
    rows: np.ndarray = np.equal.outer(np.asarray(numbers), np.asarray(known))
    unknown = ~rows.any(axis=1)
    if unknown.any():
        symbol = chemical_symbols[int(np.asarray(numbers)[unknown][0])]
        raise UnknownElementError(f"the model does not know the element {symbol}")
    return rows


def geometry(
    atoms: Atoms, species: np.ndarray, cutoff_A: float, dtype: str, *, head: int = 0, device: str = "cpu"
) -> Graph:
    """Return the graph of one frame from its species rows: positions and cell (Å), edges and their periodic shifts."""
    edges, shifts, unit_shifts, cell = get_neighborhood(
        positions=atoms.positions, cutoff=cutoff_A, pbc=tuple(bool(p) for p in atoms.pbc), cell=atoms.cell.array.copy()
    )
    real = DTYPES[dtype]
    return {
        "positions": torch.as_tensor(atoms.positions, dtype=real, device=device),
        "node_attrs": torch.as_tensor(species, dtype=real, device=device),
        "edge_index": torch.as_tensor(edges, dtype=torch.long, device=device),
        "shifts": torch.as_tensor(shifts, dtype=real, device=device),
        "unit_shifts": torch.as_tensor(unit_shifts, dtype=real, device=device),
        "cell": torch.as_tensor(cell, dtype=real, device=device),
        "batch": torch.zeros(len(atoms), dtype=torch.long, device=device),
        "ptr": torch.tensor([0, len(atoms)], dtype=torch.long, device=device),
        "head": torch.full((1,), head, dtype=torch.long, device=device),
    }


def labelled_graphs(frames: Iterable[Atoms], module: torch.nn.Module, *, head: str | None = None) -> list[AtomicData]:
    """Return the graphs of labelled frames for a model, in its precision.

    Parameters
    ----------
    frames : iterable of ase.Atoms
        With ``REF_energy`` (eV) and, if known, ``REF_stress`` (eV/Å³, Voigt order) in `info`, ``REF_forces`` (eV/Å)
        in `arrays`. What a frame lacks gets weight 0.
    head : str or None
        The head that the labels are for; None for the one whose energies and forces are used.

    Raises
    ------
    UnknownElementError
        If the model lacks an element.
    """
    known, heads = numbers_of(module), list(heads_of(module))
    table, cutoff_A, head = AtomicNumberTable(known), cutoff_of(module), head or heads[head_of(module)]
    graphs = []
    with building(dtype_of(module)):
        for atoms in frames:
            one_hot(atoms.numbers, known)
            frame = config_from_atoms(atoms, key_specification=KEYS, head_name=head)
            graphs.append(AtomicData.from_config(frame, z_table=table, cutoff=cutoff_A, heads=heads))
    return graphs


def labelled_frame(
    atoms: Atoms, energy_eV: float, forces_eV_per_A: ArrayLike, stress_eV_per_A3: ArrayLike | None
) -> Atoms:
    """Return a copy of a frame that carries its label under MACE's names."""
    frame = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    frame.info["REF_energy"] = float(energy_eV)
    frame.arrays["REF_forces"] = np.asarray(forces_eV_per_A, dtype=float).reshape(-1, 3)
    if stress_eV_per_A3 is not None:
        frame.info["REF_stress"] = np.asarray(stress_eV_per_A3, dtype=float)
    return frame


def batches_of(graphs: Sequence[AtomicData], atoms_per_batch: int) -> list[Batch]:
    """Return graphs joined into batches, in order, each of about as many atoms as asked (at least one frame)."""
    batches: list[Batch] = []
    waiting: list[AtomicData] = []
    for graph in graphs:
        if waiting and sum(g.num_nodes for g in waiting) + graph.num_nodes > atoms_per_batch:
            batches.append(Batch.from_data_list(waiting, exclude_keys=UNUSED))
            waiting = []
        waiting.append(graph)
    if waiting:
        batches.append(Batch.from_data_list(waiting, exclude_keys=UNUSED))
    return batches


def average_neighbours(frames: Sequence[Atoms], cutoff_A: float) -> float:
    """Return the mean number of neighbours of an atom within a cutoff (Å)."""
    edges = atoms = 0
    for frame in frames:
        index, *_ = get_neighborhood(
            positions=frame.positions,
            cutoff=cutoff_A,
            pbc=tuple(bool(p) for p in frame.pbc),
            cell=frame.cell.array.copy(),
        )
        edges, atoms = edges + index.shape[1], atoms + len(frame)
    return edges / atoms


def interaction_statistics(frames: Sequence[Atoms], e0s_eV: Mapping[int, float]) -> tuple[float, float]:
    """Return the rms force component (eV/Å) and the mean energy per atom beyond the isolated atoms (eV)."""
    shift = float(np.mean([(f.info["REF_energy"] - sum(e0s_eV[int(z)] for z in f.numbers)) / len(f) for f in frames]))
    scale = float(np.sqrt(np.mean(np.concatenate([f.arrays["REF_forces"].ravel() for f in frames]) ** 2)))
    return (scale if scale > 0 else 1.0), shift
