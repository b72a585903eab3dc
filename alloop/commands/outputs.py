"""``alloop report`` and ``alloop export``: write report, dataset, models and transport from the journal."""

from __future__ import annotations

import copy
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from alloop.campaign.folders import resolved
from alloop.campaign.stop_request import BY_REQUEST
from alloop.failures import first_line
from alloop.files.durable import write_durably
from alloop.journal.journal import Journal
from alloop.materials.supercell import repeated
from alloop.outputs.archive import ARCHIVE_FILE, NotingWorkspace, write_archive
from alloop.outputs.dataset import labelled_frames, unharvested_frames, write_dataset, write_frames
from alloop.outputs.lammps import write_lammps
from alloop.outputs.models import Chosen, ExportError, choose_models, export_models
from alloop.outputs.readme import PROVENANCE_FILE, write_readme
from alloop.outputs.studies import write_studies
from alloop.outputs.trajectory_files import TrajectoryFormat, write_trajectories
from alloop.reading import ReadCampaign
from alloop.report.comparison import comparison_page
from alloop.report.figure_files import Format
from alloop.report.heldout.data import Heldout, heldout_data
from alloop.report.heldout_errors import ERRORS_FILE, errors_csv
from alloop.report.page import build_report, write_figure_files
from alloop.report.pictures.data import StrangeFrame, strange_frames
from alloop.report.transport.compositions import COMPOSITIONS_FILE, composition_rungs, compositions_csv
from alloop.report.transport.data import transport_data
from alloop.report.transport.over_composition import (
    OVER_COMPOSITION_FILE,
    OVER_COMPOSITION_JSON,
    over_composition,
    over_composition_csv,
    over_composition_json,
)
from alloop.report.transport.sections import TransportData
from alloop.report.transport.tables import write_tables
from alloop.state.state import CampaignState
from alloop.status.compared import Compared
from alloop.status.heldout_errors import heldout_errors
from alloop.studies.aimd_findings import file_name
from alloop.studies.plot import Plot
from alloop.studies.study import plots
from alloop.tasks.workspace import Workspace
from alloop.transport.density_files import write_density_files

REPORT_FILE = "report.html"
EXPORT_FOLDER = "export"
DATASET_FILE = "dataset.extxyz"
STUDIES_FOLDER = "studies"
LAMMPS_FOLDER = "lammps"
TRAJECTORIES_FOLDER = "trajectories"
FIGURES_FOLDER = "figures"
BY_SOMEBODY = ("SIGINT", BY_REQUEST)
"""Reasons to stop that come from somebody who waits for the command to end."""


def write_outputs(journal: Journal, state: CampaignState, workspace: Workspace, console: Console) -> None:
    """Write all outputs of a finished campaign and say where they are."""
    root = workspace.root
    export = _own(root, EXPORT_FOLDER)
    dataset, report = export / DATASET_FILE, root / REPORT_FILE
    chosen = choose_models(state, committee=False)
    models = [export / item.file for item in chosen]
    if state.labelled("train") and not _is_current(dataset, state):
        write_dataset(workspace, state, dataset)
    if not all(_is_current(path, state) for path in models):
        export_models(workspace, state, export, committee=False)
    if not _is_current(report, state):
        shown = _shown(state, workspace)
        build_report(state, list(journal.entries()), report, *shown)
        write_transport(shown[0], state, export)
    if chosen and not _is_current(export / PROVENANCE_FILE, state):
        write_readme(state, chosen, export)
    named = (("dataset", dataset), *(("model", path) for path in models), ("report", report))
    for name, path in named:
        if path.exists():
            console.print(f"{name:>8}  {_short(path)}", markup=False, highlight=False, soft_wrap=True)


def write_stopped_report(
    journal: Journal, state: CampaignState, workspace: Workspace, console: Console, reason: str
) -> None:
    """Write the report of a campaign that somebody stopped, once it has labels, and say where it is.

    Other signals come from machines that wait for nothing. Another Ctrl-C leaves the report as it was, and nothing that
    goes wrong with it changes how the command ends.
    """
    if reason not in BY_SOMEBODY or not (state.labelled("train") or state.labelled("heldout")):
        return
    report = workspace.root / REPORT_FILE
    try:
        with told_where(report), _one_ctrl_c():
            build_report(state, list(journal.entries()), report, *_shown(state, workspace))
        text = f"  report  {_short(report)}"
    except (KeyboardInterrupt, Exception) as error:
        why = "" if isinstance(error, KeyboardInterrupt) else f" ({first_line(error)})"
        text = f"The report is not up to date{why}; `alloop report {_short(workspace.root)}` writes it."
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _one_ctrl_c() -> Iterator[None]:
    """Let the next Ctrl-C raise KeyboardInterrupt, and ignore all others."""

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGINT, leave)
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_current(path: Path, state: CampaignState) -> bool:
    """Return whether a file was written after the last event of the campaign."""
    return path.is_file() and path.stat().st_mtime > (state.last_t or 0.0)


def write_report(campaign: ReadCampaign, output: Path | None) -> Path:
    """Write the report of a campaign and return its path.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    target = _named_file(output) if output else campaign.root / REPORT_FILE
    with told_where(target):
        build_report(campaign.state, campaign.entries, target, *_shown(campaign.state, campaign.workspace))
    return target


def write_figures(campaign: ReadCampaign, output: Path | None, form: Format) -> list[Path]:
    """Write the numbers of every figure of the report as files, and return their paths.

    Raises
    ------
    ExportError
        If the files cannot be written.
    """
    folder = resolved(output) if output else _own(campaign.root, FIGURES_FOLDER)
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder for the figures' numbers with --output")
    with told_where(folder):
        shown = _shown(campaign.state, campaign.workspace)
        return write_figure_files(campaign.state, campaign.entries, folder, form, *shown)


def write_comparison(found: Sequence[Compared], output: Path) -> Path:
    """Write the page that shows several campaigns beside each other, and return its path.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    target = _named_file(output)
    with told_where(target):
        write_durably(target, comparison_page(found).encode())
    return target


Shown = tuple[TransportData, dict[str, tuple[Plot, ...]], Heldout, tuple[StrangeFrame, ...]]


def _shown(state: CampaignState, workspace: Workspace) -> Shown:
    """Return what the report shows beside the journal."""
    heldout = heldout_data(state, workspace)
    strange = strange_frames(state, workspace, heldout)
    return transport_data(state, workspace), plots(state, workspace), heldout, strange


@dataclass(frozen=True)
class Extras:
    """What a user wants of an export beside the leader and the dataset.

    Attributes
    ----------
    committee : bool
        All members of the committee in place of the leader.
    lammps : bool
        The models for LAMMPS too, with inputs.
    trajectories : TrajectoryFormat or None
        The production runs of the last rung too, in that format.
    archive : bool
        The journal and the results that report and export read too, as one file.
    """

    committee: bool = False
    lammps: bool = False
    trajectories: TrajectoryFormat | None = None
    archive: bool = False


def write_export(campaign: ReadCampaign, output: Path | None, extras: Extras = Extras()) -> list[Path]:
    """Write models and dataset of a campaign and return their paths; before the first fit there is no model.

    Raises
    ------
    JournalError
        If the campaign has no label, model or result of a study yet, a file of it is damaged, or the files cannot be
        written.
    """
    state, workspace = campaign.state, campaign.workspace
    folder = resolved(output) if output else _own(campaign.root, EXPORT_FOLDER)
    chosen = choose_models(state, committee=extras.committee)
    with told_where(folder):
        frames = [*labelled_frames(workspace, state), *unharvested_frames(workspace, state)]
        if not frames and not chosen and not state.studies:
            raise ExportError(f"{campaign.root}: no label is finished yet; continue the campaign with `alloop run`")
        paths = export_models(workspace, state, folder, committee=extras.committee) if chosen else []
        if frames:
            write_frames(frames, folder / DATASET_FILE)
            paths.append(folder / DATASET_FILE)
        transport = write_transport(transport_data(state, workspace), state, folder)
        studies = write_studies(workspace, state, folder / STUDIES_FOLDER)
        wanted = _write_extras(workspace, state, folder, chosen, extras)
        wanted += [_archived(campaign, folder / ARCHIVE_FILE)] if extras.archive else []
        readme = write_readme(state, chosen, folder)
    return [*paths, *transport, *studies, *wanted, readme]


def _write_extras(
    workspace: Workspace, state: CampaignState, folder: Path, chosen: Sequence[Chosen], extras: Extras
) -> list[Path]:
    """Write what was asked for beside models, dataset, transport and studies, and return the files."""
    written = []
    if extras.lammps and chosen:
        written += write_lammps(workspace, state, chosen, folder / LAMMPS_FOLDER)
    if extras.trajectories is not None:
        found = write_trajectories(workspace, state, folder / TRAJECTORIES_FOLDER, extras.trajectories)
        if not found:
            what = "no production run is there to export; `alloop measure` with a `measure` section makes them"
            raise ExportError(f"{workspace.root}: {what}")
        written += found
    return written


def _archived(campaign: ReadCampaign, target: Path) -> Path:
    """Write report and export once, in a place that is then deleted, and pack what they read."""
    noting, workspace = copy.copy(campaign), NotingWorkspace(campaign.root)
    noting.workspace = workspace
    with tempfile.TemporaryDirectory(prefix="alloop-") as place:
        write_report(noting, Path(place) / REPORT_FILE)
        write_export(noting, Path(place) / EXPORT_FOLDER)
    write_archive(campaign.root, workspace.noted, target, campaign.status.name)
    return target


def write_transport(data: TransportData, state: CampaignState, folder: Path) -> list[Path]:
    """Write tables of transport and errors, and density and sites of each system, below a folder; return the files."""
    written = list(write_tables(folder, data.rungs, data.errors))
    over = over_composition(data.rungs, data.compositions, data.places)
    tables = {
        OVER_COMPOSITION_FILE: "" if over is None else over_composition_csv(over),
        OVER_COMPOSITION_JSON: "" if over is None else over_composition_json(over),
        ERRORS_FILE: errors_csv(heldout_errors(state)),
        COMPOSITIONS_FILE: compositions_csv(composition_rungs(data.rungs, data.compositions)),
    }
    for name, content in tables.items():
        if content:
            write_durably(folder / name, content.encode())
            written.append(folder / name)
    assert state.created is not None
    cells = {system.name: system.structure for system in state.created.systems}
    for view in data.densities:
        start = repeated(cells[view.system], view.result.density.repeat).to_atoms()
        name = file_name(f"{view.system}-aimd", view.method) if view.kind == "AIMD" else view.system
        place = folder / "density" / name
        written += write_density_files(place, view.result, view.grid_per_A3, start)
    return written


def _named_file(output: Path) -> Path:
    """Return the file that the user named; what is there and no file is not replaced."""
    target = resolved(output)
    if target.exists() and not target.is_file():
        what = "cannot be written (it is a folder, device or pipe); name another place with --output"
        raise ExportError(f"{target}: {what}")
    return target


@contextmanager
def told_where(target: Path) -> Iterator[None]:
    """Turn the file system's refusal into one line with a mend."""
    try:
        yield
    except OSError as error:
        what = f"cannot be written ({error.strerror or first_line(error)}); name another place with --output"
        raise ExportError(f"{target}: {what}") from error


def _own(root: Path, name: str) -> Path:
    """Return a folder of the campaign in which no link leads somewhere else."""
    folder = root / name
    inner = folder.rglob("*") if folder.is_dir() and not folder.is_symlink() else ()
    for place in (folder, *inner):
        if place.is_symlink() and (place == folder or place.is_dir()):
            raise ExportError(f"{place}: is a link; remove it, or name the place with --output")
    return folder


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
