"""What a step of exploration costs: our committee, a single MACE model, and MACE's own committee, in one run.

    python -m benchmarks.committee [--channels 64 --max-ell 3 --correlation 3] [--campaign runs/quickstart]

Random-weight models of the shipped default architecture (a larger one by option), float32, one thread, cells of
Li3InCl6. "stock" is ASE's Langevin with MACE's calculator, of one model or of all K; W walkers cost W steps. Ours is
`ExplorerBatch` with everything that exploration does: dynamics, checks and memory of all walkers at once, and a look of
all members every M steps. What a step and a look cost is timed apart, turn by turn with the stock steps, so that what
else the machine does falls on all of them; of the turns the median counts.

Then the price of looking late, from `benchmarks.looks`.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.io import read
from ase.md.langevin import Langevin

from alloop.config.science import ArchitectureConfig
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.state import fresh_state
from alloop.potential.committee import Committee
from alloop.potential.evaluation.batched import BatchedCommittee
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import new_model, rebuilt
from benchmarks import looks

E0S_EV = {3: -0.2, 17: -1.0, 49: -2.0}
REPEATS = {10: (1, 1, 1), 40: (2, 2, 1), 160: (4, 2, 2), 640: (4, 4, 4)}
WALKERS, MEMBERS = (1, 4, 16), (1, 4, 8)
MOST_ATOMS, MOST_STOCK_ATOM_MEMBERS = 2560, 320
TIMESTEP_FS, TEMPERATURE_K, FRICTION_PER_FS = 2.0, 300.0, 0.01
TURNS = {10: 9, 40: 5, 160: 3, 640: 2}
COLUMNS = ("leader", "M=1", f"M={looks.LONGEST}", "near", "1 stock", "K stock")

Run = Callable[[], None]


def models_of(shape: dict[str, Any], count: int) -> list[torch.nn.Module]:
    """Return models with random weights, whose forces are those of a stiff crystal."""
    scales: dict[str, Any] = {"average_neighbours": 22.0, "scale_eV_per_A": 0.05, "shift_eV": -3.0, "dtype": "float32"}
    return [new_model(shape, E0S_EV, seed=seed, **scales) for seed in range(count)]


def stock_of(models: list[torch.nn.Module]) -> MACECalculator:
    """Return MACE's calculator of some models."""
    return MACECalculator(models=[rebuilt(model) for model in models], device="cpu", default_dtype="float32")


def stock(atoms: Atoms, calculator: MACECalculator) -> Run:
    """Return a step of ASE's Langevin with a calculator."""
    atoms = atoms.copy()
    atoms.calc = calculator
    atoms.set_momenta(fresh_state(atoms, TEMPERATURE_K, np.random.default_rng(0)).momenta)
    thermostat = {"temperature_K": TEMPERATURE_K, "friction": FRICTION_PER_FS / units.fs}
    run = Langevin(atoms, TIMESTEP_FS * units.fs, rng=np.random.default_rng(0), **thermostat)
    return lambda: run.run(1)


def exploring(atoms: Atoms, field: BatchedCommittee, walkers: int, memory: int) -> ExplorerBatch:
    """Return some walkers of Langevin dynamics that nothing stops."""
    return ExplorerBatch(
        [fresh_state(atoms, TEMPERATURE_K, np.random.default_rng(walker)) for walker in range(walkers)],
        field,
        temperatures_K=[TEMPERATURE_K] * walkers,
        limits_K=[1e9] * walkers,
        seeds=range(walkers),
        timestep_fs=TIMESTEP_FS,
        friction_per_fs=FRICTION_PER_FS,
        stop_contact=0.0,
        memory=memory,
    )


def ours(atoms: Atoms, committee: Committee, walkers: int) -> tuple[Run, Run]:
    """Return a step of some walkers under the leader, and a look of the whole committee at all of them."""
    batch = exploring(atoms, committee.field(atoms), walkers, looks.LONGEST + 1)

    def step() -> None:
        if batch.run(1):
            raise RuntimeError("a walker stopped")

    def look() -> None:
        batch.disagreements(batch.walkers)

    return step, look


def medians_ms(runs: dict[str, Run], turns: int) -> dict[str, float]:
    """Return the median time (ms) of every run, taking turns; the first turn warms up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-1, turns):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            if turn >= 0:
                taken[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(times) for name, times in taken.items()}


def rows_of(
    size: int, stocks: dict[int, MACECalculator], committees: dict[int, Committee], per_step: float
) -> list[dict[str, float]]:
    """Time one size of cell, and return a row for every number of walkers and members."""
    atoms = read(looks.CELL).repeat(REPEATS[size])
    counts = [walkers for walkers in WALKERS if walkers * size <= MOST_ATOMS]
    timed = {k: one for k, one in stocks.items() if k == 1 or k * size <= MOST_STOCK_ATOM_MEMBERS}
    runs = {f"stock {k}": stock(atoms, calculator) for k, calculator in timed.items()}
    for walkers in counts:
        for members, committee in committees.items():
            step, look = ours(atoms, committee, walkers)
            if members == 1:
                runs[f"step {walkers}"] = step
            else:
                runs[f"look {walkers} {members}"] = look
    told = medians_ms(runs, TURNS[size])
    rows = []
    for walkers in counts:
        for members in MEMBERS:
            step_ms = told[f"step {walkers}"]
            look_ms = told.get(f"look {walkers} {members}", 0.0)
            # Beyond what is timed, MACE's calculator evaluates its members one after the other.
            theirs_ms = told.get(f"stock {members}", members * told["stock 1"])
            rows.append(
                {
                    "atoms": size,
                    "walkers": walkers,
                    "K": members,
                    "leader": step_ms,
                    "M=1": step_ms + look_ms,
                    f"M={looks.LONGEST}": step_ms + look_ms / looks.LONGEST,
                    "near": step_ms + per_step * look_ms,
                    "1 stock": walkers * told["stock 1"],
                    "K stock": walkers * theirs_ms,
                }
            )
    return rows


def main() -> None:
    """Print the tables and both ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = ArchitectureConfig()
    for name in ("channels", "max_L", "max_ell", "correlation"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name), dest=name)
    parser.add_argument("--campaign", type=Path, help="folder of a campaign whose newest committee shows late looks")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    changes = {name: getattr(asked, name) for name in ("channels", "max_L", "max_ell", "correlation")}
    shape = default.model_copy(update=changes).model_dump(mode="json")
    scores = looks.scores_of(looks.of_campaign(asked.campaign) if asked.campaign else looks.fitted_here())
    share = looks.report(scores)
    # The walkers that look most often: the lower side of the window is at the median of their scores.
    middle = list(looks.windows_of(scores).values())[1]
    per_step = looks.judge(scores, looks.adaptive(looks.LONGEST), middle)[2]
    print(
        f"\nms per step of all walkers; M = {looks.LONGEST}; adapting: {per_step:.2f} looks per step, near the window"
    )
    print("".join(f"{name:>11}" for name in ("atoms", "walkers", "K", *COLUMNS, "near/1", "near/K")))
    rows = []
    stocks = {k: stock_of(models_of(shape, k)) for k in MEMBERS}
    committees = {k: Committee(models_of(shape, k), device="cpu", dtype="float32") for k in MEMBERS}
    for size in REPEATS:
        for row in rows_of(size, stocks, committees, per_step):
            rows.append(row)
            places = "".join(f"{int(row[name]):>11}" for name in ("atoms", "walkers", "K"))
            numbers = "".join(f"{row[name]:>11.2f}" for name in COLUMNS)
            ratios = f"{row['near'] / row['1 stock']:>11.2f}{row['near'] / row['K stock']:>11.3f}"
            print(places + numbers + ratios, flush=True)
    four = [row for row in rows if row["K"] == 4]
    far, near = (max(row[name] / row["1 stock"] for row in four) for name in (f"M={looks.LONGEST}", "near"))
    (small,) = [row for row in four if (row["atoms"], row["walkers"]) == (10, 4)]
    fixed, adapting = (small[name] / small["K stock"] for name in (f"M={looks.LONGEST}", "near"))
    print(
        f"K = 4 against a single stock model's MD, the worst of all sizes: {far:.2f} far from the window, "
        f"{near:.2f} near it (wanted: at most 1.00)\n"
        f"4 walkers of 10 atoms against the stock committee: {fixed:.3f} and {adapting:.3f} (wanted: at most 0.167)\n"
        f"crossings caught: {100 * share:.1f} % (wanted: at least 95 %)"
    )


if __name__ == "__main__":
    main()
