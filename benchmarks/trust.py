"""How often expected errors are called trusted, of committees whose errors are known by construction.

    python -m benchmarks.trust                     the tables of docs/calibration.md
    python -m benchmarks.trust --repeats 200       more of each
    python -m benchmarks.trust --only walkers      one of them

A ladder of committees of 8, 12, 24, … labels was fitted; every label was looked at by the committee before it. Errors
are one times the disagreement for all committees but the present one, for which they are ``ratio`` times that. It
looked at held-out frames only. Frames differ in the size of their errors by more than their disagreement tells, and
errors have the tails of a t distribution. Debris: three frames of the first committee with disagreements of 1 to 5 eV/Å
and errors of up to 20 eV/Å. The second table has held-out frames of few walkers, which share a part of what makes a
frame's errors large.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policies.calibration.reliability import held_back
from policies.calibration.scales import Points, fit_calibration, memory
from policies.calibration.trust import LARGEST_RATIO, doubt, evidence

ATOMS = {"Cl": 6, "In": 1, "Li": 3}
LADDER = (8, 12, 24, 48, 100)
RATIOS = (0.5, 1.0, 1.25, 1.5, 2.0)
HELDOUT = ((12, 6), (24, 6), (24, 12), (48, 12), (48, 20), (100, 20))
"""Labels, and held-out frames."""
WALKERS = ((4, 3), (4, 5), (12, 5))
"""Held-out walkers, and frames of each."""
SHARED = ((0.3, 0.0), (0.3, 0.5), (0.5, 0.5))
"""Spread of errors from frame to frame, and the part of its variance that frames of one walker share."""
NEW_FRAMES = 400
PROBE_EVERY = 10
FRAME_SPREAD, _DOF = 0.3, 6.0
_DEBRIS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One situation: labels of the present committee, its held-out frames, and what its disagreement means.

    Attributes
    ----------
    walkers : int
        Held-out walkers; 0: as many as frames.
    frame_spread : float
        Standard deviation of ln(error) from frame to frame, beyond what the disagreement tells.
    shared : float
        The part of its variance that frames of one walker share.
    """

    labels: int
    heldout: int
    ratio: float
    debris: bool
    walkers: int = 0
    frame_spread: float = FRAME_SPREAD
    shared: float = 0.0

    @property
    def own_spread(self) -> float:
        """The part of `frame_spread` that every frame has for itself."""
        return self.frame_spread * (1.0 - self.shared) ** 0.5

    @property
    def seed(self) -> list[int]:
        """Numbers that no other situation has."""
        own = [self.labels, self.heldout, int(100 * self.ratio), self.debris]
        return own + ([self.walkers, int(100 * self.frame_spread), int(100 * self.shared)] if self.walkers else [])


@dataclass(frozen=True)
class Said:
    """What labels showed of an element: whether it was trusted, and whether the interval held the ratio."""

    trusted: bool
    held: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one element: true over expected error, and errors below their bound.

    `by_walker` is what was said of it, `by_frame` what would be if every frame had a walker of its own.
    """

    ratio: float
    coverage: float
    by_walker: Said
    by_frame: Said

    @property
    def trusted(self) -> bool:
        """Whether it was trusted."""
        return self.by_walker.trusted

    @property
    def off(self) -> bool:
        """Whether the expected errors are beyond a factor of 1.5 of the true ones."""
        return not 1.0 / LARGEST_RATIO <= self.ratio <= LARGEST_RATIO


def errors_of(rng: np.random.Generator, disagreement: Floats, ratio: float, frame_spread: float) -> Floats:
    """Return lengths of force errors of a frame whose mean is `ratio` times the disagreement, about."""
    normal = np.linalg.norm(rng.normal(size=(len(disagreement), 3)), axis=1)
    tail = np.sqrt(rng.chisquare(_DOF, len(disagreement)) / _DOF)
    return ratio * disagreement * rng.lognormal(0.0, frame_spread) * normal / tail / 1.8


def frames(
    rng: np.random.Generator, names: list[str], ratios: Floats, own_spread: float, probe_every: int = 1, debris: int = 0
) -> list[Points]:
    """Return labelled frames of one committee, the first `debris` of them broken; every so many are random."""
    species = tuple(element for element, count in ATOMS.items() for _ in range(count))
    made = []
    for number, (name, ratio) in enumerate(zip(names, ratios, strict=True)):
        broken = number < debris
        level = rng.uniform(1.0, 5.0) if broken else 0.05 * rng.lognormal(0.0, 0.4)
        d = level * rng.lognormal(0.0, 0.4, len(species))
        e = errors_of(rng, d, 4.0 * ratio if broken else ratio, own_spread)
        size = len(species)
        random = np.full(size, (number + 1) % probe_every == 0)
        made.append(Points(d, e, species, (name,) * size, np.where(random, 0.1, 1.0), random))
    return made


def of_walkers(rng: np.random.Generator, walkers: int, frames_each: int, case: Case) -> Floats:
    """Return by how much the errors of frames are larger for their walker, walker by walker."""
    if not case.shared:
        return np.ones(walkers * frames_each)
    return np.repeat(rng.lognormal(0.0, case.frame_spread * case.shared**0.5, walkers), frames_each)


def joined(parts: list[Points], counted: Floats, walkers: Sequence[str] = ()) -> Points:
    """Return the points of all frames, each counted as told, and of the walker told."""
    sizes = [len(part) for part in parts]
    return Points(
        np.concatenate([part.disagreement_eV_per_A for part in parts]),
        np.concatenate([part.error_eV_per_A for part in parts]),
        tuple(name for part in parts for name in part.species),
        tuple(name for part in parts for name in part.frame),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.probe for part in parts]),
        np.repeat(counted, sizes),
        tuple(np.repeat(walkers, sizes).tolist()) if walkers else (),
    )


def campaign(rng: np.random.Generator, case: Case) -> Points:
    """Return what a calibration would see."""
    parts: list[Points] = []
    labels: list[int] = []
    for before, after in itertools.pairwise(size for size in LADDER if size <= case.labels):
        names = [f"w{index % 4}/{before}/{index}" for index in range(after - before)]
        debris = _DEBRIS if case.debris and before == LADDER[0] else 0
        parts += frames(rng, names, of_walkers(rng, len(names), 1, case), case.own_spread, PROBE_EVERY, debris)
        labels += [before] * len(names)
    walkers = case.walkers or case.heldout
    # Labels have names that know nothing of walkers.
    order = rng.permutation(case.heldout) if case.walkers else np.arange(case.heldout)
    names = [f"heldout/{index}" for index in order]
    ratios = case.ratio * of_walkers(rng, walkers, case.heldout // walkers, case)
    parts += frames(rng, names, ratios, case.own_spread)
    earlier = [part.frame[0] for part in parts[: -case.heldout]]
    heldout = [f"w{index * walkers // case.heldout}" for index in range(case.heldout)]
    return joined(parts, memory([*labels, *[case.labels] * case.heldout], case.labels), [*earlier, *heldout])


def judged(rng: np.random.Generator, points: Points, case: Case) -> Iterator[Outcome]:
    """Compare expected with true errors of new frames of the present committee, by element."""
    calibration, (back, bound) = fit_calibration(points), held_back(points)
    names = [f"new/{index}" for index in range(NEW_FRAMES)]
    ratios = case.ratio * of_walkers(rng, NEW_FRAMES, 1, case)
    new = joined(frames(rng, names, ratios, case.own_spread), np.ones(NEW_FRAMES))
    expected = calibration.expected_error(new.species, new.disagreement_eV_per_A)
    below = new.error_eV_per_A <= calibration.bound(new.species, new.disagreement_eV_per_A)
    for name in ATOMS:
        own, seen = np.array(new.species) == name, np.array(points.species) == name
        ratio = float(new.error_eV_per_A[own].mean() / expected[own].mean())
        known = points.take(seen)
        said = [_said(one, back[seen], bound[seen], ratio) for one in (known, replace(known, walker=()))]
        yield Outcome(ratio, float(below[own].mean()), *said)


def _said(points: Points, expected: Floats, bound: Floats, ratio: float) -> Said:
    found = evidence(points, expected, bound)
    return Said(not doubt(points, expected, bound), found.low <= ratio <= found.high)


def outcomes(case: Case, repeats: int, seed: int = 0) -> list[Outcome]:
    """Return what became of every element in all repeats of a case."""
    made: list[Outcome] = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat, *case.seed])
        made += judged(rng, campaign(rng, case), case)
    return made


def row(case: Case, made: list[Outcome]) -> str:
    """Return a row of the first table."""
    trusted = [one for one in made if one.trusted]
    ratio = np.array([one.ratio for one in made])
    low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
    coverage = np.mean([one.coverage for one in trusted]) if trusted else np.nan
    return (
        f"| {case.labels} | {case.heldout} | {case.ratio:g} | {'yes' if case.debris else 'no'} "
        f"| {middle:.2f} ({low:.2f} to {high:.2f}) | {100 * len(trusted) / len(made):.0f} % "
        f"| {100 * sum(one.off for one in trusted) / len(made):.1f} % | {100 * coverage:.0f} % |"
    )


def walkers_row(case: Case, repeats: int) -> str:
    """Return a row of the second table."""
    cells = [f"{case.walkers} × {case.heldout // case.walkers}", f"{case.frame_spread:g}", f"{case.shared:g}"]
    made = outcomes(case, repeats)
    for said in ([one.by_frame for one in made], [one.by_walker for one in made]):
        falsely = [one.trusted and outcome.off for one, outcome in zip(said, made, strict=True)]
        shares = np.mean([one.trusted for one in said]), np.mean(falsely), np.mean([one.held for one in said])
        cells += [f"{100 * shares[0]:.0f} %", f"{100 * shares[1]:.1f} %", f"{100 * shares[2]:.0f} %"]
    return f"| {' | '.join(cells)} |"


def cases() -> Iterator[Case]:
    """Yield all situations of the table."""
    for (labels, heldout), ratio, debris in itertools.product(HELDOUT, RATIOS, (False, True)):
        yield Case(labels, heldout, ratio, debris)


def tables(repeats: int) -> dict[str, Iterator[str]]:
    """Return the lines of both tables."""
    return {"ratios": _ratios(repeats), "walkers": _walkers(repeats)}


def _ratios(repeats: int) -> Iterator[str]:
    yield "| labels | held-out frames | ratio | debris | true / expected | trusted | falsely | below the 90 % bound |"
    yield "|--:|--:|--:|---|---|--:|--:|--:|"
    for case in cases():
        yield row(case, outcomes(case, repeats))


def _walkers(repeats: int) -> Iterator[str]:
    yield (
        "| walkers × frames | spread | shared | frames: trusted | falsely | interval holds "
        "| walkers: trusted | falsely | interval holds |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for (walkers, each), (spread, shared) in itertools.product(WALKERS, SHARED):
        yield walkers_row(Case(48, walkers * each, 1.0, False, walkers, spread, shared), repeats)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="of every case; each has three elements")
    parser.add_argument("--only", choices=("ratios", "walkers"), help="one table")
    given = parser.parse_args()
    for name, lines in tables(given.repeats).items():
        for line in lines if given.only in (None, name) else ():
            print(line, flush=True)


if __name__ == "__main__":
    main()
