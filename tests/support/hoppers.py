"""Made-up production runs of ions that hop between known sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alloop.dynamics.trajectory import Trajectory

EDGE_A = 9.0
CUBIC = np.eye(3) * 2 * EDGE_A
LEANING = 2 * EDGE_A * np.array([[0.94, 0.0, -0.35], [0.1, 1.0, 0.0], [0.2, 0.25, 1.05]])
"""A tilted cell that stands in no standard orientation: a leans out of the xy plane."""

INTERVAL_fs = 20.0
HOSTS = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
TO_INTERSTITIAL = np.array([0.25, 0.0, 0.0])
FRAMEWORK = np.array([[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0.25, 0.75, 0.25]])


@dataclass(frozen=True)
class Story:
    """A run and the truth about it: scaled coordinates of all atoms, of host and interstitial sites, and jumps."""

    run: Trajectory
    start: np.ndarray
    hosts: np.ndarray
    interstitials: np.ndarray
    jumps: int
    away: float


def hopping(
    *,
    cell: np.ndarray = CUBIC,
    samples: int = 500,
    rate: float = 0.01,
    back: float = 0.05,
    rattle_A: float = 0.25,
    drift_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
    offset_A: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    temperature_K: float = 600.0,
) -> Story:
    """Return 32 ions in 2 × 2 × 2 cells, each going from its host site to one interstitial site and back.

    `rate` and `back` are the chances of a hop from one sample to the next; `away` is the share of time spent off the
    host sites, averaged over the ions.
    """
    rng = np.random.default_rng(seed)
    corners = np.array(list(np.ndindex(2, 2, 2)), float)
    hosts, interstitials, framework = (
        ((basis[:, None] + corners) / 2 % 1).reshape(-1, 3) for basis in (HOSTS, HOSTS + TO_INTERSTITIAL, FRAMEWORK)
    )
    away = np.zeros((samples, len(hosts)), bool)
    for now in range(1, samples):
        chance = np.where(away[now - 1], back, rate)
        away[now] = away[now - 1] ^ (rng.random(len(hosts)) < chance)
    ions = (hosts + away[..., None] * TO_INTERSTITIAL / 2) @ cell + rng.normal(0, rattle_A, (samples, len(hosts), 3))
    drift = np.linspace(0, 1, samples)[:, None] * np.array(drift_A)
    moved = drift[:, None] + np.array(offset_A)
    every = 10
    rest = framework @ cell + rng.normal(0, 0.05 if rattle_A else 0.0, (samples, len(framework), 3))
    rest -= rest.mean(axis=1, keepdims=True) - rest[0].mean(axis=0)
    run = Trajectory(
        numbers=np.array([3] * len(hosts) + [17] * len(framework)),
        mobile=np.arange(len(hosts)),
        cell_A=cell,
        temperature_K=temperature_K,
        interval_fs=INTERVAL_fs,
        snapshot_every=every,
        mobile_A=(ions + moved).astype(np.float32),
        drift_A=drift,
        snapshots_A=np.concatenate([ions + moved, rest + moved], axis=1)[::every].astype(np.float32),
        kinetic_K=np.full(samples, temperature_K),
        conserved_eV=np.zeros(samples),
    )
    jumps = int((away[1:] != away[:-1]).sum())
    return Story(run, np.concatenate([hosts, framework]), hosts, interstitials, jumps, float(away.mean()))


def langevin(
    *,
    barriers_eV: tuple[float, float, float],
    temperature_K: float = 1000.0,
    cell_A: np.ndarray = CUBIC / 2,
    wells: tuple[int, int, int] = (3, 3, 3),
    samples: int = 2000,
    seed: int = 0,
) -> Trajectory:
    """Return ions that drift without inertia in a potential of cosines, its barriers along a, b and c as told.

    A lattice vector has so many wells; an ion starts in each. U = Σ barrier / 2 (1 - cos 2π wells x), x scaled.
    """
    rng = np.random.default_rng(seed)
    kT = 8.617333262e-5 * temperature_K
    barriers, number = np.array(barriers_eV), np.array(wells)
    inverse = np.linalg.inv(cell_A)
    scaled = np.array(list(np.ndindex(*wells)), float) / number
    positions = scaled @ cell_A
    # Steps of 0.06 Å, ten to a sample: a small part of a well.
    step_A, each = 0.06, 10
    ions = np.empty((samples, len(positions), 3), np.float32)
    for sample in range(samples):
        for _ in range(each):
            slope = np.pi * barriers * number * np.sin(2 * np.pi * number * (positions @ inverse))
            positions = positions - step_A**2 / (2 * kT) * slope @ inverse.T + rng.normal(0, step_A, positions.shape)
        ions[sample] = positions
    rest = np.broadcast_to(FRAMEWORK @ cell_A, (len(ions[::10]), len(FRAMEWORK), 3))
    return Trajectory(
        numbers=np.array([3] * len(positions) + [17] * len(FRAMEWORK)),
        mobile=np.arange(len(positions)),
        cell_A=cell_A,
        temperature_K=temperature_K,
        interval_fs=INTERVAL_fs,
        snapshot_every=10,
        mobile_A=ions,
        drift_A=np.zeros((samples, 3)),
        snapshots_A=np.concatenate([ions[::10], rest], axis=1).astype(np.float32),
        kinetic_K=np.full(samples, temperature_K),
        conserved_eV=np.zeros(samples),
    )
