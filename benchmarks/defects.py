"""What is said of cases that were once measured wrongly, each with a truth that is known.

    python -m benchmarks.defects           rows of the table of docs/truth.md
    python -m benchmarks.defects D5 D7     some of them

Numbers with chance in them are in `benchmarks.trust`, `benchmarks.stop_rule` and `benchmarks.transport_truths`; what a
campaign says of itself is in `benchmarks.truth`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from alloop.potential.mace_api import MACECalculator
from alloop.transport.arrhenius import transport_of
from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.density import DensitySettings, paths_of
from alloop.transport.diffusion import ion_walks_of
from alloop.transport.measure import measure
from alloop.transport.results import Measured, TemperatureTransport
from alloop.transport.settings import MeasureSettings
from alloop.transport.sites import Places, visit
from alloop.transport.unwrapping import unwrap
from benchmarks.transport_truths import SKEWED_A, followed
from tests.support.hoppers import hopping as hopping_on_sites
from tests.support.models import lithium_chloride, small_model
from tests.support.walkers import exchanging, hopping, trajectory

LITHIUM = MeasureSettings("Li", min_contact=0.0)
Rows = Iterator[tuple[str, str]]


def point(temperature_K: float, energy_eV: float, relative_se: float) -> TemperatureTransport:
    """Return a temperature whose diffusivity is 1e-5 cm²/s at 800 K and follows an activation energy."""
    D = 1e-5 * np.exp(-energy_eV / BOLTZMANN_EV_PER_K * (1 / temperature_K - 1 / 800))
    return TemperatureTransport(
        temperature_K=temperature_K,
        kinetic_K=None,
        volume_A3=1000.0,
        ions=24,
        charge_e=1.0,
        length_ps=100.0,
        replicas=1,
        D_tracer_cm2_s=Measured(value=D, se=relative_se * D),
    )


def slopes() -> Rows:
    """D4: diffusivities that rise towards low temperature, or at two temperatures too close to tell."""
    for energy_eV, temperatures_K in ((-0.15, (600, 800, 1000)), (0.31, (600, 605))):
        found = transport_of([point(T, energy_eV, 0.05) for T in temperatures_K], {}, (300.0,))
        assert found is not None
        yield f"Ea {energy_eV:g} eV at {temperatures_K} K", f"{found.weak or ''}; {len(found.targets)} σ at 300 K"


def charge() -> Rows:
    """D5: pairs that exchange their places move no charge."""
    runs = [trajectory(exchanging(np.random.default_rng(seed), 1000, 20, 0.02)) for seed in range(3)]
    at = measure({600.0: runs}, LITHIUM)[0].temperatures[0]
    yield "pairs that swap, 3 × 1000 frames", f"Haven {at.haven}; {'; '.join(at.notes)}"


def elements() -> Rows:
    """D6: Li and Na that hop in one framework, Li three times as often."""
    rng = np.random.default_rng(0)
    both = np.concatenate([hopping(rng, 2000, 12, 0.03), hopping(rng, 2000, 12, 0.01)], axis=1)
    run = trajectory(both, rng=rng)
    numbers = run.numbers.copy()
    numbers[12:24] = 11
    found = measure({600.0: [replace(run, numbers=numbers)]}, replace(LITHIUM, mobile=("Li", "Na")))[0]
    for element, rate, summary in (("Li", 0.03, found), ("Na", 0.01, found.others["Na"])):
        D = summary.temperatures[0].D_tracer_cm2_s
        assert D is not None
        truth = rate * 2.5**2 / 6 * 1e-3
        yield f"{element} of two mobile elements", f"D / truth {D.value / truth:.2f} ± {D.se / truth:.2f}"


def wrapped() -> Rows:
    """D7: ions that hop 2.5 Å, folded into the cell, every tenth, fiftieth and two-hundredth frame."""
    for name, cell_A, every in (
        ("skewed", SKEWED_A, 10),
        ("cube of 6 Å", 6 * np.eye(3), 50),
        ("the same", 6 * np.eye(3), 200),
    ):
        path = hopping(np.random.default_rng(0), 20_000, 20, 0.02)[::every]
        scaled = path @ np.linalg.inv(cell_A) % 1.0
        ratio = ion_walks_of([followed(scaled, cell_A)], 1.0).msd()[20] / ion_walks_of([path], 1.0).msd()[20]
        try:
            said = unwrap(scaled, cell_A).note or "nothing said"
        except ValueError as error:
            said = f"refused: {error}"
        yield f"{name}, {0.02 * every:g} hops between samples", f"MSD × {ratio:.2f}; {said}"


def sites() -> Rows:
    """D9: 32 ions on their sites, and one more maximum 1.26 Å from the first."""
    story = hopping_on_sites(samples=300, rate=0.0)
    near = story.hosts[0] + np.array([1.26, 0, 0]) @ np.linalg.inv(story.run.cell_A)
    places = Places(np.vstack([story.hosts, near]), len(story.hosts))
    settings = DensitySettings(resolution_A=0.3)
    found = visit(places, paths_of([story.run], 0.0, story.start), settings)
    held = sum(site.occupancy.value for site in found.sites)
    radii = sorted({site.radius_A for site in found.sites if site.radius_A is not None})
    yield "two maxima 1.26 Å apart", f"radii {radii} Å, {held:.1f} of {len(story.hosts)} ions on sites"


def loading() -> Rows:
    """D11: a model file in MACE's own calculator, in a process that has imported alloop's potentials."""
    atoms = lithium_chloride()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "leader.model"
        torch.save(small_model(), file)
        atoms.calc = MACECalculator(model_paths=str(file), device="cpu", default_dtype="float32")
        yield "leader.model after importing alloop.potential", f"loads, energy {atoms.get_potential_energy():.3f} eV"


DEFECTS: dict[str, Callable[[], Rows]] = {
    "D4": slopes,
    "D5": charge,
    "D6": elements,
    "D7": wrapped,
    "D9": sites,
    "D11": loading,
}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("defects", nargs="*", metavar="DEFECT", help=f"of {', '.join(DEFECTS)}; default: all")
    for name in parser.parse_args().defects or DEFECTS:
        for case, said in DEFECTS[name]():
            print(f"| {name} | {case} | {said} |", flush=True)


if __name__ == "__main__":
    main()
