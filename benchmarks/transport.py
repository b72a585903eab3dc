"""From a file of production MD to every number of transport: seconds and memory, and what other programs take.

    python -m benchmarks.transport                                 the figures of docs/transport.md
    python -m benchmarks.transport --frames 5000 --ions 50         a smaller run, all three programs on it

Ions hop on their own, so the truth is known; the framework rattles. Each program runs in a process of its own, and its
memory is the most that process ever had. Making the file is not counted, reading it is. All programs find the mean
squared displacement over all time origins at lags up to half of the run or more, and the diffusivity; alloop also
everything else it measures. kinisi and pymatgen are given displacements without their file readers, which are slower.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.diffusion import CM2_PER_S
from alloop.transport.measure import measure
from alloop.transport.settings import MeasureSettings

FRAMES, IONS = 100_000, 200
OTHER_FRAMES, OTHER_IONS = 5_000, 100
RATE, HOP_A, INTERVAL_FS, SNAPSHOT_EVERY = 0.01, 2.5, 50.0, 100
TRUTH_CM2_S = RATE * HOP_A**2 / 6 / (INTERVAL_FS / 1000) * CM2_PER_S
KINISI_LAGS = 100


def production(frames: int, ions: int) -> Trajectory:
    """Return a run of ions that hop and a framework twice as large that rattles."""
    rng = np.random.default_rng(0)
    side = int(np.ceil((3 * ions) ** (1 / 3)))
    sites = np.stack(np.unravel_index(np.arange(3 * ions), (side,) * 3), axis=1) * 3.0
    mobile = np.empty((frames, ions, 3), dtype=np.float32)
    for ion in range(ions):
        hops = rng.poisson(RATE / 3, (frames, 3))
        steps = HOP_A * (2 * rng.binomial(hops, 0.5) - hops)
        mobile[:, ion] = sites[ion] + steps.cumsum(axis=0) + rng.normal(scale=0.15, size=(frames, 3))
    snapshots = len(mobile[::SNAPSHOT_EVERY])
    still = sites[ions:] + rng.normal(scale=0.15, size=(snapshots, 2 * ions, 3))
    return Trajectory(
        numbers=np.array([3] * ions + [17] * (2 * ions)),
        mobile=np.arange(ions),
        cell_A=3.0 * side * np.eye(3),
        temperature_K=600.0,
        interval_fs=INTERVAL_FS,
        snapshot_every=SNAPSHOT_EVERY,
        mobile_A=mobile,
        drift_A=np.zeros((frames, 3)),
        snapshots_A=np.concatenate([mobile[::SNAPSHOT_EVERY], still], axis=1).astype(np.float32),
        kinetic_K=np.full(frames, 600.0),
        conserved_eV=rng.normal(scale=1e-3, size=frames),
    )


def with_alloop(file: Path) -> tuple[float, float]:
    """Return the diffusivity and its error (cm²/s)."""
    settings = MeasureSettings("Li", min_contact=0.0)
    with file.open("rb") as opened:
        summary, _ = measure({600.0: [Trajectory.load(opened)]}, settings)
    found = summary.temperatures[0].D_tracer_cm2_s
    assert found is not None
    assert found.se is not None
    return found.value, found.se


def with_kinisi(file: Path) -> tuple[float, float]:
    """Return the same by kinisi: 100 lags over the whole run, from 2 Å on."""
    import scipp as sc
    from kinisi.diffusion import Diffusion
    from kinisi.displacement import calculate_msd
    from kinisi.parser import Parser

    with file.open("rb") as opened:
        run = Trajectory.load(opened)
    frames, ions, _ = run.mobile_A.shape
    start = round(4.0 / (6 * TRUTH_CM2_S / CM2_PER_S) / INTERVAL_FS * 1000)
    lags = np.unique(np.linspace(start, frames - 1, KINISI_LAGS).astype(int))
    fractional = run.mobile_A.astype(float) @ np.linalg.inv(run.cell_A) % 1.0
    parser = Parser(
        coords=sc.array(dims=["time", "particle", "dimension"], values=fractional),
        latt=sc.array(dims=["time", "row", "column"], values=np.tile(run.cell_A, (frames, 1, 1)), unit="angstrom"),
        time_step=sc.scalar(INTERVAL_FS, unit="fs"),
        step_skip=sc.scalar(1),
        dt=sc.array(dims=["time interval"], values=lags * INTERVAL_FS, unit="fs"),
        specie_indices=sc.array(dims=["particle"], values=np.arange(ions)),
        drift_indices=sc.array(dims=["particle"], values=np.array([], dtype=int)),
    )
    posterior = Diffusion(calculate_msd(parser, progress=False))
    posterior.bayesian_regression(start_dt=sc.scalar(start * INTERVAL_FS, unit="fs"), progress=False)
    values = posterior.gradient.values / 6 / 10  # Å²/fs to cm²/s
    return float(values.mean()), float(values.std())


def with_pymatgen(file: Path) -> tuple[float, float]:
    """Return the same by pymatgen-analysis-diffusion, ions alone, as it smooths by default."""
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
    from pymatgen.core import Lattice, Structure

    with file.open("rb") as opened:
        run = Trajectory.load(opened)
    ions = run.mobile_A.shape[1]
    still = np.zeros((1, run.samples, 3))
    moved = np.concatenate([(run.mobile_A - run.mobile_A[0]).transpose(1, 0, 2), still])
    sites = np.vstack([run.mobile_A[0], still[0, :1]])
    structure = Structure(Lattice(run.cell_A), ["Li"] * ions + ["Cl"], sites, coords_are_cartesian=True)
    found = DiffusionAnalyzer(structure, moved, "Li", 600.0, INTERVAL_FS, step_skip=1)
    return float(found.diffusivity), float(found.diffusivity_std_dev)


PROGRAMS: dict[str, Callable[[Path], tuple[float, float]]] = {
    "alloop": with_alloop,
    "kinisi": with_kinisi,
    "pymatgen": with_pymatgen,
}


def one(program: str, file: Path) -> None:
    """Run one program in this process and print its figures."""
    begin = time.perf_counter()
    D, se = PROGRAMS[program](file)
    seconds = time.perf_counter() - begin
    # Unlike that of getrusage, this figure knows nothing of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_GiB = int(status.split("VmHWM:")[1].split()[0]) / 2**20
    print(json.dumps({"seconds": seconds, "peak_GiB": peak_GiB, "D_cm2_s": D, "se_cm2_s": se}))


def compare(frames: int, ions: int, programs: list[str]) -> None:
    """Make a file and let each program work on it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.npz"
        with file.open("wb") as opened:
            production(frames, ions).save(opened)
        print(f"\n{frames} frames, {ions} ions, file of {file.stat().st_size / 2**20:.0f} MiB", flush=True)
        print("| program | seconds | peak (GiB) | D / truth | its error / truth |\n|---|--:|--:|--:|--:|")
        for program in programs:
            command = [sys.executable, "-m", "benchmarks.transport", "--one", program, "--file", str(file)]
            found = json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            )
            relative = [found[name] / TRUTH_CM2_S for name in ("D_cm2_s", "se_cm2_s")]
            figures = f"{found['seconds']:.1f} | {found['peak_GiB']:.2f} | {relative[0]:.3f} | {relative[1]:.4f}"
            print(f"| {program} | {figures} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, help="frames of one run for all programs")
    parser.add_argument("--ions", type=int, default=OTHER_IONS, help="mobile ions of that run")
    parser.add_argument("--one", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.file)
    elif given.frames:
        compare(given.frames, given.ions, list(PROGRAMS))
    else:
        compare(FRAMES, IONS, ["alloop"])
        compare(OTHER_FRAMES, OTHER_IONS, list(PROGRAMS))


if __name__ == "__main__":
    main()
