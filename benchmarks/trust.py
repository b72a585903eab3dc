"""How often expected errors are called trusted, of committees whose errors are known by construction.

    python -m benchmarks.trust                     the table of docs/calibration.md
    python -m benchmarks.trust --repeats 200       more of each

A ladder of committees of 8, 12, 24, … labels was fitted; every label was looked at by the committee before it. Errors
are one times the disagreement for all committees but the present one, for which they are ``ratio`` times that. It
looked at held-out frames only. Frames differ in the size of their errors by more than their disagreement tells, and
errors have the tails of a t distribution. Debris: three frames of the first committee with disagreements of 1 to 5 eV/Å
and errors of up to 20 eV/Å.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.calibration.reliability import calibrate
from policies.calibration.scales import Calibration, Points, memory
from policies.calibration.trust import LARGEST_RATIO

ATOMS = {"Cl": 6, "In": 1, "Li": 3}
LADDER = (8, 12, 24, 48, 100)
RATIOS = (0.5, 1.0, 1.25, 1.5, 2.0)
HELDOUT = ((12, 6), (24, 6), (24, 12), (48, 12), (48, 20), (100, 20))
"""Labels, and held-out frames."""
NEW_FRAMES = 400
PROBE_EVERY = 10
_FRAME_SPREAD, _DOF = 0.3, 6.0
_DEBRIS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One situation: labels of the present committee, its held-out frames, and what its disagreement means."""

    labels: int
    heldout: int
    ratio: float
    debris: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one element: whether it was trusted, true over expected error, and errors below their bound."""

    trusted: bool
    ratio: float
    coverage: float

    @property
    def off(self) -> bool:
        """Whether the expected errors are beyond a factor of 1.5 of the true ones."""
        return not 1.0 / LARGEST_RATIO <= self.ratio <= LARGEST_RATIO


def errors_of(rng: np.random.Generator, disagreement: Floats, ratio: float) -> Floats:
    """Return lengths of force errors whose mean is `ratio` times the disagreement, about."""
    normal = np.linalg.norm(rng.normal(size=(len(disagreement), 3)), axis=1)
    tail = np.sqrt(rng.chisquare(_DOF, len(disagreement)) / _DOF)
    return ratio * disagreement * rng.lognormal(0.0, _FRAME_SPREAD) * normal / tail / 1.8


def frames(
    rng: np.random.Generator, names: list[str], ratio: float, probe_every: int = 1, debris: int = 0
) -> list[Points]:
    """Return labelled frames of one committee, the first `debris` of them broken; every so many are random."""
    species = tuple(element for element, count in ATOMS.items() for _ in range(count))
    made = []
    for number, name in enumerate(names):
        broken = number < debris
        level = rng.uniform(1.0, 5.0) if broken else 0.05 * rng.lognormal(0.0, 0.4)
        d = level * rng.lognormal(0.0, 0.4, len(species))
        e = errors_of(rng, d, 4.0 if broken else ratio)
        size = len(species)
        random = np.full(size, (number + 1) % probe_every == 0)
        made.append(Points(d, e, species, (name,) * size, np.where(random, 0.1, 1.0), random))
    return made


def joined(parts: list[Points], counted: Floats) -> Points:
    """Return the points of all frames, each counted as told."""
    sizes = [len(part) for part in parts]
    return Points(
        np.concatenate([part.disagreement_eV_per_A for part in parts]),
        np.concatenate([part.error_eV_per_A for part in parts]),
        tuple(name for part in parts for name in part.species),
        tuple(name for part in parts for name in part.frame),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.probe for part in parts]),
        np.repeat(counted, sizes),
    )


def campaign(rng: np.random.Generator, case: Case) -> Points:
    """Return what a calibration would see."""
    parts: list[Points] = []
    labels: list[int] = []
    for before, after in itertools.pairwise(size for size in LADDER if size <= case.labels):
        names = [f"w{index % 4}/{before}/{index}" for index in range(after - before)]
        debris = _DEBRIS if case.debris and before == LADDER[0] else 0
        parts += frames(rng, names, 1.0, PROBE_EVERY, debris)
        labels += [before] * len(names)
    parts += frames(rng, [f"heldout/{index}" for index in range(case.heldout)], case.ratio)
    labels += [case.labels] * case.heldout
    return joined(parts, memory(labels, case.labels))


def judged(rng: np.random.Generator, calibration: Calibration, doubts: set[str], ratio: float) -> dict[str, Outcome]:
    """Compare expected with true errors of new frames of the present committee, by element."""
    new = joined(frames(rng, [f"new/{index}" for index in range(NEW_FRAMES)], ratio), np.ones(NEW_FRAMES))
    expected = calibration.expected_error(new.species, new.disagreement_eV_per_A)
    below = new.error_eV_per_A <= calibration.bound(new.species, new.disagreement_eV_per_A)
    names = np.array(new.species)
    return {
        name: Outcome(
            trusted=name not in doubts,
            ratio=float(new.error_eV_per_A[names == name].mean() / expected[names == name].mean()),
            coverage=float(below[names == name].mean()),
        )
        for name in ATOMS
    }


def outcomes(case: Case, repeats: int, seed: int = 0) -> list[Outcome]:
    """Return what became of every element in all repeats of a case."""
    made = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat, case.labels, case.heldout, int(100 * case.ratio), case.debris])
        report = calibrate(campaign(rng, case))
        made += judged(rng, report.calibration, set(report.doubts), case.ratio).values()
    return made


def row(case: Case, made: list[Outcome]) -> str:
    """Return a row of the table."""
    trusted = [one for one in made if one.trusted]
    ratio = np.array([one.ratio for one in made])
    low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
    coverage = np.mean([one.coverage for one in trusted]) if trusted else np.nan
    return (
        f"| {case.labels} | {case.heldout} | {case.ratio:g} | {'yes' if case.debris else 'no'} "
        f"| {middle:.2f} ({low:.2f} to {high:.2f}) | {100 * len(trusted) / len(made):.0f} % "
        f"| {100 * sum(one.off for one in trusted) / len(made):.1f} % | {100 * coverage:.0f} % |"
    )


def cases() -> Iterator[Case]:
    """Yield all situations of the table."""
    for (labels, heldout), ratio, debris in itertools.product(HELDOUT, RATIOS, (False, True)):
        yield Case(labels, heldout, ratio, debris)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="of every case; each has three elements")
    repeats = parser.parse_args().repeats
    print("| labels | held-out frames | ratio | debris | true / expected | trusted | falsely | below the 90 % bound |")
    print("|--:|--:|--:|---|---|--:|--:|--:|")
    for case in cases():
        print(row(case, outcomes(case, repeats)), flush=True)


if __name__ == "__main__":
    main()
