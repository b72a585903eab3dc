"""The sections of the report on trajectories of other programs: those of a campaign's transport. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alloop.report.blocks import Block, Box, Items, Section, grid, plot
from alloop.report.transport.cell_sizes import size_section
from alloop.report.transport.cells import number
from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.figures import arrhenius_figure
from alloop.report.transport.sections import TransportData, conductivity, transport_details
from alloop.report.transport.tables import CombinedRung, RungTransport, by_element, combine_rungs
from alloop.trajectories.analysis import remarks
from alloop.trajectories.sizes import Analyses
from alloop.transport.temperature_law import words_of

HOW_LINE = (
    "D is the tracer diffusivity of the mobile ions from their mean squared displacement, with the drift of the "
    "framework removed. Filled symbols enter the weighted fit of ln D against 1/T that gives the activation energy; "
    "open ones do not, and say why. Error bars are one standard error. σ is Nernst–Einstein's: it assumes ions that "
    "move independently. ×/÷ gives the factor of one standard error of ln σ where that is more than 0.3."
)
HOW_READ = (
    "Positions are followed from frame to frame by the shortest step along each lattice vector, unless the file says "
    "that they are unwrapped. In a cell that changes, scaled coordinates are followed and put into the mean cell."
)


@dataclass(frozen=True)
class Shown:
    """Analyses as the report shows them, and what is drawn of them."""

    found: Analyses
    data: TransportData

    @classmethod
    def of(cls, found: Analyses, min_contact: float) -> Shown:
        """Return what is drawn of analyses; `min_contact` as it was when the runs were measured."""
        rungs: list[RungTransport] = []
        densities: list[DensityView] = []
        for cell in found.cells:
            rungs += by_element(RungTransport(0, "trajectories", cell.system, 0, cell.summary, cell.curves))
            if cell.density is not None and cell.grid_per_A3 is not None:
                densities.append(DensityView(cell.system, "trajectories", 0, 0, cell.density, cell.grid_per_A3))
        return cls(found, TransportData(rungs, densities, min_contact=min_contact))


def trajectory_sections(shown: Shown) -> tuple[Section, ...]:
    """Return the sections: conductivity, size of the cell, diffusion, structure and density, then the files."""
    sizes = size_section(shown.found.series)
    return _line_section(shown.data.rungs), *sizes, *transport_details(shown.data), _files_section(shown.found)


def findings(found: Analyses) -> tuple[Block, ...]:
    """Return the remarks on files and numbers, as the top of a report."""
    said = tuple(dict.fromkeys(line for cell in found.cells for line in remarks(cell)))
    return (Box("What a reader should know", entries=said, look="fair"),) if said else ()


def _line_section(rungs: Sequence[RungTransport]) -> Section:
    caption = (
        "Tracer diffusivity of the mobile ions against inverse temperature, with the fitted line. Bars are one "
        "standard error; hollow points are not in the fit."
    )
    blocks = [*plot("transport-arrhenius", arrhenius_figure(rungs), caption)]
    combined = combine_rungs(rungs)
    blocks.append(grid(("System", "Quantity", "Value"), [row for rung in combined for row in _rows(rung)], (2,)))
    flags = tuple(f"{rung.system}: {flag}" for rung in combined for flag in rung.flags)
    blocks += [Items(flags)] if flags else []
    return Section("conductivity", "Conductivity and activation energy", tuple(blocks), HOW_LINE)


def _rows(rung: CombinedRung) -> Iterator[tuple[str, ...]]:
    yield rung.system, "Activation energy, eV", number(rung.scalars["activation_energy_eV"])
    lines = [fit.summary.arrhenius for fit in rung.fits if fit.summary.arrhenius]
    yield from ((rung.system, "One line or two", words_of(line.law)) for line in lines if line.law)
    for sigma in rung.sigma:
        cell = conductivity(sigma)
        yield rung.system, f"σ at {sigma.temperature_K:g} K, S/cm", f"{cell.text} ({', '.join(cell.notes)})"


def _files_section(found: Analyses) -> Section:
    head = ("File", "Format", "Temperature", "Frames", "Samples", "Interval", "Length", "Volume")
    rows = []
    for run in (run for cell in found.cells for run in cell.runs):
        path = run.trajectory
        numbers = [str(run.frames), str(path.samples), f"{path.interval_fs:g} fs", f"{path.length_ps:.4g} ps"]
        rows.append([run.file, run.format, f"{path.temperature_K:g} K", *numbers, f"{path.volume:.1f} Å³"])
    return Section("files", "What was read", (grid(head, rows, range(2, 8)),), HOW_READ)
