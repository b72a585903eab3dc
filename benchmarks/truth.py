"""What a campaign says of itself, against labels that it never saw.

    python -m benchmarks.truth runs/CAMPAIGN FRAMES.extxyz

The frames have the campaign's label settings: ``REF_energy`` (eV) and ``REF_forces`` (eV/Å). Every rung's fits and
every generation's members are evaluated on them; the newest trusted calibration says which errors it expected there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read as read_frames
from numpy.typing import NDArray

from alloop.potential.committee import Committee
from alloop.reading import read
from alloop.state.state import CampaignState
from alloop.status.summary import rung_rows
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace

Floats = NDArray[np.float64]


def force_errors(model: str, frames: Sequence[Atoms], workspace: Workspace, dtype: str) -> Floats:
    """Return the errors of a model's forces (eV/Å) on all frames, shape (atoms, 3)."""
    committee = Committee([load_member(workspace, model, "cpu", dtype)], device="cpu", dtype=dtype)
    return np.concatenate([committee.forces(frame).forces_eV_per_A - frame.arrays["REF_forces"] for frame in frames])


def rmse(errors_eV_per_A: Floats) -> str:
    """Return a force RMSE in meV/Å."""
    return f"{1000 * float(np.sqrt(np.mean(errors_eV_per_A**2))):.1f}"


def rung_lines(state: CampaignState, frames: Sequence[Atoms], workspace: Workspace, dtype: str) -> Iterator[str]:
    """Yield what every rung claims, and what its fits are on the frames."""
    claims = {row.size: row for row in rung_rows(state)}
    for size, rung in state.rungs.items():
        true = [rmse(force_errors(model, frames, workspace, dtype)) for _, model in sorted(rung.models.items())]
        row = claims.get(size)
        claim = "not judged" if row is None else f"{row.rmse_forces_meV_per_A:.1f} ± {row.se_forces_meV_per_A or 0:.1f}"
        yield f"rung {size}: claimed {claim} meV/Å, true {', '.join(true)}"


def generation_lines(state: CampaignState, frames: Sequence[Atoms], workspace: Workspace, dtype: str) -> Iterator[str]:
    """Yield the force RMSE of leader and members of every generation."""
    for generation in state.generations:
        true = [rmse(force_errors(model, frames, workspace, dtype)) for _, model in sorted(generation.models.items())]
        yield f"generation {generation.number} on {len(generation.frames)} labels: {', '.join(true)} meV/Å"


def calibration_lines(state: CampaignState, frames: Sequence[Atoms], workspace: Workspace, dtype: str) -> Iterator[str]:
    """Yield, by element, the true error over the expected one, and how many atoms are below the 90 % bound."""
    calibration, active = state.calibration(), state.active()
    if calibration is None or active is None:
        yield "no trusted calibration"
        return
    members = [load_member(workspace, model, "cpu", dtype) for _, model in sorted(active.models.items())]
    committee = Committee(members, device="cpu", dtype=dtype)
    looks = [committee.look(frame) for frame in frames]
    species = [symbol for frame in frames for symbol in frame.symbols]
    disagreement = np.concatenate(
        [look.disagreement_eV_per_A for look in looks if look.disagreement_eV_per_A is not None]
    )
    off = [look.leader.forces_eV_per_A - frame.arrays["REF_forces"] for look, frame in zip(looks, frames, strict=True)]
    error = np.linalg.norm(np.concatenate(off), axis=1)
    expected, bound = calibration.expected_error(species, disagreement), calibration.bound(species, disagreement)
    for element in sorted(set(species)):
        own = np.array([one == element for one in species])
        if element not in calibration.maps:
            yield f"{element}: not trusted"
            continue
        ratio = np.mean(error[own]) / np.mean(expected[own])
        squares = np.sqrt(np.mean(error[own] ** 2) / np.mean(expected[own] ** 2))
        below = 100 * np.mean(error[own] <= bound[own])
        yield (
            f"{element}: true/expected {ratio:.2f} (root mean squares {squares:.2f}), "
            f"below the 90 % bound {below:.0f} %"
        )


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("frames", type=Path)
    arguments = parser.parse_args()
    state, workspace = read(arguments.campaign).state, Workspace(arguments.campaign)
    frames = read_frames(arguments.frames, ":")
    dtype = str(state.config["potential"]["dtype"])
    for part in (rung_lines, generation_lines, calibration_lines):
        for line in part(state, frames, workspace, dtype):
            print(line, flush=True)


if __name__ == "__main__":
    main()
