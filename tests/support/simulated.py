"""Workers that answer every request at once with plausible numbers: for tests of the loop, not of the physics."""

from __future__ import annotations

import hashlib
import queue
import time
from pathlib import Path

import numpy as np

from alloop.charter import stable_integer
from alloop.durable import write_durably
from alloop.execution import Completion
from alloop.materials.structure import Structure
from alloop.tasks.requests import (
    AtomRequest,
    EvaluateRequest,
    ExploreRequest,
    FitRequest,
    InitialRequest,
    LabelRequest,
    ProbeRequest,
    Request,
)
from alloop.tasks.results import Result, Timing
from alloop.tasks.workspace import Workspace


class SimulatedWorkers:
    """Answers requests in the order of their submission, or shuffled by a seed."""

    def __init__(self, root: Path, slots: int = 2, seed: int | None = None, fail: dict[str, str] | None = None) -> None:
        self.completions: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        self.workspace, self.slots, self.busy = Workspace(root), slots, 0
        self.computed: list[tuple[str, str]] = []
        self.fail = dict(fail or {})
        self.fail_once = False
        self.lose: tuple[str, ...] = ()
        self.loss: Exception = RuntimeError("the node is broken")
        self.dead: str | None = None
        self._rng = None if seed is None else np.random.default_rng(seed)
        self._waiting: list[tuple[str, Request]] = []

    def free(self) -> dict[str, int]:
        return {"local": self.slots - self.busy}

    def harvested(self, slot_kind: str) -> None:
        self.busy -= 1

    def broken(self) -> str | None:
        return self.dead

    def submit(self, purpose: str, request: Request) -> None:
        self.busy += 1
        self._waiting.append((purpose, request))
        if self._rng is None:
            self.work()

    def work(self) -> None:
        """Finish one waiting task."""
        if not self._waiting:
            return
        place = 0 if self._rng is None else int(self._rng.integers(len(self._waiting)))
        purpose, request = self._waiting.pop(place)
        if self.lose and purpose.startswith(self.lose):
            self.completions.put(Completion(purpose, self.loss))
            return
        if self.workspace.read(request.kind, request.key()) is None:
            self.computed.append((purpose, request.key()))
            self.workspace.write(self._answer(purpose, request))
        self.completions.put(Completion(purpose, None))

    def _answer(self, purpose: str, request: Request) -> Result:
        t = time.time()
        timing = Timing(started_t=t, finished_t=t, cpu_s=10.0, cores=1, host="simulated", pid=1)
        start = next((start for start in self.fail if purpose.startswith(start)), None)
        reason = self.fail.pop(start) if self.fail_once and start else self.fail.get(start or "")
        common = {"key": request.key(), "kind": request.kind, "timing": timing}
        if reason is not None:
            return Result(status="failed", reason=reason, detail="simulated", **common)
        summary, data = _ANSWERS[type(request)](request, self.workspace)
        return Result(status="ok", summary=summary, data=data, **common)


def _moved(structure: Structure, seed: int) -> Structure:
    atoms = structure.to_atoms()
    atoms.rattle(0.05, seed=seed % 2**31)
    return Structure.from_atoms(atoms)


def _initial(request: InitialRequest, workspace: Workspace):
    structures = [_moved(request.structure, request.seed + i) for i in range(request.frames)]
    return {"offers": [_offer(i, "initial", 0, s) for i, s in enumerate(structures)]}, _data(structures, None)


def _explore(request: ExploreRequest, workspace: Workspace):
    rng = np.random.default_rng(request.seed)
    offers, structures = [], []
    alone = len(request.members) == 1
    for step in request.random_steps:
        structures.append(_moved(request.structure, request.seed + step))
        offers.append(
            _offer(len(offers), "random", step, structures[-1], None if alone else float(rng.uniform(0, 0.3)))
        )
    if request.lower_eV_per_A is None:
        # A held-out walker that broke after its random step: its wall may be offered, and must not be drawn.
        structures.append(_moved(request.structure, request.seed + 77_777))
        offers.append(_offer(len(offers), "last_good", request.steps, structures[-1]))
    if request.lower_eV_per_A is not None and not alone:
        structures.append(_moved(request.structure, request.seed + 99_999))
        high = float(rng.uniform(request.lower_eV_per_A, request.upper_eV_per_A))
        offers.append(_offer(len(offers), "disagreement", request.steps, structures[-1], high))
    summary = {"offers": offers, "ended": "length", "steps": request.steps, "looks": 5, "mean_temperature_K": 600.0}
    return summary, _data(structures, structures[-1] if structures else request.structure)


def _offer(index: int, why: str, step: int, structure: Structure, disagreement: float | None = None) -> dict:
    return {
        "index": index,
        "why": why,
        "step": step,
        "temperature_K": 600.0,
        "disagreement_eV_per_A": disagreement,
        "min_contact": 0.9,
        "structure_sha256": structure.digest(),
    }


def _data(structures: list[Structure], last: Structure | None) -> dict:
    good = last and {"structure": last.model_dump(mode="json"), "momenta": [[0.0] * 3 for _ in last.numbers]}
    return {"structures": [s.model_dump(mode="json") for s in structures], "last_good": good}


def _atom(request: AtomRequest, workspace: Workspace):
    return {"energy_eV": -1.0}, {}


def _label(request: LabelRequest, workspace: Workspace):
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


def _probe(request: ProbeRequest, workspace: Workspace):
    """Agree, unless the code says by how much it does not: ``{"off_eV_per_A": "0.5"}``."""
    assert workspace.label(request.label)
    off = float(request.code.get("off_eV_per_A", 0.0))
    return {"energy_eV_per_atom": 0.0, "force_eV_per_A": off, "stress_eV_per_A3": off}, {}


def _fit(request: FitRequest, workspace: Workspace):
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


def _evaluate(request: EvaluateRequest, workspace: Workspace):
    size = int(workspace.model_path(request.model).read_text())
    rng = np.random.default_rng(stable_integer(request.model) % 2**31)
    scale = 0.3 / size**0.5
    return {
        "energy_error_eV_per_atom": rng.normal(0, scale / 10, len(request.frames)).tolist(),
        "forces_squared_error": (scale**2 * rng.uniform(0.8, 1.2, len(request.frames))).tolist(),
    }, {}


_ANSWERS = {
    InitialRequest: _initial,
    ExploreRequest: _explore,
    AtomRequest: _atom,
    LabelRequest: _label,
    ProbeRequest: _probe,
    FitRequest: _fit,
    EvaluateRequest: _evaluate,
}
