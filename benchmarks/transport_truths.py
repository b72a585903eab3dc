"""Numbers of transport against walks whose truth is known: how often error bars hold it, and what is said of odd runs.

    python -m benchmarks.transport_truths                     the tables of docs/transport.md
    python -m benchmarks.transport_truths --repeats 20 --only haven

Runs have 20 ions unless a row says otherwise. One σ, two σ: how often that interval held the truth.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alloop.transport.diffusion import CM2_PER_S, Diffusivity, IonWalks, diffusivity, first_lag, ion_walks_of, summed
from alloop.transport.gates import barely, uncertain, unmeasured
from alloop.transport.haven import ln_haven
from alloop.transport.settings import MeasureSettings
from alloop.transport.unwrapping import unwrap
from tests.support.walkers import flying, free_walk, hopping, hopping_together, visiting

SETTINGS = MeasureSettings("Li")
IONS, FRAMES, INTERVAL_PS, HOP_A, CAGE_A = 20, 2000, 0.1, 2.5, 5.0
SKEWED_A = np.array([[7.0, 0.0, 0.0], [2.0, 6.2, 0.0], [1.0, -1.0, 6.5]])

Walk = Callable[[np.random.Generator], np.ndarray]
Rows = Iterator[Sequence[str]]


@dataclass(frozen=True)
class Repeat:
    """One repeat: D over the truth, the fit, and why it does not count, if it does not."""

    ratio: float
    fit: Diffusivity
    why: str | None
    near: bool

    @property
    def off(self) -> float:
        """Distance from the truth in standard errors."""
        return (self.ratio - 1) / (self.ratio * self.fit.relative_se)


def repeats(walk: Walk, truth_A2_per_frame: float, count: int) -> list[Repeat]:
    """Return repeats of a walk with a diffusivity in Å² per frame, whether they count or not."""
    found = []
    for seed in range(count):
        walks = ion_walks_of([walk(np.random.default_rng(seed))], INTERVAL_PS)
        first, fit = fitted(walks)
        ratio = fit.D_cm2_s / (truth_A2_per_frame / INTERVAL_PS * CM2_PER_S)
        near = barely(walks, fit, SETTINGS) is not None
        found.append(Repeat(ratio, fit, unmeasured(walks, first, fit, SETTINGS), near))
    return found


def fitted(walks: IonWalks) -> tuple[int | None, Diffusivity]:
    """Return the lag of a hop and the diffusivity, as a measurement does."""
    first = first_lag(walks, SETTINGS.min_displacement_A)
    return first, diffusivity(walks, max(1, min(first or walks.longest, walks.longest // 2)))


def straight(count: int) -> Rows:
    """Whether good fits are called straight."""
    yield ("walk", "D / truth", "one σ", "two σ", "called bent", "direction kept")
    hop, cage = HOP_A**2 / 6 / FRAMES, CAGE_A**2 / 6 / FRAMES
    for jumps in (2, 5, 10):
        yield scored(f"cages, {jumps} jumps", repeats(visits(jumps), jumps * cage, count))
    for hops in (10, 20, 50):
        yield scored(f"{hops} hops per ion", repeats(hops_of(hops), hops * hop, count))
    yield scored("free", repeats(lambda rng: free_walk(rng, FRAMES, IONS, 0.02 * np.eye(3)), 0.02, count))


def flights(count: int) -> Rows:
    """Ions that keep their direction."""
    yield ("τ (ps) of 200", "D / truth", "one σ", "two σ", "note", "unmeasured")
    for frames in (10, 20, 50, 100, 150, 250):
        found = repeats(flight(frames), 0.02, count)
        noted = np.mean([one.fit.start_ps < 3 * one.fit.flight_ps for one in found])
        lost = np.mean([one.why is not None for one in found])
        yield (*scored(f"{frames * INTERVAL_PS:g}", found)[:4], percent(noted), percent(lost))


def gate(count: int) -> Rows:
    """Runs of 150 ps near the gate."""
    yield ("ions, hops in all", "measured", "D / truth of these", "flagged", "D / truth of the others")
    for ions, hops in ((20, 50), (20, 100), (10, 20), (10, 30), (10, 50), (4, 10), (4, 20), (4, 50)):
        rate = hops / ions / 1500
        walk = hops_of(rate * FRAMES, 1500, ions)
        counted = [one for one in repeats(walk, rate * HOP_A**2 / 6, count) if one.why is None]
        quiet = [one.ratio for one in counted if not one.near]
        flagged = np.mean([one.near for one in counted]) if counted else math.nan
        means = [mean([one.ratio for one in counted]), percent(flagged), mean(quiet)]
        yield (f"{ions}, {hops}", percent(len(counted) / count), *means)


def haven(count: int) -> Rows:
    """The Haven ratio of ions that hop in groups, 1000 frames."""
    yield ("together", "runs", "measured", "ln H − truth", "one σ", "two σ", "one σ without covariance")
    for together in (1, 4, 10):
        for runs in (1, 3):
            found = [one for seed in range(count) if (one := haven_of(seed, together, runs))]
            off, own, apart = np.array(found).T
            inside = [percent(np.mean(np.abs(off) < width)) for width in (own, 2 * own, apart)]
            yield (str(together), str(runs), percent(len(found) / count), f"{off.mean():+.2f}", *inside)


def haven_of(seed: int, together: int, runs: int) -> tuple[float, float, float] | None:
    """Return ln H less its truth and its error with and without the covariance, if charge is known."""
    rng = np.random.default_rng(seed)
    walks = ion_walks_of([hopping_together(rng, 1000, IONS, together, 0.02) for _ in range(runs)], INTERVAL_PS)
    _, tracer = fitted(walks)
    total = summed(walks)
    charge = diffusivity(total, round(tracer.start_ps / INTERVAL_PS), single=False)
    if uncertain(total, charge, SETTINGS):
        return None
    found = ln_haven(tracer, charge, IONS)
    return found.value + math.log(together), found.se or 0.0, math.hypot(tracer.relative_se, charge.relative_se)


def wrapping(count: int) -> Rows:
    """Mean squared displacement of ions that were folded into a cell and unwrapped, over the true one."""
    yield ("cell", "hops per ion between samples", "near half", "MSD / truth", "answer")
    for name, cell_A in (("skewed", SKEWED_A), ("cube of 6 Å", 6 * np.eye(3)), ("cube of 12 Å", 12 * np.eye(3))):
        for every in (1, 5, 20, 80):
            path = hopping(np.random.default_rng(count), 20_000, IONS, 0.02)[::every]
            yield (name, f"{0.02 * every:g}", *unwrapped(path, cell_A))


def unwrapped(path: np.ndarray, cell_A: np.ndarray) -> tuple[str, str, str]:
    """Return the share near half, the ratio of mean squared displacements over 20 samples, and what is said."""
    scaled = path @ np.linalg.inv(cell_A) % 1.0
    ratio = ion_walks_of([followed(scaled, cell_A)], 1.0).msd()[20] / ion_walks_of([path], 1.0).msd()[20]
    try:
        found = unwrap(scaled, cell_A)
    except ValueError as error:
        return str(error).split(" of ", 1)[0], f"{ratio:.2f}", "refused"
    return f"{100 * found.near_half:.2g} %", f"{ratio:.2f}", "note" if found.note else ""


def followed(scaled: np.ndarray, cell_A: np.ndarray) -> np.ndarray:
    """Return paths (Å) from folded positions, every step the shortest, whether that is safe or not."""
    steps = np.diff(scaled, axis=0, prepend=scaled[:1])
    return (steps - np.round(steps)).cumsum(axis=0) @ cell_A


def visits(jumps: float) -> Walk:
    """Return a walk of ions that visit places in cages."""
    return lambda rng: visiting(rng, FRAMES, IONS, jumps, cage_A=CAGE_A)


def hops_of(per_ion: float, frames: int = FRAMES, ions: int = IONS) -> Walk:
    """Return a walk of ions that hop so many times in `FRAMES` frames."""
    return lambda rng: hopping(rng, frames, ions, per_ion / FRAMES)


def flight(persistence: float) -> Walk:
    """Return a walk of ions that keep their direction for so many frames."""
    return lambda rng: flying(rng, FRAMES, IONS, persistence, 0.02)


def scored(name: str, found: Sequence[Repeat]) -> Sequence[str]:
    """Return a row of how good the repeats are, and what is said of them."""
    off = np.abs([one.off for one in found])
    said = [not one.fit.linear for one in found], [one.fit.flight_ps > 0 for one in found]
    shares = [percent(np.mean(which)) for which in (off < 1, off < 2, *said)]
    return (name, mean([one.ratio for one in found]), *shares)


def mean(values: Sequence[float]) -> str:
    """Return a mean, or nothing without values."""
    return f"{np.mean(values):.2f}" if len(values) else ""


def percent(share: float) -> str:
    """Return a share in percent."""
    return "" if math.isnan(share) else f"{100 * share:.0f} %"


TABLES: dict[str, Callable[[int], Rows]] = {
    "straight": straight,
    "flights": flights,
    "gate": gate,
    "haven": haven,
    "wrapping": wrapping,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=60, help="repeats of every row")
    parser.add_argument("--only", choices=TABLES, help="one table")
    given = parser.parse_args()
    for name in [given.only] if given.only else TABLES:
        head, *rows = TABLES[name](given.repeats)
        print(f"\n{TABLES[name].__doc__}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
