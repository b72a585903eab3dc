"""The sections of the report about transport. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alloop.report.blocks import Block, Cell, Folded, Heading, Items, Section, grid, plot
from alloop.report.transport.cells import number
from alloop.report.transport.compositions import composition_rungs, composition_table
from alloop.report.transport.curve_figures import (
    MIN_CONTACT,
    contact_gate,
    curves_at,
    g_r_figure,
    hottest,
    msd_figure,
    stability_figure,
    with_curves,
)
from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.density_section import density_section
from alloop.report.transport.figures import (
    activation_energy,
    arrhenius_figure,
    diffusivity,
    largest_rungs,
    over_fits,
    planar_figure,
    plane_names,
)
from alloop.report.transport.over_composition import Place, over_composition
from alloop.report.transport.over_composition_section import over_composition_section
from alloop.report.transport.tables import (
    CombinedRung,
    CombinedSigma,
    ErrorKey,
    HeldoutErrors,
    RungTransport,
    combine_rungs,
    rung_label,
    scalar_quantities,
)
from alloop.status.numbers import UNKNOWN_ERROR, plus_minus, powers
from alloop.transport.results import Measured
from policies.stopping.transport import Quantity

HOW_RUNGS = (
    "Every fit of a rung runs production molecular dynamics; D is the tracer diffusivity of the mobile ions from "
    "their mean squared displacement, with the drift of the framework removed. Filled symbols enter the weighted "
    "fit of ln D against 1/T that gives the activation energy; open ones do not, and say why. Error bars are one "
    "standard error: in the figure of the dynamics of that one fit, in the table of the mean over the fits, from "
    "the spread between them and the error of their dynamics. σ is Nernst–Einstein's: it assumes ions that move "
    "independently. Simulated: dynamics at that very temperature; interpolated or extrapolated: from the fit, with "
    "the volume of the simulated cell that is named. ×/÷ gives the factor of one standard error of ln σ where that "
    "is more than 0.3. Acquired rungs are the first labels of the campaign in the order of their selection, so the "
    "early ones come from worse models; random subsets are drawn, nested, from the final set, and differ in size "
    "alone. The foundation is one model, so its error bar is that of its dynamics."
)
HOW_DIFFUSION = (
    "Largest rung of each system. Mean squared displacement of the ions (bars: one standard error) and of the "
    "framework (dotted) against the lag; diffusion gives a slope of 1, and a framework that rises has "
    "melted. Haven ratio: D over the diffusivity of the summed displacement; collective σ is computed from the latter, "
    "so it includes ions that move together, with a wider error bar. Within a plane: displacements are projected on "
    "the crystallographic plane, D = MSD/(4t); ab is the plane of the lattice vectors a and b. Temperatures whose runs "
    "count as unmeasured or unphysical are left out of the numbers."
)
HOW_STRUCTURE = (
    "g(r) per pair from snapshots of all atoms at the highest temperature that all rungs have, first fit of each "
    "rung; it counts every periodic image and tends to 1. Dashed: the share of the sum of covalent radii below "
    "which atoms have merged; such runs count as unphysical, and so does the rung. Shortest contact: the smallest "
    "distance in the snapshots of the first run, an extreme value without an error bar. The energy is the conserved "
    "one of the integrator: it drifts where the time step or the model is not to be trusted."
)


@dataclass(frozen=True)
class TransportData:
    """What the report shows of transport.

    Attributes
    ----------
    rungs : sequence of RungTransport
        Every fit of every rung that was measured.
    densities : sequence of DensityView
        Densities to show.
    errors : mapping
        Held-out errors by kind and size of rung.
    min_contact : float
        Share of the sum of covalent radii below which atoms have merged, as it was when the runs were measured.
    compositions : mapping
        The composition of every system that is measured.
    places : mapping
        The family of every composition, and its x and y.
    """

    rungs: Sequence[RungTransport] = ()
    densities: Sequence[DensityView] = ()
    errors: Mapping[ErrorKey, HeldoutErrors] = field(default_factory=dict)
    min_contact: float = MIN_CONTACT
    compositions: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


def transport_sections(data: TransportData) -> tuple[Section, ...]:
    """Return the sections about transport; none without data."""
    return (
        *((_rungs_section(data),) if data.rungs else ()),
        *over_composition_section(over_composition(data.rungs, data.compositions, data.places)),
        *transport_details(data),
    )


def transport_details(data: TransportData) -> tuple[Section, ...]:
    """Return the sections about diffusion, structure and density; none without data."""
    systems = list(dict.fromkeys(rung.system for rung in data.rungs))
    return (
        *_diffusion_section(data.rungs, systems),
        *_structure_section(data, systems),
        *density_section(data.densities),
    )


def _rungs_section(data: TransportData) -> Section:
    caption = (
        "Tracer diffusivity of the mobile ions against inverse temperature, with the fitted lines; a colour per number "
        "of training labels. Bars are one standard error; hollow points are not in the fit."
    )
    drawn = plot("transport-arrhenius", arrhenius_figure(data.rungs), caption)
    compositions = composition_table(composition_rungs(data.rungs, data.compositions))
    blocks = (*drawn, *rung_table(data.rungs, data.errors), *compositions)
    return Section("conductivity", "Conductivity and activation energy by dataset size", blocks, HOW_RUNGS)


def rung_table(
    rungs: Sequence[RungTransport], errors: Mapping[ErrorKey, HeldoutErrors] | None = None
) -> tuple[Block, ...]:
    """Return a table per system with a row per rung, and below it why numbers are missing."""
    rows = combine_rungs(rungs)
    targets = sorted({sigma.temperature_K for row in rows for sigma in row.sigma}, reverse=True)
    blocks: list[Block] = []
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system]
        blocks += [Heading(system), *_system_table(own, targets, errors or {})]
    return tuple(blocks)


def _system_table(
    rows: Sequence[CombinedRung], targets: Sequence[float], errors: Mapping[ErrorKey, HeldoutErrors]
) -> tuple[Block, ...]:
    scalars = scalar_quantities()
    head = ["Rung", "Fits", "Force RMSE, meV/Å", "Energy RMSE, meV/atom", *map(_heading, scalars)]
    head += [f"σ at {_kelvin(target)}, S/cm" for target in targets]
    lines = []
    for row in rows:
        found = errors.get((row.kind, row.size))
        held_out = (found.forces_meV_per_A, found.energy_meV_per_atom) if found else (None, None)
        label = Cell(rung_label(row.kind, row.size), ("acquired",) if _acquired(row) else ())
        line: list[str | Cell] = [label, str(len(row.fits)), *(number(value) for value in held_out)]
        line += [number(row.scalars[quantity.field]) for quantity in scalars]
        lines.append([*line, *(conductivity(row.sigma_at(target)) for target in targets)])
    flags = tuple(f"{row.label}: {flag}" for row in rows for flag in row.flags)
    return (grid(head, lines, range(1, len(head))), *((Items(flags),) if flags else ()))


def _heading(quantity: Quantity) -> str:
    return quantity.name.capitalize() + (f", {quantity.unit}" if quantity.unit else "")


def _acquired(row: CombinedRung) -> bool:
    return row.kind == "acquired" and row.size > 0


def _kelvin(temperature_K: float) -> str:
    celsius = temperature_K - 273.15
    return f"{celsius:g} °C" if abs(celsius - round(celsius)) < 1e-6 else f"{temperature_K:g} K"


def conductivity(sigma: CombinedSigma | None) -> Cell:
    """Return a conductivity (S/cm) with its error, how it was obtained, and for which volume."""
    if sigma is None:
        return Cell("–")
    se, value = sigma.ln_sigma.se, sigma.sigma_S_per_cm
    if se is None:
        shown = f"{powers(value)} ({UNKNOWN_ERROR})"
    elif se > 0.3:
        shown = f"{powers(value)} ×/÷ {math.exp(se):.2g}"
    else:
        shown = powers(value, value * se)
    cells = ", ".join(f"{kelvin:g} K" for kelvin in sigma.volumes_from_K)
    return Cell(shown, (" and ".join(sigma.how), f"volume of {cells}", *sigma.cautions))


# -- diffusion and structure -------------------------------------------------------------------------------------


def _diffusion_section(rungs: Sequence[RungTransport], systems: Sequence[str]) -> tuple[Section, ...]:
    blocks: list[Block] = []
    for index, system in enumerate(systems):
        caption = f"Mean squared displacement in {system} against the lag: ions (bold) and framework (dotted)."
        caption += " Bars are one standard error."
        blocks += plot(f"transport-msd-{index}", msd_figure(rungs, system), caption)
    blocks += [*temperature_table(rungs), *remarks(rungs)]
    caption = "Diffusivity and activation energy in all directions and within planes, largest rung of each system."
    blocks += [*plot("transport-planes", planar_figure(rungs), caption), *plane_table(rungs)]
    return (Section("diffusion", "Diffusion", tuple(blocks), HOW_DIFFUSION),) if blocks else ()


def temperature_table(rungs: Sequence[RungTransport]) -> tuple[Block, ...]:
    """Return diffusivities, Haven ratio and conductivities of the largest rung of each system by temperature."""
    rows = []
    for rung in largest_rungs(rungs):
        temperatures = [at for fit in rung.fits for at in fit.summary.temperatures]
        for kelvin in sorted({at.temperature_K for at in temperatures}):
            D = over_fits(rung, kelvin, lambda at: at.D_tracer_cm2_s)
            charge = over_fits(rung, kelvin, lambda at: at.D_charge_cm2_s)
            haven = over_fits(rung, kelvin, lambda at: at.haven)
            sigmas = [over_fits(rung, kelvin, lambda at: at.sigma_ne_S_per_cm)]
            sigmas.append(over_fits(rung, kelvin, lambda at: at.sigma_collective_S_per_cm))
            length = sum(at.length_ps for at in temperatures if at.temperature_K == kelvin)
            moved = [_with_unit(one, "cm²/s") for one in (D, charge)]
            numbers = [*moved, number(haven), *(_with_unit(sigma, "S/cm") for sigma in sigmas)]
            rows.append([rung.system, rung.label, f"{kelvin:g} K", *numbers, f"{length:.4g} ps"])
    head = ["System", "Rung", "Temperature", "D", "D of charge", "Haven ratio", "σ, Nernst–Einstein", "σ, collective"]
    return (grid([*head, "Simulated"], rows, range(2, 9)),) if rows else ()


def remarks(rungs: Sequence[RungTransport]) -> tuple[Block, ...]:
    """Return what a reader should know of the runs and lines of the largest rung of each system, folded away."""
    said: dict[str, list[str]] = {}
    for rung in largest_rungs(rungs):
        for fit in rung.fits:
            whose = f"{rung.system}, {rung.label}, fit {fit.fit}"
            for at in fit.summary.temperatures:
                for note in at.notes:
                    said.setdefault(note, []).append(f"{whose}, {at.temperature_K:g} K")
            for note in fit.summary.arrhenius.notes if fit.summary.arrhenius else ():
                said.setdefault(note, []).append(whose)
    lines = tuple(f"{'; '.join(names)}: {note}" for note, names in said.items())
    return (Folded("Remarks on runs and lines", (Items(lines),)),) if lines else ()


def plane_table(rungs: Sequence[RungTransport]) -> tuple[Block, ...]:
    """Return D and activation energy of the largest rung of each system, in all directions and within planes."""
    planes, rows = plane_names(rungs), []
    if not planes:
        return ()
    for rung in largest_rungs(rungs):
        kelvins = sorted({at.temperature_K for fit in rung.fits for at in fit.summary.temperatures})
        for kelvin in kelvins:
            values = [diffusivity(rung, kelvin, plane) for plane in ("", *planes)]
            if any(values):
                words = [_with_unit(value, "cm²/s") for value in values]
                rows.append([rung.system, rung.label, f"D at {kelvin:g} K", *words])
        energies = [activation_energy(rung, plane) for plane in ("", *planes)]
        if any(energies):
            words = [plus_minus(one.value, one.se, "eV") if one else "–" for one in energies]
            rows.append([rung.system, rung.label, "Activation energy", *words])
    head = ["System", "Rung", "Quantity", "All directions", *(f"{plane} plane" for plane in planes)]
    return (grid(head, rows, range(3, 4 + len(planes))),) if rows else ()


def _with_unit(value: Measured | None, unit: str) -> str:
    if value is None:
        return "–"
    unknown = f" ({UNKNOWN_ERROR})" if value.se is None else ""
    return f"{powers(value.value, value.se)} {unit}{unknown}"


def _structure_section(data: TransportData, systems: Sequence[str]) -> tuple[Section, ...]:
    rungs: Sequence[RungTransport] = data.rungs
    blocks: list[Block] = []
    for index, system in enumerate(systems):
        pairs = f"g(r) of {system} per pair of elements, a colour per number of training labels."
        stable = f"{system}: the shortest distance of each pair over time, and the conserved energy."
        drawn = plot(f"transport-g-r-{index}", g_r_figure(rungs, system, data.min_contact), pairs)
        drawn += plot(f"transport-stability-{index}", stability_figure(rungs, system), stable)
        blocks += [Heading(system), *drawn] if drawn else []
    blocks += contact_table(rungs, systems, data.min_contact)
    return (Section("structure", "Structure during the dynamics", tuple(blocks), HOW_STRUCTURE),) if blocks else ()


def contact_table(
    rungs: Sequence[RungTransport], systems: Sequence[str], min_contact: float = MIN_CONTACT
) -> tuple[Block, ...]:
    """Return the shortest distance of each pair ever seen, for each rung with curves, at the highest temperature."""
    rows: list[list[str | Cell]] = []
    for system in systems:
        for rung in with_curves(rungs, system):
            at = curves_at(rung, hottest([rung]))
            seen = {pair: min(curve.y) for pair, curve in at.shortest_A.items() if curve.y} if at else {}
            for pair, shortest in sorted(seen.items()):
                assert at is not None
                gate = contact_gate(pair, min_contact)
                merged = gate is not None and shortest < gate
                words = Cell(f"{shortest:.2f} Å", look="different" if merged else "")
                label = combine_rungs([rung])[0].label
                whose = [system, f"{label}, fit {rung.fit}", pair, f"{at.temperature_K:g} K"]
                rows.append([*whose, words, f"{gate:.2f} Å" if gate else "–"])
    head = ["System", "Rung", "Pair", "Temperature", "Shortest distance seen", "Merged below"]
    return (grid(head, rows, (3, 4, 5), "Shortest contacts"),) if rows else ()
