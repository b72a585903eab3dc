"""Find the sites of mobile ions, their occupancies, and the jumps between them."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.density import (
    DensitySettings,
    DensitySummary,
    Floats,
    Paths,
    gemdat_trajectory,
    number_density,
    paths_of,
    standard_lattice,
    summarise,
    wrapped,
)
from alloop.transport.results import Measured, Record

Kind = Literal["host", "interstitial"]
Integers = NDArray[np.int_]

KINDS: tuple[Kind, Kind] = ("host", "interstitial")
BLOCKS = 5
NO_SITE = -1
RULE_OF_THREE = 3.0
"""Expected count that gives no event at all with a probability of 5 %: -ln 0.05."""


class Site(Record):
    """A site in the simulated cell.

    Attributes
    ----------
    kind : str
        ``host``: a mobile ion is there in the starting structure. ``interstitial``: a maximum of the density that is
        no host site.
    scaled : tuple of float
        Scaled coordinates.
    occupancy : Measured
        Ions within the radius of the site, averaged over time; error bar from blocks of time.
    radius_A : float or None
        An ion so close to the site is on it (Å). None in older results, which have one radius for all sites.
    """

    kind: Kind
    scaled: tuple[float, float, float]
    occupancy: Measured
    radius_A: float | None = None


class JumpCount(Record):
    """Jumps from sites of one kind to sites of another, or to others of the same kind.

    Attributes
    ----------
    start, end : str
        Kinds of the sites.
    jumps : int
        Jumps that were seen.
    rate_per_ps : Measured or None
        Jumps per ps that an ion belongs to a site of the kind `start`, with the error of a Poisson count: the square
        root of the count. Jumps back and forth depend on each other, so the true error is larger. None where nothing
        was there to jump, or nothing did.
    below_per_ps : float or None
        Where no jump was seen: the rate that is excluded at 95 % (1/ps).
    distance_A : float or None
        Mean distance between the two sites (Å).
    """

    start: Kind
    end: Kind
    jumps: int
    rate_per_ps: Measured | None = None
    below_per_ps: float | None = None
    distance_A: float | None = None


class SitesSummary(Record):
    """Sites, and jumps between them.

    Attributes
    ----------
    radius_A : float
        The largest radius of a site (Å).
    sites : tuple of Site
        Host sites first, in the order of the ions in the starting structure.
    outside : float
        Share of the time that an ion is on no site.
    jumps : tuple of JumpCount
        Between kinds of sites.
    jumps_per_ion_ps : Measured
        All jumps per ion and ps, with the error of a Poisson count.
    interval_fs : float
        Time between two looks (fs). A jump there and back within it is not seen.
    """

    radius_A: float
    sites: tuple[Site, ...]
    outside: float
    jumps: tuple[JumpCount, ...]
    jumps_per_ion_ps: Measured
    interval_fs: float

    def of(self, kind: Kind) -> tuple[Site, ...]:
        """Return the sites of a kind."""
        return tuple(site for site in self.sites if site.kind == kind)


class DensityResult(Record):
    """Density, sites and jumps at one temperature."""

    density: DensitySummary
    sites: SitesSummary


@dataclass(frozen=True, eq=False)
class Places:
    """Scaled coordinates of sites in the simulated cell, shape (sites, 3); the first `hosts` are host sites."""

    scaled: Floats
    hosts: int

    def kind(self, index: int) -> Kind:
        """Return the kind of a site."""
        return "host" if index < self.hosts else "interstitial"


def analyse_density(
    runs: Sequence[Trajectory], settings: DensitySettings, start: Floats | None = None
) -> tuple[DensityResult, Floats]:
    """Return density, sites and jumps of the mobile ions, and the grid of the number density (Å⁻³).

    Parameters
    ----------
    runs : sequence of Trajectory
        Replicas of one temperature.
    settings : DensitySettings
        How.
    start : ndarray, shape (atoms, 3), or None
        Scaled coordinates of all atoms in the starting structure, whose mobile ions mark the host sites. None: those
        of the first snapshot of the first run.

    Raises
    ------
    ValueError
        If the runs cannot be joined (`paths_of`).
    """
    paths = paths_of(runs, settings.skip_ps, start, settings.element)
    density = number_density(paths, settings)
    places = find_places(density, paths, settings)
    return DensityResult(density=summarise(density, paths, settings), sites=visit(places, paths, settings)), density


# -- where the sites are -----------------------------------------------------------------------------------------


def find_places(density: Floats, paths: Paths, settings: DensitySettings) -> Places:
    """Return host sites and interstitial sites.

    A host site is the maximum of the density near the starting position of an ion, or that position where there is
    none. All other maxima that hold enough ions, and are not a site already, are interstitial sites.
    """
    folded, occupancies = density_maxima(density, paths.cell_A / np.asarray(settings.repeat)[:, None], settings)
    cells = np.array(list(itertools.product(*(range(n) for n in settings.repeat))), float)
    maxima = ((folded[:, None] + cells) / np.asarray(settings.repeat)).reshape(-1, 3)
    held = np.repeat(occupancies, len(cells))
    lattice = standard_lattice(paths.cell_A)
    hosts, free = _settle(paths.hosts, maxima, lattice, settings.host_reach_A)
    sites = list(hosts)
    for index in sorted(free, key=lambda index: -held[index]):
        apart = lattice.get_all_distances(maxima[index], np.array(sites))
        if held[index] >= settings.min_occupancy and apart.min() >= settings.site_distance_A:
            sites.append(maxima[index])
    return Places(np.array(sites), len(hosts))


def _settle(hosts: Floats, maxima: Floats, lattice: Any, reach_A: float) -> tuple[Floats, set[int]]:
    """Return host sites moved to the nearest maxima, each taken once, and the maxima that are left."""
    settled, free = hosts.copy(), set(range(len(maxima)))
    if not free:
        return settled, free
    apart = lattice.get_all_distances(hosts, maxima)
    waiting = set(range(len(hosts)))
    for host, index in zip(*np.unravel_index(np.argsort(apart, axis=None), apart.shape), strict=True):
        if apart[host, index] > reach_A:
            break
        if host in waiting and index in free:
            settled[host] = maxima[index]
            waiting.discard(host)
            free.discard(int(index))
    return settled, free


def density_maxima(density: Floats, cell_A: Floats, settings: DensitySettings) -> tuple[Floats, Floats]:
    """Return scaled coordinates of the maxima of a density, and how many ions the basin of each holds.

    GEMDAT parts the density into basins, one per maximum, down to a background. The background it would take, a tenth
    of the highest value, drops sites that are seldom visited, so ours is in terms of the mean density.
    """
    from gemdat.volume import Volume

    lattice = standard_lattice(cell_A)
    background = settings.site_background * density.mean()
    peaks = _peaks(density, lattice, background, settings.site_distance_A)
    if not len(peaks):
        return np.empty((0, 3)), np.empty(0)
    shape = np.array(density.shape)
    voxel = abs(np.linalg.det(cell_A)) / density.size
    # a thousand times too small: a site that holds more than one ion is not valid in a Structure
    structure = Volume(data=density * voxel, lattice=lattice).to_structure(
        specie="X",
        peaks=peaks,
        background_level=background / density.max(),
        return_occupancies=True,
        n_frames=1000,
    )
    places = structure.frac_coords - 0.5 / shape  # a value belongs to its grid point, not to a voxel that begins there
    held = np.array([1000.0 * site.species.num_atoms for site in structure])
    nearest = lattice.get_all_distances(places, peaks / shape)
    index = nearest.argmin(axis=1)
    astray = nearest.min(axis=1) > settings.site_distance_A / 2  # basins that reach through the whole cell
    places[astray] = (peaks / shape)[index[astray]]
    return wrapped(places), held


def _peaks(density: Floats, lattice: Any, background: float, distance_A: float) -> Integers:
    """Return grid points of maxima above a background, the higher ones of those that are too close to each other."""
    from scipy.ndimage import maximum_filter

    top = (density == maximum_filter(density, size=3, mode="wrap")) & (density > background)
    points = np.argwhere(top)
    points = points[np.argsort(-density[tuple(points.T)], kind="stable")]
    kept: list[NDArray[np.int_]] = []
    for point in points:
        if kept:
            apart = lattice.get_all_distances(point / density.shape, np.array(kept) / density.shape)
            if apart.min() < distance_A:
                continue
        kept.append(point)
    return np.array(kept, int).reshape(-1, 3)


# -- who is there when -------------------------------------------------------------------------------------------


def visit(places: Places, paths: Paths, settings: DensitySettings) -> SitesSummary:
    """Return occupancies and jumps of sites."""
    kept = paths.thinned(settings.max_jump_positions)
    radii_A = _radii(places, kept, settings.site_radius_A)
    seen = [_visits(places, kept, run, radii_A) for run in kept.scaled]
    occupancies = _occupancies([states for states, _, _ in seen], len(places.scaled))
    jumps = sum((found for _, _, found in seen), Counter[tuple[int, int]]())
    belongs = sum((_times(before, len(places.scaled)) for _, before, _ in seen), np.zeros(len(places.scaled)))
    total, exposure_ps = jumps.total(), paths.ions * kept.length_ps
    return SitesSummary(
        radius_A=float(radii_A.max()),
        sites=tuple(_site(places, index, occupancies[index], radii_A[index]) for index in range(len(places.scaled))),
        outside=float(np.mean(np.concatenate([states.ravel() for states, _, _ in seen]) == NO_SITE)),
        jumps=tuple(_count(pair, jumps, belongs * kept.interval_fs / 1000.0, places, kept) for pair in _pairs(places)),
        jumps_per_ion_ps=_poisson(total, exposure_ps) or Measured(value=0.0),
        interval_fs=kept.interval_fs,
    )


def _site(places: Places, index: int, occupancy: Measured, radius_A: float) -> Site:
    x, y, z = map(float, places.scaled[index])
    return Site(kind=places.kind(index), scaled=(x, y, z), occupancy=occupancy, radius_A=float(radius_A))


def _pairs(places: Places) -> list[tuple[Kind, Kind]]:
    there = KINDS[:1] if places.hosts == len(places.scaled) else KINDS
    return [(start, end) for start in there for end in there]


def _radii(places: Places, paths: Paths, wanted_A: float) -> Floats:
    """Return the radius of each site (Å), so small that it overlaps with no other: half of the way to the nearest."""
    apart = standard_lattice(paths.cell_A).get_all_distances(places.scaled, places.scaled)
    apart[np.diag_indices_from(apart)] = np.inf
    # Whole thousandths, so that sites of one kind share a radius.
    return np.asarray(np.minimum(wanted_A, np.floor(499.0 * apart.min(axis=1)) / 1000.0))


def _visits(
    places: Places, paths: Paths, run: Floats, radii_A: Floats
) -> tuple[Integers, Integers, Counter[tuple[int, int]]]:
    """Return the site of each ion at each time, the last one it was on, and the jumps of one run."""
    from gemdat.transitions import Transitions
    from pymatgen.core import Structure

    trajectory = gemdat_trajectory(run, paths, paths.cell_A)
    # GEMDAT gives sites of one label one radius.
    labels = [f"radius {radius_A:g}" for radius_A in radii_A]
    sites = Structure(trajectory.get_lattice(), [paths.element] * len(labels), places.scaled, labels=labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            transitions = Transitions.from_trajectory(
                trajectory=trajectory,
                sites=sites,
                floating_specie=paths.element,
                site_radius=dict(zip(labels, map(float, radii_A), strict=True)),
            )
        except ValueError as error:
            if "at least one array" not in str(error):
                raise
            # GEMDAT stumbles where no ion ever leaves or reaches a site; then every moment is like the first
            return _still(sites, trajectory, radii_A)
        try:
            jumps = Counter({(int(a), int(b)): int(n) for (a, b), n in transitions.jumps()._counter().items()})
        except ValueError as error:
            if "No jumps" not in str(error):
                raise
            jumps = Counter()
    return np.asarray(transitions.states), np.asarray(transitions.states_prev()), jumps


def _still(sites: Any, trajectory: Any, radii_A: Floats) -> tuple[Integers, Integers, Counter[tuple[int, int]]]:
    positions = trajectory.positions
    apart = sites.lattice.get_all_distances(positions[0], sites.frac_coords)
    nearest = apart.argmin(axis=1)
    states = np.where(apart.min(axis=1) <= radii_A[nearest], nearest, NO_SITE)
    everywhere = np.broadcast_to(states, positions.shape[:2])
    return everywhere, everywhere, Counter()


def _times(states: Integers, sites: int) -> Floats:
    """Return how many samples ions belonged to each site; the last sample is the end of an interval, not a start."""
    belongs = states[:-1]
    return np.bincount(belongs[belongs >= 0].ravel(), minlength=sites).astype(float)


def _occupancies(runs: Sequence[Integers], sites: int) -> list[Measured]:
    """Return the mean number of ions on each site, with the standard error over blocks of time."""
    blocks = [block for states in runs for block in np.array_split(states, min(BLOCKS, len(states)))]
    weights = np.array([len(block) for block in blocks], float)
    shares = np.array([np.bincount(b[b >= 0].ravel(), minlength=sites) / len(b) for b in blocks])
    means = np.average(shares, axis=0, weights=weights)
    errors = shares.std(axis=0, ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else None
    return [
        Measured(value=float(mean), se=None if errors is None else float(errors[i])) for i, mean in enumerate(means)
    ]


def _count(
    pair: tuple[Kind, Kind], jumps: Counter[tuple[int, int]], times_ps: Floats, places: Places, paths: Paths
) -> JumpCount:
    start, end = pair
    found = {(a, b): n for (a, b), n in jumps.items() if (places.kind(a), places.kind(b)) == pair}
    total = sum(found.values())
    exposure = float(sum(time for i, time in enumerate(times_ps) if places.kind(i) == start))
    lattice = standard_lattice(paths.cell_A)
    lengths = [lattice.get_all_distances(places.scaled[a], places.scaled[b])[0, 0] for a, b in found]
    return JumpCount(
        start=start,
        end=end,
        jumps=total,
        rate_per_ps=_poisson(total, exposure) if total else None,
        below_per_ps=RULE_OF_THREE / exposure if not total and exposure > 0 else None,
        distance_A=float(np.average(lengths, weights=list(found.values()))) if total else None,
    )


def _poisson(count: int, exposure_ps: float) -> Measured | None:
    """Return a rate (1/ps) with the error of a Poisson count, which is unknown without an event."""
    if exposure_ps <= 0:
        return None
    return Measured(value=count / exposure_ps, se=float(np.sqrt(count)) / exposure_ps if count else None)
