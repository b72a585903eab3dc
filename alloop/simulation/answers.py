"""Plausible answers to every request: numbers of the right shape and size, no physics."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from alloop.decisions.charter import stable_integer
from alloop.dynamics.recorder import empty_trajectory
from alloop.files.durable import write_durably
from alloop.materials.structure import Structure
from alloop.tasks.contract.aimd import AimdRequest
from alloop.tasks.contract.calibrate import CalibrateRequest
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreRequest, ExploreWalker
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import LABEL, AtomRequest, LabelRequest
from alloop.tasks.contract.measure import MeasureRequest
from alloop.tasks.contract.pairs import PairsRequest
from alloop.tasks.contract.produce import ProductionMd, trajectory_file
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.relabel import RelabelRequest
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SelectRequest
from alloop.tasks.kinds.calibrate import calibrate as learn
from alloop.tasks.kinds.produce import mobile_ions, settings_of
from alloop.tasks.kinds.select import select as choose
from alloop.tasks.machine import Machine
from alloop.tasks.registry import KINDS, function
from alloop.tasks.workspace import Workspace


def answer(request: Request, workspace: Workspace) -> Answer:
    """Return the summary and the data of a result; a selection is really made.

    Parameters
    ----------
    request : Request
        Any.
    workspace : Workspace
        Holds the results that the request refers to; the stand-in of a fitted model is written there.
    """
    given: Answer = function(KINDS[request.kind].simulated)(request, workspace)
    return given


def _moved(structure: Structure, seed: int) -> Structure:
    atoms = structure.to_atoms()
    atoms.rattle(0.05, seed=seed % 2**31)
    return Structure.from_atoms(atoms)


def initial(request: InitialRequest, workspace: Workspace) -> Answer:
    """Answer with rattled copies."""
    structures = [_moved(request.structure, request.seed + i) for i in range(request.frames)]
    offers = [_offer(i, "initial", 0, s) for i, s in enumerate(structures)]
    return {"offers": offers}, {"structures": [s.model_dump(mode="json") for s in structures]}


def explore(request: ExploreRequest, workspace: Workspace) -> Answer:
    """Answer with walkers that run to their end and offer frames."""
    summaries: list[dict[str, Any]] = []
    structures: list[Structure] = []
    last: list[dict[str, Any] | None] = []
    for walker in request.walkers:
        own = _segment(request, walker)
        first = len(structures)
        offers = [offer | {"index": index} for index, (offer, _) in enumerate(own, start=first)]
        structures += [structure for _, structure in own]
        last.append(_snapshot(own[-1][1] if own else request.structure))
        summaries.append(
            {"offers": offers, "ended": "length", "steps": walker.steps, "looks": 5, "mean_temperature_K": 600.0}
        )
    data = {"structures": [s.model_dump(mode="json") for s in structures], "last_good": last}
    return {"walkers": summaries}, data


def _segment(request: ExploreRequest, walker: ExploreWalker) -> list[tuple[dict[str, Any], Structure]]:
    rng = np.random.default_rng(walker.seed)
    alone = len(request.members) == 1
    found: list[tuple[dict[str, Any], Structure]] = []

    def offer(why: str, step: int, salt: int, disagreement: float | None) -> None:
        structure = _moved(request.structure, walker.seed + salt)
        found.append((_offer(0, why, step, structure, disagreement), structure))

    for step in walker.random_steps:
        offer("random", step, step, None if alone else float(rng.uniform(0, 0.3)))
    if request.lower_eV_per_A is None:
        # A held-out walker that broke after its random step: its wall may be offered, and must not be drawn.
        offer("last_good", walker.steps, 77_777, None)
    elif not alone:
        high = float(rng.uniform(request.lower_eV_per_A, request.upper_eV_per_A))
        offer("disagreement", walker.steps, 99_999, high)
    return found


def _offer(index: int, why: str, step: int, structure: Structure, disagreement: float | None = None) -> dict[str, Any]:
    return {
        "index": index,
        "why": why,
        "step": step,
        "temperature_K": 600.0,
        "disagreement_eV_per_A": disagreement,
        "min_contact": 0.9,
        "structure_sha256": structure.digest(),
    }


def _snapshot(last: Structure) -> dict[str, Any]:
    return {"structure": last.model_dump(mode="json"), "momenta": [[0.0] * 3 for _ in last.numbers]}


def atom(request: AtomRequest, workspace: Workspace) -> Answer:
    """Answer with an energy."""
    return {"energy_eV": -1.0}, {}


def label(request: LabelRequest, workspace: Workspace) -> Answer:
    """Answer with forces that depend on the frame."""
    structure = workspace.offered(request.source)
    assert structure.digest() == request.structure_sha256
    n = len(structure.numbers)
    forces = np.random.default_rng(int(request.structure_sha256[:8], 16)).normal(0, 0.5, (n, 3)).tolist()
    data = {
        "structure": structure.model_dump(mode="json"),
        "energy_eV": -3.0 * n,
        "forces_eV_per_A": forces,
        "stress_eV_per_A3": [0.0] * 6,
    }
    return {"energy_eV": -3.0 * n, "atoms": n, "max_force_eV_per_A": 1.5, "scf_iterations": 9}, data


def relabel(request: RelabelRequest, workspace: Workspace) -> Answer:
    """Agree, unless the code says by how much it does not: ``{"off_eV_per_A": "0.5"}``."""
    label = workspace.data(LABEL, request.label)
    off = float(request.code.get("off_eV_per_A", 0.0))
    summary = {"energy_eV_per_atom": 0.0, "force_eV_per_A": off, "stress_eV_per_A3": off}
    return summary, label.model_dump(mode="json")


def fit(request: FitRequest, workspace: Workspace) -> Answer:
    """Answer with a stand-in of a model that knows how many labels it was fitted to."""
    model = str(len(set(request.train))).encode()
    write_durably(workspace.model_path(f"fit:{request.key()}"), model)
    epoch = {
        "step": 50,
        "loss": 1.0,
        "rmse_energy_meV_per_atom": 5.0,
        "rmse_forces_meV_per_A": 500.0 / len(request.train) ** 0.5,
        "learning_rate": 0.01,
    }
    summary = {
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "steps": 50,
        "stopped": "patience" if request.patience else "schedule",
        "watched": "valid" if request.valid else "train",
        "history": [epoch],
        "parameters": 1000,
    }
    return summary, {}


def evaluate(request: EvaluateRequest, workspace: Workspace) -> Answer:
    """Answer with errors that fall with the labels of the model."""
    fitted = request.model.startswith("fit:")
    size = int(workspace.model_path(request.model).read_text()) if fitted else 1
    rng = np.random.default_rng(stable_integer(request.model) % 2**31)
    scale = 0.3 / size**0.5
    return {
        "energy_error_eV_per_atom": rng.normal(0, scale / 10, len(request.frames)).tolist(),
        "forces_squared_error": (scale**2 * rng.uniform(0.8, 1.2, len(request.frames))).tolist(),
    }, {}


def produce(request: ProductionMd, workspace: Workspace) -> Answer:
    """Answer with empty files of trajectories."""
    return _produced(request, workspace, b"")


def _produced(request: ProductionMd, workspace: Workspace, content: bytes) -> Answer:
    samples = request.steps // request.sample_every_steps + 1
    walkers = []
    for i, walker in enumerate(request.walkers):
        file = trajectory_file(request.key(), i)
        sha256 = workspace.write_companion(request.kind, file, content)
        walkers.append(
            {
                "temperature_K": walker.temperature_K,
                "ended": "length",
                "samples": samples,
                "mean_kinetic_K": walker.temperature_K,
                "drift_meV_per_atom_per_ps": 0.0,
                "min_contact": 0.9,
                "trajectory_sha256": sha256,
                "file": file,
            }
        )
    return {"walkers": walkers}, {"points": [None for _ in walkers]}


def aimd(request: AimdRequest, workspace: Workspace) -> Answer:
    """Answer with a trajectory without samples, which can be joined and written."""
    atoms, kelvin = request.structure.to_atoms(), request.walkers[0].temperature_K
    nothing = empty_trajectory(atoms, mobile_ions(atoms, request.mobile), kelvin, settings_of(request))
    summary, data = _produced(request, workspace, nothing.to_bytes())
    return {**summary, "single_points": request.steps + 1}, data


def pairs(request: PairsRequest, workspace: Workspace) -> Answer:
    """Answer with a liquid without structure of one element."""
    curve = {"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0, 1.0]}
    return {"snapshots": 10, "shortest_A": {"Li-Li": 2.0}}, {"g_r": {"Li-Li": curve}}


def measure(request: MeasureRequest, workspace: Workspace) -> Answer:
    """Answer with transport whose error falls with the length of the runs, around the same truth for every model."""
    produced = request.runs[0].segments
    length = max(1, len(produced))
    rng = np.random.default_rng(stable_integer(f"{produced}{request.system}") % 2**31)
    error_eV, error_ln = 0.02 / length**0.5, 0.2 / length**0.5
    energy = {"value": 0.3 + float(rng.normal(0, error_eV)), "se": error_eV}
    targets = []
    for target_K in request.targets_K:
        ln_sigma = -2.0 - 0.3 / 8.617e-5 * (1 / target_K - 1 / 573.15) + float(rng.normal(0, error_ln))
        targets.append(
            {
                "temperature_K": target_K,
                "ln_sigma": {"value": ln_sigma, "se": error_ln},
                "sigma_S_per_cm": float(np.exp(ln_sigma)),
                "how": "extrapolated",
                "volume_A3": 500.0,
                "volume_from_K": request.runs[0].temperature_K,
            }
        )
    used = sorted({run.temperature_K for run in request.runs})
    arrhenius = {"activation_energy_eV": energy, "targets": targets, "used_K": used}
    return {"transport": {"temperatures": [], "arrhenius": arrhenius}}, {"curves": {"temperatures": []}}


def select(request: SelectRequest, workspace: Workspace) -> Answer:
    """Select among candidates as they were offered: stand-ins of models cannot look at them again."""
    return choose(request.model_copy(update={"members": ()}), workspace, Machine())


def calibrate(request: CalibrateRequest, workspace: Workspace) -> Answer:
    """Calibrate in earnest, but without held-out frames: stand-ins of models cannot look at them."""
    return learn(request.model_copy(update={"heldout": (), "members": ()}), workspace, Machine())
