"""Canonical Monte Carlo of orderings: alloop's beside smol's (`pip install smol`), on a disordered NaSICON.

    python -m benchmarks.monte_carlo                    cells of 320 and 2560 atoms, in about a minute
    python -m benchmarks.monte_carlo --cells 2 --attempts 2000

Both swap ions of one sublattice at 1000 K, in a cell of the same atoms, with Ewald's energy over a permittivity of 10.
Each program runs in a process of its own: seconds are those of its processor, without setting up, and memory is the
most that the process ever had.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

CIF = Path(__file__).parents[1] / "configs/structures/published/Na3Zr2Si2PO12-R-3c.cif"
STATES = {"Na": 1, "Zr": 4, "Si": 4, "P": 5, "O": -2}
ATOMS_OF_CELL = 40
TEMPERATURE_K, PERMITTIVITY = 1000.0, 10.0
ATTEMPTS = {"alloop": 1_000_000, "smol": 100_000}
EQUILIBRATION = 0.2
"""Share of the attempts that is not averaged."""
BLOCKS = 10


@dataclass(frozen=True)
class Row:
    """What a program took and found: milliseconds per attempt, megabytes, accepted share, meV per atom."""

    per_attempt_ms: float
    memory_MB: float
    acceptance: float
    energy_meV: float
    error_meV: float


def alloop(cells: int, attempts: int) -> Row:
    """Run alloop's chain in a supercell of `cells` along each vector."""
    from alloop.materials.orderings.cells import cell_of_atoms
    from alloop.materials.orderings.charges import charges_of
    from alloop.materials.orderings.cif_files import from_cif
    from alloop.materials.orderings.energy import PairEnergy
    from alloop.materials.orderings.lattice import lattice_of
    from alloop.materials.orderings.monte_carlo import Sampler

    crystal, atoms = from_cif(CIF), ATOMS_OF_CELL * cells**3
    lattice = lattice_of(cell_of_atoms(crystal, atoms), charges_of(crystal, STATES))
    sampler = Sampler(lattice, PairEnergy(lattice, PERMITTIVITY), np.random.default_rng(1))
    energies_eV: list[float] = []
    sweeps = max(1, attempts // len(lattice.mixed))
    began_s = time.process_time()
    run = sampler.sweep(sweeps, TEMPERATURE_K, lambda _, energy_eV: energies_eV.append(energy_eV))
    taken_s = time.process_time() - began_s
    return _row(taken_s / run.attempted, run.acceptance, np.array(energies_eV) / atoms)


def smol(cells: int, attempts: int) -> Row:
    """Run smol's chain in the same supercell of the primitive cell."""
    from pymatgen.core import Structure
    from smol.cofe import ClusterExpansion, ClusterSubspace
    from smol.cofe.extern import EwaldTerm
    from smol.moca import Ensemble, Sampler

    crystal = Structure.from_file(str(CIF))
    crystal.add_oxidation_state_by_element(STATES)
    subspace = ClusterSubspace.from_cutoffs(crystal.get_primitive_structure(), cutoffs={2: 0.1})
    subspace.add_external_term(EwaldTerm())
    coefficients = np.zeros(subspace.num_corr_functions + 1)
    coefficients[-1] = 1.0 / PERMITTIVITY
    ensemble = Ensemble.from_cluster_expansion(ClusterExpansion(subspace, coefficients), cells * np.eye(3, dtype=int))
    rng, start = np.random.default_rng(1), np.zeros(ensemble.num_sites, dtype=np.int32)
    for sublattice in ensemble.sublattices:
        amounts = [round(share * len(sublattice.sites)) for share in sublattice.site_space.values()]
        start[sublattice.sites] = rng.permutation(np.repeat(sublattice.encoding, amounts))
    sampler = Sampler.from_ensemble(ensemble, temperature=TEMPERATURE_K, seeds=[1])
    began_s = time.process_time()
    sampler.run(attempts, start, thin_by=10)
    taken_s = time.process_time() - began_s
    atoms = ATOMS_OF_CELL * cells**3
    return _row(taken_s / attempts, float(sampler.efficiency()), sampler.samples.get_energies() / atoms)


def _row(per_attempt_s: float, acceptance: float, energies_eV: np.ndarray) -> Row:
    kept = energies_eV[int(EQUILIBRATION * len(energies_eV)) :]
    means = np.array([block.mean() for block in np.array_split(kept, BLOCKS)])
    memory_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    error_meV = 1000.0 * float(means.std(ddof=1)) / BLOCKS**0.5
    return Row(1000.0 * per_attempt_s, memory_MB, acceptance, 1000.0 * float(kept.mean()), error_meV)


PROGRAMS = {"alloop": alloop, "smol": smol}


def _apart(program: str, cells: int, attempts: int) -> Row:
    command = [sys.executable, "-m", "benchmarks.monte_carlo", "--program", program]
    command += ["--cells", str(cells), "--attempts", str(attempts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program} failed: {done.stderr.strip().splitlines()[-1]}")
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a row per cell and program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[2, 4], help="primitive cells along each vector")
    parser.add_argument("--attempts", type=int, help="attempted swaps; by default more for the faster program")
    parser.add_argument("--program", choices=PROGRAMS, help="run one program, and print JSON")
    given = parser.parse_args()
    if given.program:
        print(json.dumps(asdict(PROGRAMS[given.program](given.cells[0], given.attempts))))
        return
    print("| atoms | program | ms per attempt | accepted | energy (meV/atom) | memory (MB) |")
    print("|--:|---|--:|--:|--:|--:|")
    for cells in given.cells:
        rows = {name: _apart(name, cells, given.attempts or ATTEMPTS[name]) for name in PROGRAMS}
        for name, row in rows.items():
            energy = f"{row.energy_meV:.3f} ± {row.error_meV:.3f}"
            numbers = f"{row.per_attempt_ms:.4f} | {100 * row.acceptance:.1f} % | {energy} | {row.memory_MB:.0f}"
            print(f"| {ATOMS_OF_CELL * cells**3} | {name} | {numbers} |")
        ratio = rows["smol"].per_attempt_ms / rows["alloop"].per_attempt_ms
        print(f"{ATOMS_OF_CELL * cells**3} atoms: an attempt of smol takes {ratio:.0f} times as long", flush=True)


if __name__ == "__main__":
    main()
