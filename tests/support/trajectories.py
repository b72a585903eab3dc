"""A production run that was never simulated: its atoms take random steps."""

from __future__ import annotations

import numpy as np
from ase.build import bulk

from alloop.dynamics.trajectory import Trajectory


def lithium_chloride_run(samples: int = 9, snapshot_every: int = 4) -> Trajectory:
    """Return eight atoms of LiCl in a skew cell, at 600 K; Li is mobile, and a sample comes every 20 fs."""
    atoms = bulk("LiCl", "rocksalt", 5.1, cubic=True)
    mobile, rng = np.flatnonzero(atoms.numbers == 3), np.random.default_rng(2)
    everything = atoms.positions + rng.normal(scale=0.1, size=(samples, 8, 3)).cumsum(axis=0)
    cell = atoms.cell.array.copy()
    cell[2, 0] = 0.4
    return Trajectory(
        numbers=atoms.numbers,
        mobile=mobile,
        cell_A=cell,
        temperature_K=600.0,
        interval_fs=20.0,
        snapshot_every=snapshot_every,
        mobile_A=everything[:, mobile].astype(np.float32),
        drift_A=rng.normal(size=(samples, 3)),
        snapshots_A=everything[::snapshot_every].astype(np.float32),
        kinetic_K=rng.normal(600, 10, samples),
        conserved_eV=rng.normal(size=samples),
    )
