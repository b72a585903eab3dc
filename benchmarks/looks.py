"""What looking late costs: which rises of a walker's score over a threshold are seen, on trajectories looked at always.

    python -m benchmarks.looks [--campaign runs/quickstart]

The committee drives walkers of Li3InCl6 and looks at every step. Where looks change nothing but what is seen, the same
scores tell what any other times of looking would have seen. A crossing is a step at which the score is at or above a
threshold and was below it one step before; it is caught by a look within 10 fs, that step included, that sees the score
at or above the threshold. One that is over sooner than anybody looks is lost, and counts as lost.

The members are those of a campaign's newest committee, or fitted here on bootstrap samples of what a small teacher
(scaled charges and repulsion) says of rattled cells.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii
from ase.io import read
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from scipy.special import erfc

from alloop.campaign.opening import open_state
from alloop.config.science import ArchitectureConfig, ExploreConfig, SelectConfig
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.look_schedule import Glance, interval, next_look
from alloop.dynamics.state import fresh_state
from alloop.journal.journal import Journal
from alloop.potential.committee import Committee
from alloop.potential.fitting.training import Recipe, train
from alloop.potential.graphs import average_neighbours, interaction_statistics, labelled_frame, labelled_graphs
from alloop.potential.models.architecture import new_model
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace

CELL = Path(__file__).parents[1] / "configs" / "structures" / "Li3InCl6.extxyz"
TEMPERATURES_K = (400.0, 600.0, 800.0, 1000.0)
TIMESTEP_FS, STEPS, WITHIN_FS = 2.0, 1500, 10.0
LONGEST = ExploreConfig.model_fields["check_every_steps"].default
WINDOW = (SelectConfig().lower_eV_per_A, SelectConfig().upper_eV_per_A)
QUANTILES = ((0.5, 0.98), (0.8, 0.99), (0.95, 0.999))
FRAMES, FIT_STEPS, MEMBERS = 50, 300, 4
CHARGES_E = {3: 0.6, 49: 1.8, 17: -0.6}

Scores = NDArray[np.float64]
Rule = Callable[[Scores, tuple[float, float]], list[int]]


def every(steps: int) -> Rule:
    """Return the rule that looks at fixed intervals."""
    return lambda scores, window: list(range(0, len(scores), steps))


def adaptive(longest: int) -> Rule:
    """Return the rule by which exploration looks."""

    def looks(scores: Scores, window: tuple[float, float]) -> list[int]:
        seen, step, before = [], 0, None
        while step < len(scores):
            seen.append(step)
            last = Glance(step, float(scores[step]))
            step = next_look(step, interval(longest, before, last, *window))
            before = last
        return seen

    return looks


def crossings(scores: Scores, threshold: float) -> NDArray[np.intp]:
    """Return the steps at which a series rises over a threshold."""
    return np.flatnonzero((scores[1:] >= threshold) & (scores[:-1] < threshold)) + 1


def caught(scores: Scores, threshold: float, looks: Sequence[int]) -> tuple[int, int]:
    """Return how many crossings of a series are seen in time, and how many there are.

    Examples
    --------
    >>> caught(np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]), 0.5, [0, 2, 5])
    (1, 2)
    """
    above = [look for look in looks if scores[look] >= threshold]
    found = crossings(scores, threshold)
    within = round(WITHIN_FS / TIMESTEP_FS)
    return sum(any(step <= look <= step + within for look in above) for step in found), len(found)


class Salt(Calculator):  # type: ignore[misc]
    """Scaled point charges, screened and cut smoothly, and repulsion by the sums of covalent radii."""

    implemented_properties = ["energy", "forces"]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV) and forces (eV/Å)."""
        super().calculate(atoms, properties, system_changes)
        assert atoms is not None
        cut_A, screening = 6.0, 0.25
        i, j, r, vectors = neighbor_list("ijdD", atoms, cut_A)
        charges = np.array([CHARGES_E[int(z)] for z in atoms.numbers])
        bond_A = 0.85 * (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
        strength = 14.4 * charges[i] * charges[j]

        def slope(at: NDArray[np.float64] | float) -> NDArray[np.float64]:
            gauss = 2.0 * screening / np.sqrt(np.pi) * np.exp(-((screening * at) ** 2))
            return np.asarray(-(erfc(screening * at) / at**2 + gauss / at))

        coulomb = strength * (erfc(screening * r) / r - erfc(screening * cut_A) / cut_A - slope(cut_A) * (r - cut_A))
        repulsion = 0.6 * (bond_A / r) ** 9
        pull = strength * (slope(r) - slope(cut_A)) - 9.0 * repulsion / r
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, (pull / r)[:, None] * vectors)
        self.results = {"energy": float(0.5 * (coulomb + repulsion).sum()), "forces": forces}


def fitted_here() -> list[torch.nn.Module]:
    """Return members of the default architecture, fitted on what the teacher says of rattled cells."""
    cell, rng, frames = read(CELL), np.random.default_rng(0), []
    for number in range(FRAMES):
        atoms = cell.copy()
        atoms.rattle(rng.uniform(0.03, 0.25), seed=number)
        atoms.calc = Salt()
        frames.append(labelled_frame(atoms, atoms.get_potential_energy(), atoms.get_forces(), None))
    e0s_eV = dict.fromkeys(sorted(set(cell.numbers.tolist())), 0.0)
    shape = ArchitectureConfig()
    scale, shift = interaction_statistics(frames, e0s_eV)
    models = []
    for member in range(MEMBERS):
        own = frames if member == 0 else [frames[k] for k in rng.integers(0, FRAMES, FRAMES)]
        model = new_model(
            shape.model_dump(mode="json"),
            e0s_eV,
            average_neighbours=average_neighbours(frames, shape.cutoff_A),
            scale_eV_per_A=scale,
            shift_eV=shift,
            dtype="float32",
            seed=member,
        )
        graphs = labelled_graphs(own, model)
        train(model, graphs, graphs[:5], Recipe(FIT_STEPS, 5, 0.01, 1.0, 10.0, 0.0, None, FIT_STEPS, 0.99, member))
        models.append(model)
    return models


def of_campaign(folder: Path) -> list[torch.nn.Module]:
    """Return the newest committee of a campaign, the leader first."""
    journal, workspace = Journal(folder), Workspace(folder)
    generation = open_state(journal).active()
    journal.close()
    if generation is None:
        raise SystemExit(f"{folder} has no committee yet")
    return [load_member(workspace, generation.models[m], "cpu", "float32") for m in sorted(generation.models)]


def scores_of(models: Sequence[torch.nn.Module], steps: int = STEPS, seed: int = 0) -> list[Scores]:
    """Return the largest disagreement at every step of walkers at several temperatures, as far as they get."""
    atoms = read(CELL)
    field = Committee(list(models), device="cpu", dtype="float32").field(atoms)
    starts = [fresh_state(atoms, t, np.random.default_rng(seed + i)) for i, t in enumerate(TEMPERATURES_K)]
    walkers = ExplorerBatch(
        starts,
        field,
        temperatures_K=TEMPERATURES_K,
        limits_K=[5.0 * t for t in TEMPERATURES_K],
        seeds=range(seed, seed + len(starts)),
        timestep_fs=TIMESTEP_FS,
        friction_per_fs=0.01,
        stop_contact=0.5,
        memory=1,
    )
    series: list[list[float]] = [[] for _ in starts]
    for _ in range(steps):
        for walker, found in walkers.disagreements(walkers.walkers).items():
            series[walker].append(float(found.max()))
        if not walkers.walkers:
            break
        walkers.run(1)
    return [np.array(one) for one in series if len(one) > 1]


def windows_of(scores: Sequence[Scores]) -> dict[str, tuple[float, float]]:
    """Return windows to judge rules with: the shipped one, and some by quantiles of the scores."""
    together = np.concatenate(list(scores))
    found = {"shipped": WINDOW}
    for low, high in QUANTILES:
        found[f"{low:g}/{high:g} quantiles"] = (float(np.quantile(together, low)), float(np.quantile(together, high)))
    return found


def judge(scores: Sequence[Scores], rule: Rule, window: tuple[float, float]) -> tuple[int, int, float]:
    """Return crossings caught, all crossings of both sides of the window, and looks per step."""
    seen = all_of_them = looks = 0
    for one in scores:
        at = rule(one, window)
        looks += len(at)
        for threshold in window:
            some, whole = caught(one, threshold, at)
            seen, all_of_them = seen + some, all_of_them + whole
    return seen, all_of_them, looks / sum(len(one) for one in scores)


def report(scores: Sequence[Scores]) -> float:
    """Print how rules fare, and return the share that the shipped one catches over all windows."""
    rules = {f"every {m}": every(m) for m in (1, 2, 5, 10)} | {f"adaptive, at most {m}": adaptive(m) for m in (5, 10)}
    shipped = f"adaptive, at most {LONGEST}"
    rules.setdefault(shipped, adaptive(LONGEST))
    windows = windows_of(scores)
    print(f"\nrises of the largest disagreement over a side of the window that are seen within {WITHIN_FS:g} fs")
    print(f"{'':<22}" + "".join(f"{f'{name}':>26}" for name in windows))
    print(f"{'window (eV/A)':<22}" + "".join(f"{f'{low:.3f} to {high:.3f}':>26}" for low, high in windows.values()))
    share = 0.0
    for name, rule in rules.items():
        told = [judge(scores, rule, window) for window in windows.values()]
        print(f"{name:<22}" + "".join(f"{f'{s}/{n}, {looks:.2f} looks/step':>26}" for s, n, looks in told), flush=True)
        if name == shipped:
            share = sum(s for s, _, _ in told) / max(sum(n for _, n, _ in told), 1)
    print(f"shipped ({shipped}): {100 * share:.1f} % of all crossings caught")
    return share


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--campaign", type=Path, help="folder of a campaign whose newest committee is used")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    report(scores_of(of_campaign(asked.campaign) if asked.campaign else fitted_here()))


if __name__ == "__main__":
    main()
