"""Count the pairs of atoms in the snapshots of a production run."""

from __future__ import annotations

import numpy as np

from alloop.dynamics.trajectory import concatenate
from alloop.tasks.contract.pairs import PairsData, PairsRequest, PairsSummary
from alloop.tasks.contract.records import Answer
from alloop.tasks.kinds.produce import read_trajectory
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from alloop.transport.curves import taken_snapshots
from alloop.transport.pairs import pair_statistics
from alloop.transport.results import Curve


def pairs(request: PairsRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Return g(r) of every pair of elements in a run, and how close they came.

    Parameters
    ----------
    request : PairsRequest
        The run.
    workspace : Workspace
        Holds its trajectories.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        PairsSummary and PairsData as JSON.
    """
    run = concatenate([read_trajectory(workspace, key, request.walker) for key in request.segments])
    # A run that ends in numbers that are not finite may have such a snapshot.
    finite = run.snapshots_A[np.isfinite(run.snapshots_A).all(axis=(1, 2))].astype(float)
    taken = finite[taken_snapshots(len(finite), request.snapshots, 1)] if len(finite) else finite
    found = pair_statistics(
        ((positions_A, run.cell_A) for positions_A in taken), run.numbers, request.reach_A, request.bin_A
    )
    closest_A = {name: float(d.min()) for name, d in found.shortest_A.items() if d.size and np.isfinite(d).any()}
    curves = {name: Curve(x=_rounded(one.centres_A), y=_rounded(one.g_r)) for name, one in found.functions.items()}
    summary = PairsSummary(snapshots=len(taken), shortest_A=closest_A)
    return summary.model_dump(mode="json"), PairsData(g_r=curves).model_dump(mode="json")


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    # Six digits are more than a plot shows.
    return tuple(float(f"{value:.6g}") for value in values)
