"""What `benchmarks.device` times: our steps, and those of ASE and torch-sim on the same model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.md.langevin import Langevin

from alloop.dynamics.state import fresh_state
from alloop.potential.evaluation.batched import BatchedCommittee
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import rebuilt
from benchmarks.committee import FRICTION_PER_FS, TEMPERATURE_K, TIMESTEP_FS, exploring, models_of
from benchmarks.dynamics import ARCHITECTURE

SHAPES = {
    "quickstart": ARCHITECTURE,
    "foundation": {"channels": 128, "max_L": 1, "max_ell": 3, "correlation": 3, "layers": 2, "cutoff_A": 6.0},
}
REPEATS = {54: (3, 3, 3), 216: (6, 6, 3), 864: (12, 6, 6), 3456: (12, 12, 12)}
"""Repeats of the primitive cell of LiCl, by the number of atoms."""
SIZES = {"cpu": ((54, 216), (1,)), "cuda": ((54, 216, 864, 3456), (1, 8, 64))}
MEMBERS, LOOK_EVERY = 4, 5


@dataclass(frozen=True)
class Row:
    """One line of the table: who, atoms, walkers, and steps of what `work` does."""

    name: str
    atoms: int
    walkers: int
    steps: int
    work: Callable[[], None]


def ours(atoms: Atoms, models: list[torch.nn.Module], walkers: int, device: str) -> Row:
    """Return five steps of some walkers, and a look after them if there is more than one model."""
    field = BatchedCommittee([rebuilt(one) for one in models], atoms, device=device, dtype="float32", leaps=True)
    batch = exploring(atoms, field, walkers, LOOK_EVERY + 1)

    def work() -> None:
        if batch.run(LOOK_EVERY):
            raise RuntimeError("a walker stopped")
        if len(models) > 1:
            batch.disagreements(batch.walkers)

    return Row("leader" if len(models) == 1 else f"K = {len(models)}", len(atoms), walkers, LOOK_EVERY, work)


def stock(atoms: Atoms, model: torch.nn.Module, device: str) -> Row:
    """Return five steps of ASE's Langevin with MACE's calculator."""
    atoms = atoms.copy()
    atoms.calc = MACECalculator(models=[rebuilt(model)], device=device, default_dtype="float32")
    atoms.set_momenta(fresh_state(atoms, TEMPERATURE_K, np.random.default_rng(0)).momenta)
    thermostat = {"temperature_K": TEMPERATURE_K, "friction": FRICTION_PER_FS / units.fs}
    run = Langevin(atoms, TIMESTEP_FS * units.fs, rng=np.random.default_rng(0), **thermostat)
    return Row("ASE", len(atoms), 1, LOOK_EVERY, lambda: run.run(LOOK_EVERY))


def of_torch_sim(torch_sim: Any, atoms: Atoms, model: torch.nn.Module, walkers: int, device: str) -> Row:
    """Return five steps of torch-sim's Langevin of some walkers, and the evaluation that it begins with."""
    model_of = importlib.import_module("torch_sim.models.mace").MaceModel
    where = {"device": torch.device(device), "dtype": torch.float32}
    field = model_of(model=rebuilt(model), compute_forces=True, compute_stress=False, **where)
    method = getattr(torch_sim, "Integrator", torch_sim).nvt_langevin
    how = {"integrator": method, "n_steps": LOOK_EVERY, "temperature": TEMPERATURE_K, "timestep": 1e-3 * TIMESTEP_FS}
    state = torch_sim.initialize_state([atoms] * walkers, **where)
    return Row(
        "torch-sim",
        len(atoms),
        walkers,
        LOOK_EVERY + 1,
        lambda: torch_sim.integrate(system=state, model=field, **how),
    )


def torch_sim_or_none() -> Any:
    """Return the module, or None with a line that says why not."""
    try:
        importlib.import_module("torch_sim.models.mace")
        return importlib.import_module("torch_sim")
    except Exception as error:  # what it needs may fail to load in ways of its own
        print(f"torch-sim is not measured: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
        return None


def rows(shape: str, device: str) -> Iterator[Row]:
    """Return what is timed, the small first."""
    cell, models = bulk("LiCl", "rocksalt", a=5.13), models_of(SHAPES[shape], MEMBERS)
    sizes, counts = SIZES[device]
    torch_sim = torch_sim_or_none()
    for size in sizes:
        atoms = cell.repeat(REPEATS[size])
        yield stock(atoms, models[0], device)
        for walkers in counts:
            if torch_sim is not None:
                yield of_torch_sim(torch_sim, atoms, models[0], walkers, device)
            yield ours(atoms, models[:1], walkers, device)
            yield ours(atoms, models, walkers, device)
