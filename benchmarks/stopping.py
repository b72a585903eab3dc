"""How often two rungs are found to agree, by how far the truth moved between them.

    python -m benchmarks.stopping                the table of docs/decisions.md
    python -m benchmarks.stopping --repeats 2000 --doublings 6

The activation energy and ln σ of one system move by the same number of tolerances; held-out errors stand still. What
the policy asks for is measured, twice as long each time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.stopping.ladder import LadderStopping, MeasureMore, Verdict
from policies.stopping.rungs import RungEvidence
from policies.stopping.transport import TransportEvidence

SIZES = (500, 1000, 2500)
MOVES = (0.0, 0.5, 1.0, 2.0)
BLOCKS = 10
"""Independent blocks from which dynamics of one length tell their own error: it is known to 22 %."""


class Production:
    """Production runs of one rung's fits, whose truth is known and which can go on.

    The errors of ln σ and of the activation energy are the same but for a factor, as they are where ln σ is
    extrapolated to 300 K: metrics that err alike protect least against a false stop.

    Parameters
    ----------
    activation_energy_eV, ln_sigma : float
        The truth of the rung.
    rng : numpy.random.Generator
        Where the errors come from.
    fits : int
        Fits of the rung.
    fit_sd, md : float
        Standard deviation of ln σ between fits, and error of ln σ from the dynamics of one fit.
    system : str
        Name of the system.
    per_eV : float
        How many times smaller the errors of the activation energy (eV) are; 1/kT at 300 K less 1/kT where the
        dynamics run is about 20 per eV.
    """

    def __init__(
        self,
        activation_energy_eV: float,
        ln_sigma: float,
        rng: np.random.Generator,
        *,
        fits: int = 3,
        fit_sd: float = 0.03,
        md: float = 0.03,
        system: str = "Li3InCl6",
        per_eV: float = 20.0,
    ) -> None:
        self.rng, self.md, self.system, self.length = rng, md, system, 1
        self.unit = np.array([[-1.0 / per_eV], [1.0]])
        self.model = np.array([[activation_energy_eV], [ln_sigma]]) + self.unit * rng.normal(0, fit_sd, fits)
        self.noise = rng.normal(0, md, fits)

    def extend(self) -> None:
        """Run for as long again."""
        self.noise = (self.noise + self.rng.normal(0, self.md / self.length**0.5, self.noise.shape)) / 2
        self.length *= 2

    def measure(self) -> TransportEvidence:
        """Return what the runs say so far."""
        blocks = BLOCKS * self.length
        stated = self.md / self.length**0.5 * np.sqrt(self.rng.chisquare(blocks, self.noise.shape) / blocks)
        (energy, sigma), (se_energy, se_sigma) = self.model + self.unit * self.noise, np.abs(self.unit) * stated
        return TransportEvidence(self.system, energy, se_energy, sigma, se_sigma)


def heldout(size: int, rng: np.random.Generator, fits: int = 3, walkers: int = 8, scale: float = 1.0) -> RungEvidence:
    """Return a rung with held-out errors in proportion to `scale`, all but the same on every walker and fit."""
    error = scale * (1 + 0.02 * rng.normal(size=(fits, 2 * walkers)))
    cluster = tuple(f"w{i}" for i in range(walkers) for _ in range(2))
    return RungEvidence(size, -0.002 * error, (0.05 * error) ** 2, cluster)


@dataclass(frozen=True)
class Rates:
    """How often two rungs agreed.

    Attributes
    ----------
    at_once : float
        Fraction that agreed on the first dynamics.
    at_last : float
        Fraction that agreed in the end.
    length : float
        Mean length of the dynamics of the two rungs in the end, in lengths of the first.
    """

    at_once: float
    at_last: float
    length: float


def rates(
    move: float, fits: int, fit_sd: float, md: float, *, repeats: int = 400, doublings: int = 4, seed: int = 0
) -> Rates:
    """Judge many pairs of rungs.

    Parameters
    ----------
    move : float
        True change from rung to rung, in tolerances.
    fits : int
        Fits per rung.
    fit_sd, md : float
        Standard deviation of ln σ between fits, and error of ln σ from the first dynamics of one fit.
    repeats : int
        Pairs of rungs.
    doublings : int
        How many times the dynamics may be doubled.
    seed : int
        Seed of everything random.
    """
    rng, policy = np.random.default_rng(seed), LadderStopping()
    steps = [move * step for step in (0, 1)]
    shelves = [heldout(size, rng, fits) for size in SIZES[:2]]
    once = last = 0
    length = 0.0
    for _ in range(repeats):
        runs = [
            Production(
                0.3 - step * policy.tolerance_activation_energy_eV,
                -4.0 + step * policy.tolerance_ln_sigma,
                rng,
                fits=fits,
                fit_sd=fit_sd,
                md=md,
            )
            for step in steps
        ]
        answer = _judged(policy, shelves, runs, doublings)
        once += isinstance(answer, Verdict)
        while isinstance(answer, MeasureMore):
            for size, run in zip(SIZES, runs, strict=False):
                if size in answer.sizes:
                    run.extend()
            answer = _judged(policy, shelves, runs, doublings)
        last += isinstance(answer, Verdict)
        length += sum(run.length for run in runs) / len(runs)
    return Rates(once / repeats, last / repeats, length / repeats)


def _judged(
    policy: LadderStopping, shelves: Sequence[RungEvidence], runs: Sequence[Production], doublings: int
) -> Verdict | MeasureMore | None:
    rungs = [
        replace(rung, transport=(run.measure(),), can_extend=run.length < 2**doublings)
        for rung, run in zip(shelves, runs, strict=True)
    ]
    return policy.judge(rungs, SIZES, seed=1)


def table(repeats: int, doublings: int) -> Iterator[str]:
    """Return the table line by line: agreement in per cent, at once → in the end (length of the dynamics)."""
    yield "| fits | spread of ln σ | MD error of ln σ | " + " | ".join(f"true change {move:g}" for move in MOVES) + " |"
    yield "|---" * (3 + len(MOVES)) + "|"
    for fit_sd in (0.05, 0.15):
        for fits in (2, 3, 5):
            for md in (0.05, 0.1, 0.2, 0.4):
                found = [rates(move, fits, fit_sd, md, repeats=repeats, doublings=doublings) for move in MOVES]
                cells = [f"{100 * r.at_once:.0f} → {100 * r.at_last:.0f} ({r.length:.1f})" for r in found]
                yield f"| {fits} | {fit_sd:g} | {md:g} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=400, help="pairs of rungs per cell")
    parser.add_argument("--doublings", type=int, default=4, help="how many times dynamics may be doubled")
    options = parser.parse_args()
    for line in table(options.repeats, options.doublings):
        print(line, flush=True)


if __name__ == "__main__":
    main()
