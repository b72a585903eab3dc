"""Time steps of molecular dynamics and of a fit with a config's potential, in a process of its own on one core."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from ase import Atoms

from alloop.checks.potential_cost import PotentialTimes
from alloop.commands.own_process import NoAnswerError, answer_of
from alloop.config.campaign import CampaignConfig
from alloop.config.foundations import SHIPPED
from alloop.config.science import FoundationFile, head_wanted
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.state import fresh_state
from alloop.failures import first_line
from alloop.materials.structure import Structure
from alloop.materials.supercell import repeated
from alloop.potential.committee import Committee
from alloop.potential.fitting.adapting import fully
from alloop.potential.fitting.finetuning import reduced_to
from alloop.potential.fitting.training import Recipe, train
from alloop.potential.graphs import labelled_graphs
from alloop.potential.models.architecture import new_model
from alloop.potential.models.foundation import cached_foundation, load_foundation_file, resolve_foundation
from alloop.potential.models.runtime import DTYPES

_MD_STEPS, _LOOKS, _FIT_STEPS = 10, 5, 6


class PotentialTimingError(Exception):
    """The potential could not be timed; the message is one line."""


def time_potential(
    systems: Mapping[str, Structure], cells: Mapping[str, tuple[int, int, int]], config: CampaignConfig, home: Path
) -> PotentialTimes:
    """Return what steps with the config's potential take on one core of this machine.

    Parameters
    ----------
    systems : mapping of Structure
        The systems by name.
    cells : mapping of tuple of int
        How often each measured system is repeated for its production runs.
    config : CampaignConfig
        Its potential and its fits.
    home : pathlib.Path
        Where a relative path of the config starts.

    Raises
    ------
    PotentialTimingError
        If its foundation is not on this machine, or a step failed.
    """
    question = {
        "systems": {name: one.model_dump(mode="json") for name, one in systems.items()},
        "cells": {name: list(repeat) for name, repeat in cells.items()},
        "config": config.model_dump(mode="json"),
        "home": str(home.resolve()),
    }
    try:
        answer = answer_of("alloop.commands.potential_timing", question)
    except NoAnswerError as error:
        raise PotentialTimingError(str(error)) from None
    return PotentialTimes(**answer)


def main() -> None:
    """Read a question from standard input and write the answer, one line of JSON, to standard output."""
    question = json.load(sys.stdin)
    try:
        answer = _answer(question)
    except Exception as error:  # a foundation is a foreign file
        answer = {"failed": first_line(error)}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    config = CampaignConfig.model_validate(question["config"])
    systems = {name: Structure.model_validate(one) for name, one in question["systems"].items()}
    numbers = sorted({z for structure in systems.values() for z in structure.numbers})
    model = _model(config, numbers, Path(question["home"])).to(DTYPES[config.potential.dtype])
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    walk, look = {}, {}
    for name, structure in systems.items():
        atoms = structure.to_atoms()
        walk[name] = _md_step_s(model, atoms, config)
        look[name] = _look_s(model, atoms, config)
    production = {
        name: _md_step_s(model, repeated(systems[name], tuple(repeat)).to_atoms(), config)
        for name, repeat in question["cells"].items()
    }
    fit = _fit_step_s(model, [one.to_atoms() for one in systems.values()], config)
    sizes = {"model_bytes": len(content.getvalue())}
    return {"md_step_s": walk, "look_s": look, "production_step_s": production, "fit_step_s": fit, **sizes}


def _model(config: CampaignConfig, numbers: list[int], home: Path) -> torch.nn.Module:
    """Return a model of the shape that the campaign will have; without a foundation its weights are random."""
    foundation = config.potential.foundation
    if foundation is None:
        shape = config.potential.architecture.model_dump(mode="json")
        scales = {"average_neighbours": 20.0, "scale_eV_per_A": 1.0, "shift_eV": 0.0}
        return new_model(shape, dict.fromkeys(numbers, 0.0), **scales, dtype=config.potential.dtype, seed=0)
    if not isinstance(foundation, FoundationFile):
        name = foundation if isinstance(foundation, str) else foundation.name
        if name not in SHIPPED and cached_foundation(name) is None:
            raise PotentialTimingError(f"the foundation `{name}` was not downloaded yet")
    with tempfile.TemporaryDirectory(prefix="alloop-foundation-") as folder:
        placed = resolve_foundation(foundation, config_folder=home, campaign_root=Path(folder))
        assert placed is not None
        whole = load_foundation_file(Path(folder) / "foundation" / f"{placed.sha256}.model", placed.sha256)
    return reduced_to(whole, numbers, head_wanted(foundation))


def _md_step_s(model: torch.nn.Module, atoms: Atoms, config: CampaignConfig) -> float:
    """Return the time of a step of one walker (s); cold, since forces of random weights would break a hot one."""
    dtype = config.potential.dtype
    walker = ExplorerBatch(
        [fresh_state(atoms, 1.0, np.random.default_rng(0))],
        Committee([model], device="cpu", dtype=dtype).field(atoms),
        temperatures_K=[1.0],
        limits_K=[1e9],
        seeds=[0],
        timestep_fs=0.01,
        friction_per_fs=0.01,
        stop_contact=0.01,
        memory=1,
    )
    walker.run(_MD_STEPS)
    return median(_timed(lambda: walker.run(_MD_STEPS)) for _ in range(3)) / _MD_STEPS


def _look_s(model: torch.nn.Module, atoms: Atoms, config: CampaignConfig) -> float:
    """Return the time in which all members look at a frame (s)."""
    committee = Committee([model] * config.potential.committee, device="cpu", dtype=config.potential.dtype)
    committee.look(atoms)
    return median(_timed(lambda: committee.look(atoms)) for _ in range(_LOOKS))


def _fit_step_s(model: torch.nn.Module, frames: list[Atoms], config: CampaignConfig) -> float:
    """Return the time of an optimiser step of one batch (s)."""
    batch, fit = config.fit.batch_size, config.fit
    labelled = [frames[number % len(frames)].copy() for number in range(batch)]
    for atoms in labelled:
        atoms.info.update(REF_energy=0.0, REF_stress=np.zeros(6))
        atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    graphs = labelled_graphs(labelled, model)

    def steps(count: int) -> float:
        weights = (fit.energy_weight, fit.forces_weight, fit.stress_weight)
        recipe = Recipe(count, batch, 1e-9, *weights, None, 10**9, fit.ema_decay, 0)
        return _timed(lambda: train(fully(model), graphs, graphs[:1], recipe))

    steps(1)
    return max(0.0, steps(1 + _FIT_STEPS) - steps(1)) / _FIT_STEPS


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
