"""The command line: parse, call, and turn every foreseen error into one line and an exit code."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from alloop import __version__
from alloop.commands import exit_codes
from alloop.failures import PlaceError
from alloop.files.environment import ONE_THREAD

if TYPE_CHECKING:
    from alloop.decisions.charter import Goal
    from alloop.reading import ReadCampaign

for _name, _count in ONE_THREAD.items():
    os.environ.setdefault(_name, _count)
warnings.filterwarnings("ignore")

MACHINE_TROUBLES = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.ESTALE,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Active-learning closed loop for solid electrolytes: explore, label with GPAW, refit, know when to stop.",
)

Config = Annotated[Path, typer.Argument(help="Campaign config (YAML).", show_default=False)]
Folder = Annotated[Path | None, typer.Option("--folder", "-f", help="Campaign folder; default: runs/<name>.")]
Where = Annotated[Path, typer.Argument(help="Campaign folder, or the config that made it.", show_default=False)]


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"alloop {__version__}")
        raise typer.Exit


@app.command()
def init(
    target: Annotated[Path, typer.Argument(help="New folder for the config and its structures.", show_default=False)],
    example: Annotated[str, typer.Option(help="Which example to copy.")] = "quickstart",
) -> None:
    """Write an example config and its structures into a new folder."""
    from alloop.commands.init import run_init

    run_init(target, example, Console())


@app.command()
def check(
    config: Config,
    probe: Annotated[bool, typer.Option(help="Compute and time one real label per system.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check a config to the last key and show what it would run and cost. Nothing is created."""
    from alloop.commands.check import run_check

    run_check(config, probe=probe, as_json=as_json)


@app.command()
def run(
    config: Config,
    folder: Folder = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
    accept_policy: Annotated[bool, typer.Option(help="Go on with a policy of your own that you changed.")] = False,
) -> None:
    """Run a campaign to its verdict; a campaign that exists is continued."""
    _driven(partial(_run, config, folder, plain, accept_policy))


@app.command()
def rehearse(
    config: Config,
    folder: Folder = None,
    taught_by: Annotated[
        str | None, typer.Option(help="Who teaches it: a teacher, `same` or `none`; default: another one installed.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=99, help="Rehearsals, each with a seed and folder of its own.")] = 1,
    label_s: Annotated[
        float | None, typer.Option(min=1e-3, help="Seconds of one label on one core; default: time one per system.")
    ] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Run the campaign with its teacher as label engine, beside the real one, and say what that one would take."""
    from alloop.commands.rehearse import run_rehearsal

    asked = partial(run_rehearsal, config, folder, taught_by=taught_by, seeds=seeds, label_s=label_s)
    _driven(partial(_on_terminal, asked, plain))


@app.command()
def teach(
    config: Config,
    folder: Folder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: foundation.pt in the folder.")
    ] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Let the teacher teach a committee, without a label, and write it as a foundation for other campaigns."""
    from alloop.commands.teach import run_teaching

    _driven(partial(_on_terminal, partial(run_teaching, config, folder, output=output), plain))


@app.command()
def measure(
    config: Config,
    folder: Folder = None,
    ladder: Annotated[bool, typer.Option(help="Fit and measure random nested subsets of all labels.")] = False,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Measure the transport of the fitted rungs; nothing is explored or labelled.

    With --ladder, fit and measure random nested subsets of the labels, which differ in nothing but their size.
    """
    _driven(partial(_run, config, folder, plain, False, goal="subsets" if ladder else "transport"))


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="Name of the study, such as relax.", show_default=False)],
    config: Config,
    folder: Folder = None,
    dft: Annotated[int | None, typer.Option(min=0, help="Systems that the label engine computes as well.")] = None,
    plain: Annotated[bool, typer.Option(help="Lines instead of a live display.")] = False,
) -> None:
    """Ask a finished or stopped campaign for a study, which changes none of its decisions.

    relax: the relaxed lattice of every system, by every fit of the largest rung.
    """
    _driven(partial(_run, config, folder, plain, False, goal="study", study=name, dft=dft))


def _driven(run: Callable[[], int]) -> NoReturn:
    """Run a driver and end with its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = run()
    except KeyboardInterrupt:
        print("Stopped before anything was started; run the same command again.", flush=True)
        code = exit_codes.INTERRUPTED
    raise typer.Exit(code)


def _run(
    config: Path,
    folder: Path | None,
    plain: bool,
    accept_policy: bool,
    goal: Goal = "verdict",
    study: str | None = None,
    dft: int | None = None,
) -> int:
    from alloop.commands.run import run_campaign

    asked = partial(run_campaign, config, folder, accept_policy=accept_policy, goal=goal, study=study, dft=dft)
    return _on_terminal(asked, plain)


def _on_terminal(drive: Callable[..., int], plain: bool) -> int:
    """Drive a campaign that prints on this terminal; a driver that must restart does so in place."""
    from alloop.commands.restart import RestartWanted, restart_in_place
    from alloop.monitor.terminal import Terminal

    console = Terminal()
    try:
        return drive(console, plain=plain or not console.is_terminal)
    except RestartWanted as wanted:
        restart_in_place(wanted)


@app.command()
def status(where: Where, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show the status of a campaign, also of a running one."""
    from alloop.reading import read
    from alloop.status.table import render

    campaign = read(where)
    found = campaign.status
    studies = {name: table.to_json() for name, table in campaign.studies.items()}
    told = found.to_json() | {"driver": campaign.driver} | ({"studies": studies} if studies else {})
    Console().print(json.dumps(told) if as_json else render(found), markup=False, highlight=False, soft_wrap=as_json)
    if campaign.driver is None and found.verdict is None and not as_json:
        print("No driver runs this campaign now; `alloop run` with its config continues it.")
    _tell_notes(campaign)


@app.command()
def report(
    where: Where, output: Annotated[Path | None, typer.Option("--output", "-o", help="HTML file to write.")] = None
) -> None:
    """Write the report: one self-contained HTML file."""
    from alloop.commands.outputs import write_report
    from alloop.reading import read

    campaign = read(where)
    print(write_report(campaign, output))
    _tell_notes(campaign)


@app.command()
def export(
    where: Where,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write into.")] = None,
    committee: Annotated[bool, typer.Option(help="All members of the last rung's committee.")] = False,
) -> None:
    """Write the model of the last rung for MACE, the labelled dataset as extxyz, and what was measured of transport."""
    from alloop.commands.outputs import write_export
    from alloop.reading import read

    campaign = read(where)
    for path in write_export(campaign, output, committee=committee):
        print(path)
    _tell_notes(campaign)


def _tell_notes(campaign: ReadCampaign) -> None:
    """Print on stderr what was found damaged on the way and did no harm."""
    for note in campaign.notes:
        print(f"alloop: {note}", file=sys.stderr)


def main() -> None:
    """Run the command line; foreseen errors end in one line on stderr and an exit code of their own."""
    from alloop.monitor.terminal import flush_or_forget

    logging.raiseExceptions = False  # a log that cannot be written is not worth a word on the terminal
    try:
        app()
    except Exception as error:
        sys.exit(_tell(error))
    finally:
        flush_or_forget()


def _tell(error: Exception) -> int:
    """Print what a person can do about an error, and return the exit code."""
    if _foreseen(error):
        code, what = exit_codes.USAGE, _one_line(error)
    elif (trouble := _trouble(error)) is not None:
        code, what = exit_codes.RETRY, f"{trouble}; nothing is lost: correct that and run the same command again"
    else:
        unexpected = f"unexpected {type(error).__name__}: {_one_line(error)}"
        code, what = exit_codes.ERROR, f"{unexpected}; an error of alloop: please report it with {_crash_file()}"
    with suppress(OSError):
        print(f"alloop: {what}", file=sys.stderr)
    return code


def _foreseen(error: Exception) -> bool:
    from alloop.config.errors import ConfigError
    from alloop.failures import PolicyError
    from alloop.journal.journal import JournalError
    from alloop.potential.models.foundation import FoundationError
    from alloop.workers.executors import ExecutionError

    return isinstance(error, ConfigError | JournalError | ExecutionError | FoundationError | PolicyError)


def _trouble(error: Exception) -> str | None:
    """Return the fault of the machine behind an error, or None if there is none."""
    if isinstance(error, sqlite3.OperationalError):
        return f"the journal cannot be read or written ({_one_line(error)})"
    if isinstance(error, PlaceError) or (isinstance(error, OSError) and error.errno in MACHINE_TROUBLES):
        return f"{error.filename or 'the campaign'}: {error.strerror}"
    return None


def _one_line(error: Exception) -> str:
    """Return the message of an error on one line, without control characters and secrets."""
    from alloop.failures import one_line
    from alloop.files.redaction import redacted

    return one_line(redacted(str(error)))[:2000]


def _crash_file() -> str:
    from alloop.files.durable import write_durably
    from alloop.files.redaction import redacted

    path = Path("alloop-crash.txt").absolute()
    try:
        write_durably(path, redacted(traceback.format_exc()).encode(errors="replace"))
    except OSError:
        return "the command (no crash file: the folder is not writable)"
    return str(path)
