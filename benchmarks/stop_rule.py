"""How often the stopping rule is right and wrong, on rungs whose truth is known.

    python -m benchmarks.stop_rule                 the tables of docs/decisions.md
    python -m benchmarks.stop_rule --repeats 500

Held-out errors are drawn like those of a demo campaign's fits: frames of one walker are correlated in how hard they are
and in how the fits differ on them. Energy and force errors move and err alike, which protects least against a false
stop. What longer dynamics change is in `benchmarks.stopping`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.stopping import Production
from policies.stopping.forecast import CORRELATION, FORCES, agreement
from policies.stopping.ladder import LadderStopping, Verdict, compare_rungs
from policies.stopping.rungs import RungEvidence
from policies.stopping.transport import TransportTolerances, judge_transport

Array = NDArray[np.float64]

TOLERANCE = 0.10
HARD_WALKER, HARD_FRAME = 0.10, 0.30
"""Standard deviation of ln(error) between walkers and between frames of one walker, the same for all fits."""
TOGETHER = 0.195
"""Standard deviation of ln(error) of one frame between fits, beyond `FORCES.fits` of the forecast.

With these the bars of the resampling that alloop had before were as wide on synthetic fits as on the demo's (fits,
walkers × frames: 0.143 for 2, 4 × 3; 0.047 for 3, 12 × 10; 0.037 for 5, 12 × 10), and agreed as often."""
ALIKE = 0.5
"""Correlation of fits that begin alike on two rungs, in some rows of the table."""
LADDER = (50, 100, 200, 400, 800, 1600)
CELLS = ((2, 4, 3), (3, 4, 10), (2, 12, 10), (3, 12, 10), (5, 12, 10), (3, 24, 10))


@dataclass(frozen=True)
class Shape:
    """What one rung is judged with.

    Attributes
    ----------
    fits : int
        Fits of the rung.
    walkers, frames : int
        Held-out walkers, and frames of each.
    fit_spread : float
        Standard deviation of ln(RMSE) between fits.
    alike : float
        Correlation of what fit k of one rung and of the next err by, of all frames and of each: they begin alike.
    """

    fits: int = 3
    walkers: int = 12
    frames: int = 10
    fit_spread: float = FORCES.fits
    alike: float = 0.0


LADDERS = (
    Shape(3),
    Shape(3, fit_spread=0.03),
    Shape(3, fit_spread=0.05),
    Shape(5, fit_spread=0.05),
    Shape(3, fit_spread=0.05, alike=ALIKE),
)


def rungs_of(scales: Sequence[float], shapes: Sequence[Shape], rng: np.random.Generator) -> list[RungEvidence]:
    """Return rungs whose true RMSEs are in proportion to `scales`, on the same held-out frames.

    Parameters
    ----------
    scales : sequence of float
        The truth of each rung, of `LADDER` in order.
    shapes : sequence of Shape
        Of each rung; walkers, frames and `alike` are those of the first.
    rng : numpy.random.Generator
        Where the errors come from.
    """
    walkers, frames = shapes[0].walkers, shapes[0].frames
    hard = HARD_WALKER * rng.normal(size=(walkers, 1)) + HARD_FRAME * _correlated(rng, (walkers, frames))
    cluster = tuple(f"w{i}" for i in range(walkers) for _ in range(frames))
    alike, fits = shapes[0].alike, max(shape.fits for shape in shapes)
    begun = _of_fits(rng, fits, walkers, frames) if alike else (np.zeros((fits, 1, 1)),) * 2
    rungs = []
    for size, scale, shape in zip(LADDER, scales, shapes, strict=False):
        own = _of_fits(rng, shape.fits, walkers, frames)
        fit, together = ((1 - alike) ** 0.5 * o + alike**0.5 * b[: shape.fits] for o, b in zip(own, begun, strict=True))
        log = hard + shape.fit_spread * fit + TOGETHER * together
        error = (scale * np.exp(log)).reshape(shape.fits, walkers * frames)
        rungs.append(RungEvidence(size, -0.002 * error, (0.05 * error) ** 2, cluster))
    return rungs


def _of_fits(rng: np.random.Generator, fits: int, walkers: int, frames: int) -> tuple[Array, Array]:
    """Return what fits err by on all frames and on each, as normal numbers of variance 1."""
    return rng.normal(size=(fits, 1, 1)), _correlated(rng, (fits, walkers, frames))


def _correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return normal numbers whose neighbours along the last axis are correlated by `CORRELATION`."""
    found = rng.normal(size=shape)
    for frame in range(1, shape[-1]):
        fresh = (1 - CORRELATION**2) ** 0.5 * found[..., frame]
        found[..., frame] = CORRELATION * found[..., frame - 1] + fresh
    return found


@dataclass(frozen=True)
class Rates:
    """What many comparisons of the force RMSE of two rungs found.

    Attributes
    ----------
    stated, scatter : float
        Standard error as stated (root mean square) and as it is, both in units of the previous RMSE.
    agree : float
        Fraction that was found to agree.
    """

    stated: float
    scatter: float
    agree: float


def heldout_rates(move: float, shapes: tuple[Shape, Shape], *, repeats: int = 1000, seed: int = 0) -> Rates:
    """Compare many pairs of rungs.

    Parameters
    ----------
    move : float
        True change of the RMSE, in tolerances of 10 %; less than 0 where it falls.
    shapes : tuple of Shape
        Of the previous and of the last rung.
    repeats : int
        Pairs of rungs.
    seed : int
        Seed of everything random.
    """
    rng = np.random.default_rng(seed)
    pairs = (rungs_of([1.0, 1.0 + TOLERANCE * move], shapes, rng) for _ in range(repeats))
    found = [compare_rungs(*pair, TOLERANCE, TOLERANCE)[1] for pair in pairs]
    former = np.array([judgement.value_previous for judgement in found])
    stated = np.array([judgement.se_delta for judgement in found]) / former
    changes = np.array([judgement.delta for judgement in found]) / former
    agree = np.mean([judgement.equivalent for judgement in found])
    return Rates(float(np.sqrt(np.mean(stated**2))), float(np.std(changes)), float(agree))


def ladder_stops(move: float, shape: Shape, *, repeats: int = 1000, seed: int = 0) -> Array:
    """Climb many ladders whose every rung moves the RMSE, and return where they stop.

    Parameters
    ----------
    move : float
        True change from rung to rung, in tolerances; less than 0 where errors fall.
    shape : Shape
        Of every rung.
    repeats : int
        Ladders.
    seed : int
        Seed of everything random.

    Returns
    -------
    ndarray, shape (comparisons,)
        Fraction of ladders that stop as converged at each comparison.
    """
    rng, policy = np.random.default_rng(seed), LadderStopping(TOLERANCE, TOLERANCE)
    scales = (1.0 + TOLERANCE * move) ** np.arange(len(LADDER))
    stops = np.zeros(len(LADDER) - 1)
    for _ in range(repeats):
        place = _stop(policy, rungs_of(list(scales), [shape] * len(LADDER), rng))
        if place is not None:
            stops[place - 1] += 1
    return stops / repeats


def _stop(policy: LadderStopping, rungs: Sequence[RungEvidence]) -> int | None:
    """Return the place of the rung at which a ladder is found to be converged, or None."""
    for place in range(1, len(rungs)):
        answer = policy.judge(rungs[: place + 1], LADDER, seed=0)
        if isinstance(answer, Verdict) and answer.kind == "converged":
            return place
    return None


def transport_rates(
    move: float, fits: tuple[int, int], spreads: tuple[float, float], *, md: float = 0.0, repeats: int = 2000
) -> float:
    """Return how often ln σ of two rungs is found to agree.

    Parameters
    ----------
    move : float
        True change, in tolerances.
    fits : tuple of int
        Fits of the previous and of the last rung.
    spreads : tuple of float
        Standard deviation of ln σ between their fits.
    md : float
        Error of ln σ from the dynamics of one fit.
    repeats : int
        Pairs of rungs.
    """
    rng, tolerances = np.random.default_rng(0), TransportTolerances()
    truths = (-4.0, -4.0 + move * tolerances.tolerance_ln_sigma)
    agree = 0
    for _ in range(repeats):
        before, after = (
            Production(0.3, truth, rng, fits=n, fit_sd=spread, md=md).measure()
            for truth, n, spread in zip(truths, fits, spreads, strict=True)
        )
        agree += judge_transport(before, after, tolerances)[1].equivalent
    return agree / repeats


def tables(repeats: int) -> Iterator[str]:
    """Return all tables line by line; agreement in per cent."""
    yield "| fits, walkers × frames | fit spread | stated SE | true scatter | agree: 0 | half | −1 | +1 | forecast |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for fits, walkers, frames in CELLS:
        for spread in (FORCES.fits, 0.03, 0.05):
            yield _row((Shape(fits, walkers, frames, spread),) * 2, repeats)
    for before, after in ((2, 4), (4, 2)):
        yield _row((Shape(before), Shape(after)), repeats)
    for fits, spread in ((2, FORCES.fits), (3, FORCES.fits), (3, 0.03), (3, 0.05)):
        yield _row((Shape(fits, fit_spread=spread, alike=ALIKE),) * 2, repeats)
    yield ""
    yield "| six rungs, each moved by | fits, walkers × frames | fit spread | stop at each comparison | anywhere |"
    yield "|---|---|--:|---|--:|"
    for move in (-1.0, 1.0, -2.0, 0.0):
        for shape in LADDERS:
            stops = ladder_stops(move, shape, repeats=repeats)
            cells = ", ".join(f"{100 * stop:.1f}" for stop in stops)
            rung = f"{_fits(shape)}, {shape.walkers} × {shape.frames} | {shape.fit_spread:g}"
            yield f"| {move:+g} tolerances | {rung} | {cells} | {100 * stops.sum():.1f} |"
    yield ""
    yield "| fits | spreads of ln σ | MD error | agree: 0 | half | 1 |"
    yield "|---|---|--:|--:|--:|--:|"
    sharp, noisy = 0.02, 0.15
    pairs = [((n, n), (0.05, 0.05)) for n in (2, 3, 5)] + [((3, 3), (sharp, noisy))]
    for fits, spreads in [*pairs, ((2, 5), (noisy, sharp)), ((5, 2), (sharp, noisy)), ((5, 2), (noisy, sharp))]:
        for md in (0.0, 0.05):
            found = [transport_rates(move, fits, spreads, md=md, repeats=repeats) for move in (0.0, 0.5, 1.0)]
            cells = " | ".join(f"{100 * rate:.1f}" for rate in found)
            yield f"| {fits[0]} + {fits[1]} | {spreads[0]:g}, {spreads[1]:g} | {md:g} | {cells} |"


def _row(shapes: tuple[Shape, Shape], repeats: int) -> str:
    still, *moved = (heldout_rates(move, shapes, repeats=repeats) for move in (0.0, 0.5, -1.0, 1.0))
    first, last = shapes
    fits = _fits(first) if first == last else f"{first.fits} + {last.fits}"
    usual = first == last and first.fit_spread == FORCES.fits and not first.alike
    chance = agreement(first.fits, first.walkers, first.walkers * first.frames, tolerance=TOLERANCE) if usual else None
    cells = " | ".join(f"{100 * rates.agree:.1f}" for rates in (still, *moved))
    told = "" if chance is None else f"{100 * chance:.0f}"
    return (
        f"| {fits}, {first.walkers} × {first.frames} | {first.fit_spread:g} | {still.stated:.3f} | {still.scatter:.3f} "
        f"| {cells} | {told} |"
    )


def _fits(shape: Shape) -> str:
    return f"{shape.fits} alike" if shape.alike else str(shape.fits)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000, help="pairs of rungs or ladders per cell")
    for line in tables(parser.parse_args().repeats):
        print(line, flush=True)


if __name__ == "__main__":
    main()
