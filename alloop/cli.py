"""The command line: parse, call, and turn every foreseen error into one line and an exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from alloop import __version__
from alloop.commands import exit_codes
from alloop.commands.analyse import analyse
from alloop.commands.driving import campaign_driver, driven, name_in, on_terminal, refuse_early
from alloop.commands.errors import tell
from alloop.commands.help_texts import EXAMPLES, epilog
from alloop.commands.interruption import Interrupted, end_in_silence, interruptible
from alloop.files.environment import ONE_THREAD, fill_in
from alloop.monitor.terminal import Terminal, flush_or_forget, mend_streams

if TYPE_CHECKING:
    from alloop.reading import ReadCampaign

for _name, _count in ONE_THREAD.items():
    os.environ.setdefault(_name, _count)
warnings.filterwarnings("ignore")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Active-learning closed loop for solid electrolytes: explore, label with GPAW, refit, know when to stop.",
)

Config = Annotated[Path, typer.Argument(help="Campaign config (YAML).", show_default=False)]
Folder = Annotated[Path | None, typer.Option("--folder", "-f", help="Campaign folder; default: runs/<name>.")]
Where = Annotated[Path, typer.Argument(help="Campaign folder, or the config that made it.", show_default=False)]


class ReportFormat(StrEnum):
    """What ``alloop report`` writes."""

    html = "html"
    csv = "csv"
    json = "json"


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        Terminal().say(f"alloop {__version__}")
        raise typer.Exit


@app.command(epilog=epilog("init"))
def init(
    target: Annotated[Path, typer.Argument(help="New folder for the config and its structures.", show_default=False)],
    structure: Annotated[
        Path | None, typer.Option(help="A crystal of your own: its config is written, with the reason of each setting.")
    ] = None,
    mobile: Annotated[str | None, typer.Option(help="Its mobile ion, as in Li; default: found, or asked for.")] = None,
    engine: Annotated[Literal["gpaw", "ase"], typer.Option(help="The label engine.")] = "gpaw",
    calculator: Annotated[str | None, typer.Option(help="Calculator of --engine ase, as module:Class.")] = None,
    on: Annotated[Literal["laptop", "slurm"], typer.Option(help="Where it runs.")] = "laptop",
    example: Annotated[
        str, typer.Option(help=f"Example to copy where no structure is given: {', '.join(EXAMPLES)}.")
    ] = "quickstart",
) -> None:
    """Write a config into a new folder: for a crystal of your own with --structure, else an example."""
    if structure is None:
        from alloop.commands.init import run_init

        run_init(target, example, Terminal())
        return
    from alloop.commands.init import Wishes, run_init_crystal

    wishes = Wishes(mobile, engine, calculator, on)
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    with interruptible("Stopped; nothing was written."):
        run_init_crystal(target, structure, wishes, typer.prompt if asks else None, Terminal())


@app.command(epilog=epilog("check"))
def check(
    config: Config,
    probe: Annotated[bool, typer.Option(help="Time a real label per system, and steps of MD and fits.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check every key of a config and show what it would run and cost. Nothing is created."""
    refuse_early(config)
    from alloop.commands.check import run_check

    with interruptible("Stopped; nothing was changed."):
        run_check(config, probe=probe, as_json=as_json, console=Terminal())


@app.command(epilog=epilog("structures"))
def structures(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write into; default: structures/<name>.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Order the disordered crystals of a config, list its structures, and write each as extxyz, CIF and picture."""
    from alloop.commands.structures import run_structures

    run_structures(config, output, as_json=as_json)


@app.command(epilog=epilog("run"))
def run(
    config: Config,
    folder: Folder = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
    accept_policy: Annotated[bool, typer.Option(help="Accept the edited source of a policy of your own.")] = False,
) -> None:
    """Run a campaign to its verdict; a campaign that exists is continued."""
    driven(campaign_driver(config, folder, plain, accept_policy))


@app.command(epilog=epilog("rehearse"))
def rehearse(
    config: Config,
    folder: Folder = None,
    taught_by: Annotated[
        str | None, typer.Option(help="Who teaches it: a teacher, `same` or `none`; default: another one installed.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=99, help="Rehearsals, each with a seed and folder of its own.")] = 1,
    label_s: Annotated[
        float | None,
        typer.Option(min=1e-3, help="Seconds of one label on one core; default: time one per composition."),
    ] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Run the campaign with its teacher as label engine, beside the real one, and say what that one would take."""
    name_in(config)
    from alloop.commands.rehearse import run_rehearsal

    asked = partial(run_rehearsal, config, folder, taught_by=taught_by, seeds=seeds, label_s=label_s)
    driven(partial(on_terminal, asked, plain))


@app.command(epilog=epilog("teach"))
def teach(
    config: Config,
    folder: Folder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: foundation.pt in the folder.")
    ] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Let the teacher teach a committee, without a label, and write it as a foundation for other campaigns."""
    refuse_early(config, folder)
    from alloop.commands.teach import run_teaching

    driven(partial(on_terminal, partial(run_teaching, config, folder, output=output), plain))


@app.command(epilog=epilog("measure"))
def measure(
    config: Config,
    folder: Folder = None,
    ladder: Annotated[bool, typer.Option(help="Fit and measure random nested subsets of all labels.")] = False,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Measure the transport of the fitted rungs; nothing is explored or labelled.

    With --ladder, fit and measure random nested subsets of the labels, which differ in nothing but their size.
    """
    driven(campaign_driver(config, folder, plain, goal="subsets" if ladder else "transport"))


@app.command(epilog=epilog("study"))
def study(
    name: Annotated[str, typer.Argument(help="Name of the study, such as relax.", show_default=False)],
    config: Config,
    folder: Folder = None,
    dft: Annotated[int | None, typer.Option(min=0, help="Systems that the label engine computes as well.")] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Ask a finished or stopped campaign for a study, which changes none of its decisions.

    relax: the relaxed lattice of every system, by every fit of the largest rung.

    scratch: fits with the teacher or foundation against fits without.

    disorder: orderings by Monte Carlo, and their short-range order against temperature.

    hull: the energy above the hull of every composition.

    aimd: molecular dynamics by the label engine, beside the models; no rung must be fitted.

    cost: what a picosecond of molecular dynamics takes, over the size of the cell.
    """
    driven(campaign_driver(config, folder, plain, goal="study", study=name, dft=dft))


@app.command(epilog=epilog("status"))
def status(
    where: Where,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it as `alloop run` shows it, read-only.")] = False,
) -> None:
    """Show the status of a campaign, also of a running one."""
    campaign = _opened(where)
    console = Terminal()
    if watch and not as_json and console.is_terminal:
        from alloop.commands.watch import run_watch

        with interruptible("The campaign is as it was."):
            run_watch(campaign.root, console)
        campaign = _opened(where)
    from alloop.status.table import render

    found = campaign.status
    studies = {name: table.to_json() for name, table in campaign.studies.items()}
    told = found.to_json() | {"driver": campaign.driver} | ({"studies": studies} if studies else {})
    console.print(
        json.dumps(told) if as_json else render(found, campaign.driver is not None),
        markup=False,
        highlight=False,
        soft_wrap=as_json,
    )
    if campaign.driver is None and found.verdict is None and not as_json:
        console.say("No driver runs this campaign now; `alloop run` with its config continues it.")
    _tell_notes(campaign)


@app.command("list", epilog=epilog("list"))
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder that holds campaigns.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False,
) -> None:
    """List the campaigns in a folder: state, rung, labels, force error, last change."""
    from alloop.commands.listing import list_campaigns, listing_table

    found = list_campaigns(folder)
    console = Terminal()
    if as_json:
        console.say(json.dumps([one.to_json() for one in found]))
    elif found:
        console.print(listing_table(found), highlight=False)
    else:
        console.say(f"No campaign lies in {folder}.")


@app.command(epilog=epilog("stop"))
def stop(
    where: Where,
    wait_s: Annotated[float, typer.Option(min=0, help="How long to wait until it has stopped (s).")] = 60.0,
) -> None:
    """Ask the driver of a campaign to stop in good order, as Ctrl-C does; nothing is lost."""
    from alloop.commands.stop import run_stop

    with interruptible("The driver was asked to stop; it may still run."):
        stopped = run_stop(where, Terminal(), wait_s)
    raise typer.Exit(exit_codes.OK if stopped else exit_codes.RETRY)


@app.command(epilog=epilog("prune"))
def prune(
    where: Where,
    delete: Annotated[bool, typer.Option("--delete", help="Delete them; without it they are only counted.")] = False,
) -> None:
    """Count or delete models and trajectories that nothing reads any more; labels and judged numbers stay."""
    from alloop.commands.prune import run_prune

    with interruptible("Stopped while files were deleted; run the same command again."):
        run_prune(where, Terminal(), delete=delete)


@app.command(epilog=epilog("sync"))
def sync(
    where: Where,
    folder: Folder = None,
    layout: Annotated[bool, typer.Option(help="Save a page layout for campaigns in the project.")] = False,
) -> None:
    """Send Weights & Biases what it lacks of a campaign: rows of offline segments, dataset, model, report, config."""
    campaign = _opened(folder or where)
    from alloop.commands.sync import run_sync

    with interruptible("Stopped; run the same command again, which sends what is missing."):
        sent = run_sync(where, campaign, Terminal(), layout=layout)
    raise typer.Exit(exit_codes.OK if sent else exit_codes.RETRY)


@app.command(epilog=epilog("compare"))
def compare(
    campaigns: Annotated[list[Path], typer.Argument(help="Campaign folders, or their configs.", show_default=False)],
    form: Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How it is written.")] = "table",
    output: Annotated[Path | None, typer.Option(help="Write a page with figures and the table here too.")] = None,
) -> None:
    """Show errors by rung, transport and cost of several campaigns side by side."""
    found = [_opened(where) for where in campaigns]
    from alloop.commands.compare import compare as compared
    from alloop.commands.compare import comparison_text

    numbers = compared(found)
    text, console = comparison_text(numbers, form), Terminal()
    if output is not None:
        from alloop.commands.outputs import write_comparison

        page = write_comparison(numbers, output)
        if form == "table":
            console.say(f"The page is {page}.")
    if isinstance(text, str):
        console.say(text)
    else:
        console.print(text, highlight=False)


app.command(epilog=epilog("analyse"))(analyse)


@app.command(epilog=epilog("report"))
def report(
    where: Where,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file to write, or folder for csv and json.")
    ] = None,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="The page, or the numbers of every figure as files.")
    ] = ReportFormat.html,
) -> None:
    """Write the report: one self-contained HTML file, or the numbers of its figures as files."""
    campaign = _opened(where)
    from alloop.commands.outputs import write_figures, write_report

    with interruptible("Stopped while the report was written; run the same command again."):
        if form is ReportFormat.html:
            written = [write_report(campaign, output)]
        else:
            written = write_figures(campaign, output, "json" if form is ReportFormat.json else "csv")
        Terminal().say(*map(str, written))
    _tell_notes(campaign)


@app.command(epilog=epilog("export"))
def export(
    where: Where,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write into.")] = None,
    committee: Annotated[bool, typer.Option(help="All members of the last rung's committee.")] = False,
    lammps: Annotated[bool, typer.Option(help="The model for LAMMPS too, with an input and its structure.")] = False,
    trajectories: Annotated[
        Literal["extxyz", "h5md"] | None, typer.Option(help="The production runs of the last rung too.")
    ] = None,
    archive: Annotated[bool, typer.Option(help="What report and export are made of too, as one file.")] = False,
) -> None:
    """Write the model of the last rung for MACE, the labelled dataset as extxyz, and what was measured of transport."""
    campaign = _opened(where)
    from alloop.commands.outputs import Extras, write_export
    from alloop.outputs.readme import status_line

    if campaign.state.verdict is None:
        Terminal(stderr=True).say(status_line(campaign.state))
    with interruptible("Stopped while the export was written; run the same command again."):
        written = write_export(campaign, output, Extras(committee, lammps, trajectories, archive))
    Terminal().say(*map(str, written))
    if not any(path.suffix == ".model" for path in written):
        whole = "whole committee" if committee else "model"
        Terminal(stderr=True).say(f"No {whole} is fitted yet; `alloop run` with its config continues the campaign.")
    _tell_notes(campaign)


def _tell_notes(campaign: ReadCampaign) -> None:
    """Print on stderr what was found damaged on the way and did no harm."""
    Terminal(stderr=True).say(*(f"alloop: {note}" for note in campaign.notes))


def _opened(where: Path) -> ReadCampaign:
    """Return the campaign of a folder or a config; a place without one costs no import that takes long."""
    from alloop.campaign.folders import folder_of

    folder = folder_of(where)
    from alloop.reading import ReadCampaign

    return ReadCampaign(folder)


def main() -> None:
    """Run the command line; foreseen errors end in one line on stderr and an exit code of their own."""
    logging.raiseExceptions = False  # a log that cannot be written is not worth a word on the terminal
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it complains where it cannot write its cache
    mend_streams()
    fill_in(os.environ)
    try:
        app()
    except (Interrupted, Exception) as error:
        sys.exit(tell(error))
    finally:
        end_in_silence()
        flush_or_forget()
