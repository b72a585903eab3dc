"""What a step of production MD costs: ours against ASE's VelocityVerlet with MACE's calculator, in one run.

    python -m benchmarks.dynamics [--device cuda]

The model has the quickstart's architecture and random weights, in float32. The contenders take turns, some steps each,
so that what else the machine does falls on all of them; of the turns the median counts. Per walker, in ms per step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ase import Atoms, units
from ase.io import read
from ase.md.verlet import VelocityVerlet as VelocityVerletOfAse

from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.integrators import VelocityVerlet
from alloop.dynamics.limits import Limits
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import Phase
from alloop.dynamics.state import CHAIN, Point, fresh_state
from alloop.potential.committee import Committee, LeaderCalculator
from alloop.potential.evaluation.batched import BatchedModel
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import new_model, rebuilt

ARCHITECTURE = {"channels": 32, "max_L": 0, "max_ell": 2, "correlation": 2, "layers": 2, "cutoff_A": 5.0}
E0S_EV = {3: -0.2, 17: -1.0, 49: -2.0}
CELL = Path(__file__).parents[1] / "configs" / "structures" / "Li3InCl6.extxyz"
REPEATS = {20: (2, 1, 1), 80: (2, 2, 2), 160: (4, 2, 2)}
WALKERS = (1, 4)
TIMESTEP_FS, TEMPERATURE_K = 2.0, 300.0
TURNS, STEPS = 7, 5


def model_of_the_quickstart() -> torch.nn.Module:
    """Return a model of the quickstart's shape with random weights, whose forces are those of a stiff crystal."""
    return new_model(
        ARCHITECTURE, E0S_EV, average_neighbours=22.0, scale_eV_per_A=0.05, shift_eV=-3.0, dtype="float32", seed=0
    )


def ase_run(atoms: Atoms, calculator: object) -> Callable[[], None]:
    """Return ASE's way of making some steps."""
    atoms = atoms.copy()
    atoms.calc = calculator
    atoms.set_momenta(fresh_state(atoms, TEMPERATURE_K, np.random.default_rng(0)).momenta)
    run = VelocityVerletOfAse(atoms, TIMESTEP_FS * units.fs)
    return lambda: run.run(STEPS)


def our_run(atoms: Atoms, model: torch.nn.Module, walkers: int, device: str) -> Callable[[], None]:
    """Return our way of making some steps of a batch, with all its checks."""
    zeros, points = np.zeros(CHAIN), []
    for walker in range(walkers):
        state = fresh_state(atoms, TEMPERATURE_K, generator(walker, "momenta"))
        points.append(Point(0, state.positions_A, state.momenta, zeros, zeros, 0.0))
    field = BatchedModel(model, atoms, device=device, dtype="float32")
    seeds = range(walkers)
    phase = Phase.of(points, seeds, atoms.get_masses(), [TEMPERATURE_K] * walkers, seeds, field)
    batch = WalkerBatch(phase, field, Limits(np.full(walkers, 1e9), 0.0))
    method = VelocityVerlet(TIMESTEP_FS)

    def steps() -> None:
        batch.run(method, TIMESTEP_FS, STEPS)
        if batch.stopped:
            raise RuntimeError(f"a walker stopped: {batch.stopped}")

    return steps


def contenders(atoms: Atoms, device: str) -> dict[str, tuple[Callable[[], None], int]]:
    """Return what makes some steps, and of how many walkers, by name."""
    model = model_of_the_quickstart()
    stock = MACECalculator(models=[rebuilt(model)], device=device, default_dtype="float32")
    leader = LeaderCalculator(Committee([rebuilt(model)], device=device, dtype="float32"))
    found = {"ASE + MACE": (ase_run(atoms, stock), 1), "ASE + our leader": (ase_run(atoms, leader), 1)}
    for walkers in WALKERS:
        found[f"ours, {walkers} at once"] = (our_run(atoms, rebuilt(model), walkers, device), walkers)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    device = parser.parse_args().device
    cell = read(CELL)
    print(f"{'atoms':>6}  {'':<18}{'ms/step and walker':>20}{'against ASE + MACE':>20}")
    for size, repeat in REPEATS.items():
        atoms = cell.repeat(repeat)
        runs = contenders(atoms, device)
        times_ms: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(-1, TURNS):
            for name, (run, walkers) in runs.items():
                begin = time.perf_counter()
                run()
                if turn >= 0:
                    times_ms[name].append(1000 * (time.perf_counter() - begin) / STEPS / walkers)
        base = statistics.median(times_ms["ASE + MACE"])
        for name, taken in times_ms.items():
            median = statistics.median(taken)
            print(f"{size:>6}  {name:<18}{median:>20.2f}{median / base:>20.2f}", flush=True)


if __name__ == "__main__":
    main()
