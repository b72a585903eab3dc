"""What the models of a campaign are worth, by the teacher."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from ase.data import atomic_numbers

from alloop.potential.models.model_files import read_model, write_model
from alloop.state.state import CampaignState
from alloop.tasks.kinds.fit import read_frame
from alloop.tasks.workspace import Workspace
from benchmarks.label_efficiency.campaigns import One
from benchmarks.label_efficiency.dynamics import diffusivity, run
from benchmarks.label_efficiency.fitting import fitted
from benchmarks.label_efficiency.reference import DIFFUSION_K, HOT_K, Reference, stable_ps
from benchmarks.label_efficiency.teacher import forces_of

STABILITY_WALKERS, STABILITY_PS, STABILITY_SNAPSHOT_FS = 4, 3.0, 100.0
STUDENT_WALKERS, STUDENT_PS, STUDENT_EQUILIBRATION_PS = 4, 15.0, 1.0
MEASURED_AT = (32, 96)
"""Sizes at which diffusivities are measured, which cost more than all the rest."""
FIT_STEPS, LEARNING_RATE = 2500, 0.02
"""The schedule of the models that are judged: the same for all sizes, and long enough that labels limit the errors."""
SEED = 30_000


@dataclass(frozen=True)
class Score:
    """What one model is worth; errors of forces in eV/Å.

    Attributes
    ----------
    labels : int
        Training labels it was fitted to.
    overall, mobile, tail, mobile_tail : float
        Force RMSE on the teacher's own MD: of all atoms, of the mobile ions, of all atoms of the high-energy tail, and
        of the mobile ions there.
    stable_ps : float or None
        Mean time that the student's MD at the highest temperature stays a solid's, capped; None without MD.
    ln_D_error : float or None
        ln of the student's diffusivity over the teacher's; None where it was not measured or the ions did not move.
    """

    policy: str
    seed: int
    labels: int
    overall: float
    mobile: float
    tail: float
    mobile_tail: float
    stable_ps: float | None = None
    ln_D_error: float | None = None


def scores_of(one: One, reference: Reference, teacher: torch.nn.Module) -> list[Score]:
    """Return the scores of a campaign's rungs, from the files that stand where they do."""
    state = one.state()
    found = []
    for size in sorted(state.rungs):
        file = one.folder / "scores" / f"{one.name}-{size}.json"
        if not file.is_file():
            _write(file, score(one, size, model_of(one, state, size), reference, teacher))
        found.append(Score(**json.loads(file.read_text(encoding="utf-8"))))
    return found


def model_of(one: One, state: CampaignState, size: int) -> torch.nn.Module:
    """Return a model fitted from scratch on the labels of a rung; it is kept in a file.

    A campaign's own fits of its rungs take more steps on more labels; these do not.
    """
    file = one.folder / "models" / f"{one.name}-{size}.pt"
    if not file.is_file():
        workspace = Workspace(one.root)
        frames = [read_frame(workspace, str(state.frames[name].label)) for name in state.rungs[size].frames]
        e0s_eV = {atomic_numbers[symbol]: energy_eV for symbol, energy_eV in state.e0s_eV.items()}
        shape = state.config["potential"]["architecture"]
        model = fitted(frames, e0s_eV, shape, steps=FIT_STEPS, learning_rate=LEARNING_RATE, seed=SEED + one.seed)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_model(file, model)
    return read_model(file)


def score(one: One, size: int, model: torch.nn.Module, reference: Reference, teacher: torch.nn.Module) -> Score:
    """Evaluate one model."""
    seeds = [SEED + 1000 * one.seed + walker for walker in range(max(STABILITY_WALKERS, STUDENT_WALKERS))]
    hot = run(
        model,
        [HOT_K] * STABILITY_WALKERS,
        seeds[:STABILITY_WALKERS],
        length_ps=STABILITY_PS,
        equilibration_ps=0.0,
        snapshot_fs=STABILITY_SNAPSHOT_FS,
    )
    lasted = [stable_ps(ran, teacher, reference.band_eV, STABILITY_SNAPSHOT_FS) for ran in hot]
    ln_D_error = _diffusion_error(model, seeds[:STUDENT_WALKERS], reference) if size in MEASURED_AT else None
    errors = force_errors(forces_of(model, reference.frames), reference)
    return Score(one.policy, one.seed, size, **errors, stable_ps=float(np.mean(lasted)), ln_D_error=ln_D_error)


def force_errors(forces_eV_per_A: np.ndarray, reference: Reference) -> dict[str, float]:
    """Return the force RMSE (eV/Å) overall, on mobile ions, on the high-energy tail, and on mobile ions there."""
    squared = (forces_eV_per_A - reference.forces_eV_per_A) ** 2
    parts = {
        "overall": squared,
        "mobile": squared[:, reference.mobile],
        "tail": squared[reference.tail],
        "mobile_tail": squared[reference.tail][:, reference.mobile],
    }
    return {name: float(np.sqrt(part.mean())) for name, part in parts.items()}


def _diffusion_error(model: torch.nn.Module, seeds: Sequence[int], reference: Reference) -> float | None:
    if reference.D_cm2_s is None:
        return None
    runs = run(
        model,
        [DIFFUSION_K] * len(seeds),
        seeds,
        length_ps=STUDENT_PS,
        equilibration_ps=STUDENT_EQUILIBRATION_PS,
        snapshot_fs=STABILITY_SNAPSHOT_FS,
    )
    found = diffusivity(runs)
    return None if not found.D_cm2_s else float(np.log(found.D_cm2_s / reference.D_cm2_s))


def _write(file: Path, found: Score) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
