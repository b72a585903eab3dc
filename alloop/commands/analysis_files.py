"""Write an analysis of trajectories: report, tables, numbers of the figures, density and sites."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alloop.campaign.folders import resolved
from alloop.commands.outputs import told_where
from alloop.files.durable import write_durably
from alloop.outputs.models import ExportError
from alloop.report.figure_files import figure_file
from alloop.report.page import Top, figures_of, whole_page
from alloop.report.transport.tables import write_tables
from alloop.report.transport.trajectories import Shown, findings, trajectory_sections
from alloop.status.numbers import many
from alloop.trajectories.sizes import Analyses
from alloop.transport.density_files import DENSITY_FILES, write_density_files
from alloop.transport.settings import MeasureSettings

REPORT_FILE, JSON_FILE, FIGURES_FOLDER, DENSITY_FOLDER = "report.html", "transport.json", "figures", "density"
FOOTER = (
    "Figures: drag to zoom in, double-click to zoom out, hover for numbers. The numbers of every figure are in the "
    "folder `figures` beside this page."
)


def write_analysis(found: Analyses, told: dict[str, Any], settings: MeasureSettings, output: Path) -> list[Path]:
    """Write all files of an analysis into a folder, and return their paths.

    Parameters
    ----------
    found : Analyses
        The analysis of every cell.
    told : dict
        The analysis as JSON.
    settings : MeasureSettings
        How it was measured.
    output : pathlib.Path
        The folder; made if missing.

    Raises
    ------
    ExportError
        If the files cannot be written.
    """
    folder = resolved(output)
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder with --output")
    shown = Shown.of(found, settings.min_contact)
    sections = trajectory_sections(shown)
    runs = sum(len(cell.runs) for cell in found.cells)
    sizes = " and ".join(str(len(cell.start)) for cell in found.cells)
    about = f"{sizes} atoms in the cell · {many(runs, 'trajectory file')}"
    page = whole_page(Top(found.cells[-1].system, about, findings(found)), sections, FOOTER)
    files = {REPORT_FILE: page, JSON_FILE: json.dumps(told, ensure_ascii=False, indent=1)}
    files |= {f"{FIGURES_FOLDER}/{plot.name}.csv": figure_file(plot, "csv") for plot in figures_of(sections)}
    with told_where(folder):
        _remove_earlier(folder, files)
        for name, content in files.items():
            write_durably(folder / name, content.encode())
        written = [*(folder / name for name in files), *write_tables(folder, shown.data.rungs)]
        largest = found.cells[-1]
        if largest.density is not None and largest.grid_per_A3 is not None:
            place = folder / DENSITY_FOLDER
            written += write_density_files(place, largest.density, largest.grid_per_A3, largest.start)
    return written


def _remove_earlier(folder: Path, files: Collection[str]) -> None:
    """Remove figures and density of an earlier analysis, which this one may not write again."""
    if not (folder / JSON_FILE).is_file():
        return
    earlier = [
        *(folder / FIGURES_FOLDER).glob("transport-*.csv"),
        *(folder / DENSITY_FOLDER / n for n in DENSITY_FILES),
    ]
    for path in earlier:
        if str(path.relative_to(folder)) not in files:
            path.unlink(missing_ok=True)
    place = folder / DENSITY_FOLDER
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
