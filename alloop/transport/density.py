"""Number density of the mobile ions on a grid, from production runs of one temperature.

Normalisation. The grid holds the *number density* n (Å⁻³): its integral over the cell of the grid is the number of
mobile ions N in that cell. The *probability density* P = n / N (Å⁻³) integrates to 1. A density has the unit Å⁻³ in
either case; an isosurface level given as "10⁻⁴ Å⁻¹" in the literature cannot be one. Read as P, which is what
`ProbabilityDensityAnalysis` of pymatgen-analysis-diffusion writes, it is n = N · 10⁻⁴ Å⁻³.

Grid point `i` lies at the scaled coordinate `i / n`, as in CHGCAR and cube files, and counts the ions around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.results import Record

Floats = NDArray[np.float64]

PROBABILITY_LEVEL_per_A3 = 1e-4
"""Isosurface level of the probability density (Å⁻³) unless another is asked for."""

MOST_VOXELS = 1_000_000
FEWEST_VOXELS_PER_AXIS = 8


@dataclass(frozen=True)
class DensitySettings:
    """How density and sites are found.

    Attributes
    ----------
    resolution_A : float
        Spacing of the grid at least (Å); coarser where the grid would have more than a million points.
    smear_A : float
        Standard deviation of the Gaussian that every counted position is smeared with (Å); 0 leaves the histogram.
    level_per_A3 : float or None
        Number density of the isosurface (Å⁻³). None: a probability density of 10⁻⁴ Å⁻³.
    repeat : tuple of int
        The simulated cell is so many unit cells along each of its axes; the density is folded into one of them.
    skip_ps : float
        Time cut off the beginning of every run (ps).
    max_positions : int
        Positions of ions that are counted at most, over all runs; samples are thinned to that.
    site_radius_A : float
        An ion so close to a site is on it (Å); for a site that lies closer than twice that to another, half of the way.
    site_distance_A : float
        Maxima of the density closer than that are one site (Å).
    host_reach_A : float
        A maximum so close to the starting position of a mobile ion is the site of that ion (Å).
    site_background : float
        Sites are looked for where the density exceeds so many times its mean.
    min_occupancy : float
        Ions that an interstitial site must hold on average to be one.
    max_jump_positions : int
        Positions that are looked at for jumps at most, over all runs.
    element : str or None
        The element whose density it is, where several are mobile; None: that of the first mobile ion.
    """

    resolution_A: float = 0.2
    smear_A: float = 0.25
    level_per_A3: float | None = None
    repeat: tuple[int, int, int] = (1, 1, 1)
    skip_ps: float = 0.0
    max_positions: int = 400_000
    site_radius_A: float = 1.0
    site_distance_A: float = 1.2
    host_reach_A: float = 1.0
    site_background: float = 1.0
    min_occupancy: float = 0.02
    max_jump_positions: int = 100_000
    element: str | None = None


class DensitySummary(Record):
    """A density in numbers; the grid itself goes to a file.

    Attributes
    ----------
    element : str
        The mobile element.
    temperature_K : float
        Target temperature of the runs (K).
    ions : float
        Mobile ions in the cell of the grid, N: what the number density integrates to.
    cell_A : tuple
        Lattice vectors of the cell of the grid (Å), one per row.
    repeat : tuple of int
        The simulated cell is so many cells of the grid.
    shape : tuple of int
        Points of the grid.
    smear_A : float
        Width of the Gaussian smearing (Å).
    replicas, positions : int
        Runs, and positions of ions that were counted.
    length_ps : float
        Time they cover, summed over the runs (ps).
    level_per_A3 : float
        Number density of the isosurface (Å⁻³).
    level_probability_per_A3 : float
        The same level as a probability density (Å⁻³): divided by N.
    ions_inside, volume_inside : float
        Share of the ions and of the volume where the density exceeds the level.
    mean_per_A3, highest_per_A3 : float
        Mean and highest number density (Å⁻³).
    one_position_per_A3 : float
        What a single counted position adds at its own place (Å⁻³). A level below that encloses whatever was ever
        visited: it shows where ions went, not how often.
    """

    element: str
    temperature_K: float
    ions: float
    cell_A: tuple[tuple[float, float, float], ...]
    repeat: tuple[int, int, int]
    shape: tuple[int, int, int]
    smear_A: float
    replicas: int
    positions: int
    length_ps: float
    level_per_A3: float
    level_probability_per_A3: float
    ions_inside: float
    volume_inside: float
    mean_per_A3: float
    highest_per_A3: float
    one_position_per_A3: float


@dataclass(frozen=True, eq=False)
class Paths:
    """Mobile ions of all runs of one temperature on one framework at rest.

    Attributes
    ----------
    cell_A : ndarray, shape (3, 3)
        The simulated cell (Å).
    element : str
        The mobile element.
    temperature_K, interval_fs : float
        Target temperature (K) and time between two samples (fs).
    scaled : tuple of ndarray, shape (samples, ions, 3)
        Scaled coordinates in [0, 1), one array per run.
    hosts : ndarray, shape (ions, 3)
        Scaled coordinates of the ions in the starting structure.
    """

    cell_A: Floats
    element: str
    temperature_K: float
    interval_fs: float
    scaled: tuple[Floats, ...]
    hosts: Floats

    @property
    def ions(self) -> int:
        """Number of mobile ions in the simulated cell."""
        return len(self.hosts)

    @property
    def length_ps(self) -> float:
        """Time from first to last sample, summed over the runs (ps)."""
        return sum(max(len(run) - 1, 0) for run in self.scaled) * self.interval_fs / 1000.0

    def thinned(self, most: int) -> Paths:
        """Return every n-th sample, so that at most about `most` positions are left."""
        positions = sum(len(run) for run in self.scaled) * self.ions
        stride = max(1, math.ceil(positions / most))
        runs = tuple(run[::stride] for run in self.scaled)
        return Paths(self.cell_A, self.element, self.temperature_K, self.interval_fs * stride, runs, self.hosts)


def paths_of(
    runs: Sequence[Trajectory], skip_ps: float = 0.0, start: Floats | None = None, element: str | None = None
) -> Paths:
    """Return the mobile ions of one element of several runs relative to one framework.

    The drift of the framework is taken out of each run, and each run is then shifted as a whole so that its mean
    framework lies on that of the starting structure: runs that were equilibrated separately may be displaced from each
    other.

    Parameters
    ----------
    runs : sequence of Trajectory
        Replicas of one temperature.
    skip_ps : float
        Time cut off the beginning of each (ps).
    start : ndarray, shape (atoms, 3), or None
        Scaled coordinates of all atoms in the starting structure. None: the first snapshot of the first run, whose
        ions are off their sites by a thermal displacement.
    element : str or None
        The element, where several are mobile; None: that of the first mobile ion.

    Raises
    ------
    ValueError
        If no run is given, nothing is left of one, there are no mobile ions, or the runs differ in atoms, temperature,
        interval or cell.
    """
    first = _checked(runs)
    reference = first.snapshots_A[0] @ np.linalg.inv(first.cell_A) if start is None else np.asarray(start, float)
    if reference.shape != (len(first.numbers), 3):
        raise ValueError(f"the starting structure has {len(reference)} atoms, the runs have {len(first.numbers)}")
    from ase.data import atomic_numbers, chemical_symbols

    element = element or chemical_symbols[int(first.numbers[first.mobile[0]])]
    ions = first.numbers[first.mobile] == atomic_numbers[element]
    if not ions.any():
        raise ValueError(f"the runs have no mobile {element}")
    scaled = tuple(_on_framework(run, reference, skip_ps)[:, ions] for run in runs)
    hosts = wrapped(reference[first.mobile[ions]])
    return Paths(first.cell_A, element, first.temperature_K, first.interval_fs, scaled, hosts)


def _checked(runs: Sequence[Trajectory]) -> Trajectory:
    if not runs:
        raise ValueError("no run to take a density from")
    first = runs[0]
    if not len(first.mobile):
        raise ValueError("the runs have no mobile ions")
    for run in runs[1:]:
        if not (np.array_equal(run.numbers, first.numbers) and np.array_equal(run.mobile, first.mobile)):
            raise ValueError("runs of different atoms have no common density")
        if run.temperature_K != first.temperature_K or run.interval_fs != first.interval_fs:
            raise ValueError("runs of one density need one temperature and one sampling interval")
        if not np.allclose(run.cell_A, first.cell_A, atol=1e-3):
            raise ValueError("runs of one density need one cell")
    return first


def _on_framework(run: Trajectory, reference: Floats, skip_ps: float) -> Floats:
    """Return scaled coordinates of the mobile ions of a run, on the framework of the reference."""
    skip = math.ceil(skip_ps * 1000.0 / run.interval_fs)
    if skip >= run.samples:
        raise ValueError(f"a run of {run.length_ps:g} ps has nothing left after {skip_ps:g} ps")
    inverse: Floats = np.linalg.inv(np.asarray(run.cell_A, float))
    shift = _framework_shift(run, reference, skip, inverse)
    positions: Floats = (run.mobile_A[skip:].astype(float) - run.drift_A[skip:, None, :]) @ inverse + shift
    return wrapped(positions)


def _framework_shift(run: Trajectory, reference: Floats, skip: int, inverse: Floats) -> Floats:
    """Return what to add to scaled coordinates so that the mean framework lies on the reference's."""
    framework = np.setdiff1d(np.arange(len(run.numbers)), run.mobile)
    samples = np.arange(len(run.snapshots_A)) * run.snapshot_every
    kept = (samples >= skip) & (samples < run.samples)
    if not len(framework) or not kept.any():
        return np.zeros(3)
    at_rest = run.snapshots_A[kept][:, framework].astype(float) - run.drift_A[samples[kept], None, :]
    apart = reference[framework] - at_rest.mean(axis=0) @ inverse
    # a mean on the circle: the two may be wrapped differently, and lie half a cell apart
    return np.asarray(np.angle(np.exp(2j * np.pi * apart).mean(axis=0)) / (2 * np.pi))


def wrapped(scaled: Floats) -> Floats:
    """Return scaled coordinates in [0, 1); a remainder that rounds to 1 becomes 0."""
    inside: Floats = np.mod(scaled, 1.0)
    inside[inside >= 1.0] = 0.0
    return inside


def standard_lattice(cell_A: Floats) -> Any:
    """Return a cell as a pymatgen lattice with a along x and b in the xy plane.

    The periodic tree that GEMDAT finds neighbours with knows a cell by its lengths and angles only: Cartesian
    coordinates of a cell with another orientation would be wrapped wrongly.
    """
    from pymatgen.core import Lattice

    lengths = np.linalg.norm(cell_A, axis=1)
    alpha, beta, gamma = (
        math.degrees(math.acos(cell_A[i] @ cell_A[j] / (lengths[i] * lengths[j]))) for i, j in ((1, 2), (0, 2), (0, 1))
    )
    return Lattice.from_parameters(*lengths, alpha, beta, gamma, vesta=True)


def gemdat_trajectory(scaled: Floats, paths: Paths, cell_A: Floats) -> Any:
    """Return positions as a GEMDAT trajectory; its filter needs elements, not strings, for species."""
    from gemdat.trajectory import Trajectory as GemdatTrajectory
    from pymatgen.core import Element

    return GemdatTrajectory(
        species=[Element(paths.element)] * scaled.shape[1],
        coords=np.array(scaled),
        lattice=standard_lattice(cell_A),
        constant_lattice=True,
        time_step=paths.interval_fs * 1e-15,
        metadata={"temperature": paths.temperature_K},
    )


def number_density(paths: Paths, settings: DensitySettings) -> Floats:
    """Return the number density of the mobile ions (Å⁻³) on a grid over one of the `repeat` cells.

    Raises
    ------
    ValueError
        If a repeat is not a positive number.
    """
    repeat = np.asarray(settings.repeat)
    if (repeat < 1).any():
        raise ValueError(f"repeat {settings.repeat}: needs three positive whole numbers")
    kept = paths.thinned(settings.max_positions)
    positions = np.concatenate(kept.scaled)
    cell = paths.cell_A / repeat[:, None]
    resolution = _resolution(cell, settings.resolution_A)
    shape = np.array([int(length // resolution) for length in standard_lattice(cell).lengths])
    # GEMDAT's voxel i reaches from i / n to (i + 1) / n; half a voxel on, it is centred on the grid point i / n
    folded = wrapped(positions * repeat + 0.5 / shape)
    counts = gemdat_trajectory(folded, kept, cell).to_volume(resolution=resolution).data.astype(float)
    ions = paths.ions / repeat.prod()
    volume = abs(np.linalg.det(cell))
    density: Floats = counts * (ions / volume * counts.size / counts.sum())
    return smeared(density, cell, settings.smear_A)


def _resolution(cell_A: Floats, wanted_A: float) -> float:
    """Return the spacing that is wanted, or one that makes the grid neither too large nor too small."""
    lengths = np.linalg.norm(cell_A, axis=1)
    coarse = float(np.cbrt(lengths.prod() / MOST_VOXELS))
    return min(max(wanted_A, coarse), float(lengths.min()) / (FEWEST_VOXELS_PER_AXIS + 0.5))


def smeared(density: Floats, cell_A: Floats, width_A: float) -> Floats:
    """Return a periodic density convolved with a Gaussian that is round in space, whatever the cell.

    The integral is kept. Done in Fourier space, where the Gaussian is exp(-|G|² width² / 2).
    """
    if width_A <= 0:
        return density
    index = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in density.shape), indexing="ij")
    waves = 2 * np.pi * np.einsum("ixyz,ji->jxyz", np.array(index), np.linalg.inv(cell_A))
    factor = np.exp(-0.5 * width_A**2 * (waves**2).sum(axis=0))
    result = np.fft.ifftn(np.fft.fftn(density) * factor).real
    result[result < 1e-12 * result.max()] = 0.0  # rounding of the transform, some of it negative
    return np.asarray(result * (density.sum() / result.sum()))


def summarise(density: Floats, paths: Paths, settings: DensitySettings) -> DensitySummary:
    """Return a density in numbers."""
    repeat = np.asarray(settings.repeat)
    cell = paths.cell_A / repeat[:, None]
    ions = paths.ions / int(repeat.prod())
    voxel = abs(np.linalg.det(cell)) / density.size
    level = ions * PROBABILITY_LEVEL_per_A3 if settings.level_per_A3 is None else settings.level_per_A3
    kept = paths.thinned(settings.max_positions)
    positions = sum(len(run) for run in kept.scaled) * paths.ions
    inside = density > level
    peak = max(voxel, (2 * np.pi) ** 1.5 * settings.smear_A**3)
    return DensitySummary(
        element=paths.element,
        temperature_K=paths.temperature_K,
        ions=ions,
        cell_A=tuple((float(a), float(b), float(c)) for a, b, c in cell),
        repeat=settings.repeat,
        shape=(density.shape[0], density.shape[1], density.shape[2]),
        smear_A=settings.smear_A,
        replicas=len(paths.scaled),
        positions=positions,
        length_ps=paths.length_ps,
        level_per_A3=level,
        level_probability_per_A3=level / ions,
        ions_inside=float(density[inside].sum() * voxel / ions),
        volume_inside=float(inside.mean()),
        mean_per_A3=float(density.mean()),
        highest_per_A3=float(density.max()),
        one_position_per_A3=float(ions / positions / peak),
    )
