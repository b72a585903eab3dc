"""Synthetic ions whose diffusion is known."""

import numpy as np
from scipy.signal import lfilter

from alloop.dynamics.trajectory import Trajectory

KB_EV = 8.617333262e-5
TRICLINIC_A = np.array([[12.0, 0.0, 0.0], [3.0, 11.0, 0.0], [2.0, -1.5, 13.0]])


def free_walk(rng, frames, ions, tensor):
    """Random walkers with a diffusion tensor, in squared lengths per frame: <dx dx> = 2 D t."""
    return rng.normal(size=(frames, ions, 3)).cumsum(axis=0) @ np.linalg.cholesky(2 * np.asarray(tensor)).T


def hopping(rng, frames, ions, rate, hop_A=2.5, rattle_A=0.2):
    """Ions that hop along x, y or z, `rate` times per frame on average; D = rate * hop² / 6 per frame."""
    counts = rng.poisson(rate / 3, (frames, ions, 3))
    steps = hop_A * (2 * rng.binomial(counts, 0.5) - counts)
    return steps.cumsum(axis=0) + rng.normal(scale=rattle_A, size=(frames, ions, 3))


def hopping_together(rng, frames, ions, together, rate, rattle_A=0.2):
    """Ions that hop as `hopping` does, in groups that make every hop together: their Haven ratio is 1 / `together`."""
    groups = np.repeat(hopping(rng, frames, ions // together, rate, rattle_A=0.0), together, axis=1)
    return groups + rng.normal(scale=rattle_A, size=groups.shape)


def visiting(rng, frames, ions, jumps, *, cage_A=5.0, reach_A=1.5, visits=0.2):
    """Ions that visit places in their cage fast and seldom jump to the next; D = `jumps` / frames * cage² / 6."""
    moves = rng.random((frames, ions)) < visits
    last = np.maximum.accumulate(np.where(moves, np.arange(frames)[:, None], 0), axis=0)
    places = rng.normal(size=(frames, ions, 3))
    places *= reach_A / np.linalg.norm(places, axis=2, keepdims=True)
    return hopping(rng, frames, ions, jumps / frames, cage_A) + np.take_along_axis(places, last[:, :, None], axis=0)


def flying(rng, frames, ions, persistence, D):
    """Ions whose velocity is forgotten within `persistence` frames, with a diffusivity in squared lengths per frame."""
    keep = np.exp(-1 / persistence)
    speed = np.sqrt(2 * D * (1 - keep) / (1 + keep))
    kicks = rng.normal(size=(frames, ions, 3)) * speed
    kicks[1:] *= np.sqrt(1 - keep**2)
    return lfilter([1], [1, -keep], kicks, axis=0).cumsum(axis=0)


def exchanging(rng, frames, ions, rate, rattle_A=0.2):
    """Pairs of ions that make every hop in opposite directions: charge does not move."""
    one = hopping(rng, frames, ions // 2, rate, rattle_A=0.0)
    return np.concatenate([one, -one], axis=1) + rng.normal(scale=rattle_A, size=(frames, ions, 3))


def trajectory(
    ions_A,
    *,
    temperature_K=600.0,
    cell_A=TRICLINIC_A,
    interval_fs=100.0,
    every=10,
    framework_A=None,
    drift_A=None,
    rng=None,
    mobile=3,
    still=(17, 17, 49, 17),
):
    """A production run of given mobile ions above a framework that rattles or does as it is told."""
    rng = rng or np.random.default_rng(0)
    frames, ions, _ = ions_A.shape
    spread = np.linspace(0, 1, len(still), endpoint=False)[:, None] * np.ones(3)
    ions_A = ions_A + (np.arange(ions)[:, None] / ions + [0.1, 0.35, 0.6]) % 1.0 @ cell_A
    if framework_A is None:
        framework_A = rng.normal(scale=0.1, size=(len(ions_A[::every]), len(still), 3))
    drift_A = np.zeros((frames, 3)) if drift_A is None else drift_A
    everything = np.concatenate([ions_A[::every], framework_A + spread @ cell_A], axis=1)
    return Trajectory(
        numbers=np.array([mobile] * ions + list(still)),
        mobile=np.arange(ions),
        cell_A=np.asarray(cell_A, dtype=float),
        temperature_K=temperature_K,
        interval_fs=interval_fs,
        snapshot_every=every,
        mobile_A=(ions_A + drift_A[:, None]).astype(np.float32),
        drift_A=drift_A,
        snapshots_A=(everything + drift_A[::every, None]).astype(np.float32),
        kinetic_K=np.full(frames, temperature_K),
        conserved_eV=rng.normal(scale=1e-3, size=frames),
    )


def lattice_gas(rng, frames, attempts_per_frame, *, side=6, filling=0.3, site_A=2.5):
    """Ions on a cubic lattice that try to hop to a neighbour and find it empty or not: hard-core lattice gas.

    Returns the unwrapped paths (frames, ions, 3) and the number of ions. The collective diffusivity of this model is
    exactly the mean field's: attempts per ion and frame * (1 - occupied part of the other sites) * site² / 6.
    """
    sites = side**3
    ions = round(filling * sites)
    at = np.stack(np.unravel_index(rng.permutation(sites)[:ions], (side,) * 3), axis=1)
    taken = {tuple(place) for place in at.tolist()}
    at_now = [tuple(place) for place in at.tolist()]
    moved = at.astype(float)
    path = np.empty((frames, ions, 3))
    for frame, attempts in enumerate(rng.poisson(attempts_per_frame, frames).tolist()):
        for ion, axis, sign in zip(
            rng.integers(0, ions, attempts).tolist(),
            rng.integers(0, 3, attempts).tolist(),
            rng.choice([-1, 1], attempts).tolist(),
            strict=True,
        ):
            old = at_now[ion]
            new = list(old)
            new[axis] = (new[axis] + sign) % side
            place = tuple(new)
            if place not in taken:
                taken.remove(old)
                taken.add(place)
                at_now[ion] = place
                moved[ion, axis] += sign
        path[frame] = moved
    return path * site_A, ions
