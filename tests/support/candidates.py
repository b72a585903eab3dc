"""Pools of candidates for tests of selection."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from policies.selection.contract import Candidates, Window

Row = tuple[str, str, str, float]
"""Walker, composition, why it was offered, disagreement (eV/Å)."""

WINDOW = Window(0.05, 1.0)

disagreements = st.one_of(
    st.floats(0.0, 3.0), st.sampled_from([0.05, 1.0, math.nan, math.inf, -math.inf])
)  # the window's ends and everything a broken model gives
rows = st.tuples(
    st.sampled_from(["w1", "w2", "w3", "w4"]),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["initial", "random", "disagreement", "last_good"]),
    disagreements,
)


def candidates(rows: Sequence[Row], ids: Sequence[str] | None = None) -> Candidates:
    """Candidates of which only the disagreement is known."""
    walker, composition, why, disagreement = zip(*rows, strict=True) if rows else ((), (), (), ())
    names = tuple(f"f{i:03d}" for i in range(len(rows))) if ids is None else tuple(ids)
    return Candidates(names, walker, composition, why, np.array(disagreement), np.ones(len(rows)))


def described(rows: Sequence[Row], seed: int) -> Candidates:
    """Candidates of which everything is known: random points in a plane, some of them twins, one known point."""
    rng, n = np.random.default_rng(seed), len(rows)
    points = rng.normal(size=(n, 2))
    points[rng.random(n) < 0.3] = rng.integers(0, 2, size=2)
    pool = candidates(rows)
    lithium, sulphur = pool.disagreement_eV_per_A, pool.disagreement_eV_per_A * rng.uniform(0.01, 1, n)
    return told(
        pool,
        expected_error_eV_per_A={"Li": np.where(rng.random(n) < 0.2, np.nan, lithium), "S": sulphur},
        novelty=np.linalg.norm(points, axis=1),
        separation=np.linalg.norm(points[:, None] - points, axis=2),
        quiet=rng.integers(0, 9, n),
    )


def told(
    pool: Candidates,
    expected_error_eV_per_A: dict[str, ArrayLike] | None = None,
    novelty: ArrayLike | None = None,
    separation: ArrayLike | None = None,
    quiet: ArrayLike | None = None,
) -> Candidates:
    """The same candidates, and more of them known."""
    return Candidates(
        pool.ids,
        pool.walker,
        pool.composition,
        pool.why,
        pool.disagreement_eV_per_A,
        pool.min_contact,
        expected_error_eV_per_A or {},  # type: ignore[arg-type]
        novelty,  # type: ignore[arg-type]
        separation,  # type: ignore[arg-type]
        quiet,  # type: ignore[arg-type]
    )
