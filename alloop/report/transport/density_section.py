"""The section of the report about where mobile ions are. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alloop.report.blocks import Block, Folded, Heading, Paragraph, Section, grid, plot
from alloop.report.transport.cells import number
from alloop.report.transport.density_figure import DensityView, density_figure
from alloop.report.transport.density_sides import sides_figure
from alloop.report.transport.migration_figures import profile_figure, projection_figure, site_names
from alloop.status.numbers import many, powers
from alloop.transport.results import Measured

HOW_DENSITY = (
    "The number density n of the mobile ions: its integral over the cell shown is the number of ions in it. P = n / "
    "N is the probability density, with integral 1. Both are in Å⁻³; isosurface levels of the literature in "
    "Å⁻¹ have the unit of neither; the default is such a level, read as P. Positions are relative to the framework at "
    "rest, counted on a grid and smeared with the Gaussian that is stated. Host sites (green) are where the "
    "starting structure has mobile ions; interstitial sites (white) are maxima of the density that are not host "
    "sites. Occupancy: ions within the radius of a site, averaged over time and over the sites of a kind. A jump "
    "ends at another site than the last one; rates are per ps that an ion belongs to a site of the first kind, with "
    "the larger error of a Poisson count and of the scatter between fifths of each run. < is the limit at 95 % where "
    "no jump was seen. The free energy is -kB T ln n. The likeliest path along a lattice vector leads from a place to "
    "its image in the next cell; no other has a lower highest point. Its barrier is from the lowest place that is "
    "connected with it, without smearing; the error is from leaving out a fifth of the runs at a time."
)


def density_section(densities: Sequence[DensityView]) -> tuple[Section, ...]:
    """Return the section about densities, sites and jumps; nothing without any."""
    blocks: list[Block] = []
    for index, view in enumerate(densities):
        caption = (
            f"Where {view.title} was: the surface of constant density that the text below names, host sites (green) "
            "and interstitial sites (white)."
        )
        blocks += [Heading(view.title), *plot(f"transport-density-{index}", density_figure(view), caption)]
        blocks += [_density_words(view), *sites_table(view), *jumps_table(view), *_paths(view, index)]
    blocks += [
        block for system in dict.fromkeys(view.system for view in densities) for block in _sides(system, densities)
    ]
    return (Section("density", "Where the mobile ions are", tuple(blocks), HOW_DENSITY),) if blocks else ()


def _sides(system: str, densities: Sequence[DensityView]) -> tuple[Block, ...]:
    """Return the densities of a system side by side, where there is more than one."""
    own = [view for view in densities if view.system == system]
    caption = (
        f"Density of the mobile ions in {system}, summed along the first and the second lattice vector, with host "
        "sites (green), interstitial sites (white) and the likeliest paths along each lattice vector as arrows; where "
        "no ion went from one image of the cell to the next, there is no path. Panels of one direction have one scale "
        "of colours, from zero."
    )
    return plot(f"transport-density-sides-{system}", sides_figure(own), caption)


def _paths(view: DensityView, index: int) -> list[Block]:
    """Return pictures and table of the likeliest paths; nothing for results that have none."""
    if view.result.migration is None:
        return []
    seen = (
        f"The density of {view.title} as seen along a and b, from a thousandth of the highest up, with likeliest paths."
    )
    along = f"Free energy of {view.title} along the likeliest paths, smeared; each ends at an image of its start."
    drawn = [*plot(f"transport-projections-{index}", projection_figure(view), seen)]
    return [*drawn, *plot(f"transport-paths-{index}", profile_figure(view), along), *paths_table(view)]


def paths_table(view: DensityView) -> tuple[Block, ...]:
    """Return the barrier along each lattice vector, and the sites that the likeliest path passes."""
    names, rows = site_names(view), []
    for path in view.result.migration.paths if view.result.migration else ():
        passed = ", ".join(names[site] for site in path.sites) or "–"
        if path.barrier_eV is None:
            barrier = "no path seen" + (f", above {path.above_eV:.2g} eV" if path.above_eV is not None else "")
            rows.append([path.along, barrier, "–", passed])
        else:
            rows.append([path.along, number(path.barrier_eV), f"{path.distance_A[-1]:.1f} Å", passed])
    head = ("Along", "Free-energy barrier, eV", "Length of the path", "Sites on it")
    return (grid(head, rows, (1, 2), "Likeliest path along each lattice vector of the cell shown"),)


def _density_words(view: DensityView) -> Paragraph:
    density = view.result.density
    floor = density.one_position_per_A3
    words = (
        f"Isosurface: n = {density.level_per_A3:.3g} Å⁻³ (P = {density.level_probability_per_A3:.3g} Å⁻³); it holds "
        f"{100 * density.ions_inside:.3g} % of the ions in {100 * density.volume_inside:.3g} % of the volume. Mean n = "
        f"{density.mean_per_A3:.3g} Å⁻³, highest {density.highest_per_A3:.3g} Å⁻³. N = {density.ions:g} "
        f"{density.element} in the cell shown; {many(density.positions, 'position')} from "
        f"{many(density.replicas, 'run')}, {density.length_ps:.4g} ps in all; Gaussian of {density.smear_A:g} Å. "
    )
    if density.level_per_A3 < floor:
        words += (
            f"A single position alone makes {floor:.2g} Å⁻³, more than the level: the surface shows where ions ever "
            "went, not how often."
        )
    return Paragraph(words)


def sites_table(view: DensityView) -> tuple[Block, ...]:
    """Return how many sites of each kind there are, and how full they are."""
    rows = []
    for kind in ("host", "interstitial"):
        held = [site.occupancy for site in view.result.sites.sites if site.kind == kind]
        if not held:
            continue
        errors = [value.se for value in held if value.se is not None]
        se = math.sqrt(sum(error**2 for error in errors)) / len(held) if len(errors) == len(held) else None
        mean = sum(value.value for value in held) / len(held)
        values = [value.value for value in held]
        span = f"{min(values):.3g} to {max(values):.3g}"
        rows.append([f"{kind} sites", str(len(held)), number(Measured(value=mean, se=se)), span])
    sites = view.result.sites
    smallest = min((site.radius_A for site in sites.sites if site.radius_A is not None), default=sites.radius_A)
    less = f", down to {smallest:.3g} Å where two are close" if smallest < sites.radius_A else ""
    note = (
        f"Radius of a site {sites.radius_A:.3g} Å{less}; ions are on no site {100 * sites.outside:.3g} % of the time."
    )
    head = ("Kind", "In the simulated cell", "Mean occupancy (ions)", "Range")
    return grid(head, rows, (1, 2, 3)), Paragraph(note)


def jumps_table(view: DensityView) -> tuple[Block, ...]:
    """Return jumps between kinds of sites with their rates."""
    sites = view.result.sites
    rows = []
    for jump in sites.jumps:
        rate = "–"
        if jump.rate_per_ps:
            rate = number(jump.rate_per_ps) + " /ps"
        elif jump.below_per_ps is not None:
            rate = f"< {jump.below_per_ps:.2g} /ps"
        length = f"{jump.distance_A:.2f} Å" if jump.distance_A is not None else "–"
        rows.append([f"{jump.start} to {jump.end}", str(jump.jumps), rate, length])
    total = sites.jumps_per_ion_ps
    note = (
        f"All jumps: {powers(total.value, total.se)} per ion and ps, looked at every {sites.interval_fs:g} fs; "
        "what goes there and back in between is not seen."
    )
    if sites.undone is not None:
        note += f" The next jump of the same ion undoes {number(sites.undone)} of them."
    jumps = grid(("Jumps", "Seen", "Rate", "Mean distance"), rows, (1, 2, 3))
    return jumps, Paragraph(note), *_pairs_table(view)


def _pairs_table(view: DensityView) -> tuple[Block, ...]:
    names = site_names(view)
    rows = [
        [" and ".join(names[site] for site in pair.sites), str(pair.there), str(pair.back), f"{pair.distance_A:.2f} Å"]
        for pair in view.result.sites.most_taken
    ]
    table = grid(("Sites", "Jumps there", "Back", "Distance"), rows, (1, 2, 3))
    return (Folded("Pairs of sites with the most jumps", (table,)),) if rows else ()
