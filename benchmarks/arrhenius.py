"""Arrhenius plots whose truth is known: is a kink seen or invented, how often extrapolations hold it.

    python -m benchmarks.arrhenius                    the tables of docs/transport.md
    python -m benchmarks.arrhenius --repeats 20 --only power

Gaussian points scatter about the truth by their error bars. Walks are 15 ions that hop for 100 ps at every temperature,
measured as runs are, with the error bars that measuring gives.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from alloop.transport.arrhenius import fit_arrhenius
from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.diffusion import ion_walks_of
from alloop.transport.temperature_law import bent, law_of
from benchmarks.transport_truths import CM2_PER_S, HOP_A, INTERVAL_PS, fitted, percent
from tests.support.walkers import hopping

ENERGY_EV, KINK_K, TARGET_K = 0.3, 700.0, 300.0
IONS, FRAMES, HOTTEST_RATE = 15, 1000, 0.2
THREE, FOUR = (600.0, 800.0, 1000.0), (600.0, 700.0, 800.0, 1000.0)
FIVE = (500.0, 600.0, 700.0, 850.0, 1000.0)
SEVEN = (500.0, 560.0, 630.0, 700.0, 780.0, 880.0, 1000.0)

LINE_HEAD = (
    *("temperatures", "points", "called bent", "cannot tell", "kink seen in 80 %, eV (median)"),
    *("σ(300 K): one σ", "two σ", "activation energy: one σ", "two σ"),
)

Rows = Iterator[Sequence[str]]
Points = tuple[np.ndarray, np.ndarray]


def truth(kelvin: np.ndarray, change_eV: float = 0.0, T0_K: float = 0.0) -> np.ndarray:
    """Return ln D (D in cm²/s) of a line, of a kink that is steeper by `change_eV` below it, or of a VTF curve."""
    inverse = 1 / (BOLTZMANN_EV_PER_K * (kelvin - T0_K))
    kink = np.maximum(inverse - 1 / (BOLTZMANN_EV_PER_K * KINK_K), 0.0)
    return np.log(1e-3) - ENERGY_EV * inverse - change_eV * kink


def gaussian(seed: int, kelvin: np.ndarray, ln_D: np.ndarray, se: float) -> Points:
    """Return ln D with scatter, and its errors."""
    return ln_D + se * np.random.default_rng(seed).normal(size=len(kelvin)), np.full(len(kelvin), se)


def walked(seed: int, kelvin: np.ndarray) -> Points:
    """Return ln D of walks on the line, less the truth's prefactor, and its measured errors."""
    ln_D, se = [], []
    for place, ln_truth in enumerate(truth(kelvin)):
        rate = HOTTEST_RATE * math.exp(ln_truth - truth(kelvin).max())
        walk = hopping(np.random.default_rng((seed, place)), FRAMES, IONS, rate)
        _, fit = fitted(ion_walks_of([walk], INTERVAL_PS))
        D = rate * HOP_A**2 / 6 / INTERVAL_PS * CM2_PER_S
        ln_D.append(math.log(fit.D_cm2_s / D) + ln_truth)
        se.append(fit.relative_se)
    return np.array(ln_D), np.array(se)


def lines(repeats: int) -> Rows:
    """How often a straight line is called bent, and error bars of an extrapolation hold the truth."""
    yield LINE_HEAD
    for temperatures, se in ((THREE, 0.1), (FOUR, 0.1), (FIVE, 0.1), (FIVE, 0.03), (SEVEN, 0.1)):
        kelvin = np.array(temperatures)
        drawn = (gaussian(seed, kelvin, truth(kelvin), se) for seed in range(repeats))
        yield _line_row(kelvin, f"Gaussian, ± {se:g} in ln D", drawn)


def walks(repeats: int) -> Rows:
    """The same of walks, with the error bars that measuring gives."""
    yield LINE_HEAD
    for temperatures in (FOUR, FIVE):
        kelvin = np.array(temperatures)
        yield _line_row(kelvin, "walks", (walked(seed, kelvin) for seed in range(repeats)))


def _line_row(kelvin: np.ndarray, name: str, drawn: Iterator[Points]) -> Sequence[str]:
    laws, off = [], []
    for points in drawn:
        laws.append(law_of(kelvin, *points))
        line = fit_arrhenius(kelvin, *points)
        ln_D, se = line.ln_diffusivity(TARGET_K)
        ln_truth = truth(np.array([TARGET_K]))[0]
        off.append([abs(ln_D - ln_truth) / se, abs(line.activation_energy_eV - ENERGY_EV) / line.se])
    shares = np.mean([bent(law) for law in laws]), np.mean([law.law == "unknown" for law in laws])
    seen = np.median([law.detectable_eV for law in laws])
    held = [np.mean(np.array(off)[:, which] < width) for which in (0, 1) for width in (1, 2)]
    return (
        *(str(len(kelvin)), name, *(f"{100 * share:.1f} %" for share in shares), f"{seen:.2f}"),
        *map(percent, held),
    )


def power(repeats: int) -> Rows:
    """How often a kink at 700 K, below which a line of 0.3 eV is steeper, and a curve are seen, and as what."""
    yield ("truth", "temperatures", "± ln D", "called bent", "kink", "curve", "not told which", "cannot tell")
    for temperatures, se in ((FOUR, 0.05), (FIVE, 0.1), (FIVE, 0.05), (SEVEN, 0.1), (SEVEN, 0.05)):
        kelvin = np.array(temperatures)
        for change_eV in (0.1, 0.2, 0.3):
            ln_D = truth(kelvin, change_eV)
            yield _power_row(f"kink by {change_eV:g} eV", kelvin, ln_D, se, repeats)
        yield _power_row("VTF, T₀ = 200 K", kelvin, truth(kelvin, T0_K=200.0), se, repeats)


def _power_row(name: str, kelvin: np.ndarray, ln_D: np.ndarray, se: float, repeats: int) -> Sequence[str]:
    found = [law_of(kelvin, *gaussian(seed, kelvin, ln_D, se)).law for seed in range(repeats)]
    seen = [law in ("kink", "curve", "bent") for law in found]
    shares = [np.mean([law == one for law in found]) for one in ("kink", "curve", "bent", "unknown")]
    return (name, str(len(kelvin)), f"{se:g}", percent(np.mean(seen)), *map(percent, shares))


TABLES: dict[str, Callable[[int], Rows]] = {"lines": lines, "walks": walks, "power": power}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300, help="repeats of every row")
    parser.add_argument("--only", choices=TABLES, help="one table")
    given = parser.parse_args()
    for name in [given.only] if given.only else TABLES:
        rows = TABLES[name](given.repeats)
        head = next(rows)
        print(f"\n{TABLES[name].__doc__}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
