"""``alloop run``: start a campaign, or continue the one in its folder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from alloop.campaign.checking import never_converging, notes_of
from alloop.campaign.damaged_folders import refuse_links, without_journal
from alloop.campaign.folders import campaign_folder, refuse_unusable_path
from alloop.campaign.harvest import restore_labels
from alloop.campaign.loop import Campaign, CodeRefusedError, Listener, StopRequested
from alloop.campaign.opening import create, driver_started, resume
from alloop.campaign.reuse import brought, checked, has_begun, way_on
from alloop.campaign.stop_request import forget_request, stop_requested
from alloop.checks.foundations import check_elements, head_problem
from alloop.checks.initial_data import Brought
from alloop.commands import exit_codes
from alloop.commands.interruption import STOP_SIGNALS, Interrupted, be_deaf, hand_back, interruptible
from alloop.commands.measure import check_goal, check_rungs, journal_subsets
from alloop.commands.outputs import write_outputs, write_stopped_report
from alloop.commands.restart import LIMIT, RestartWanted, restarts
from alloop.commands.study import find_study, fitting, prepared, show_study
from alloop.commands.sync import MOST_SENDING_S, send_outputs
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import ConfigError, Problem
from alloop.config.foundations import PlacedFoundation
from alloop.config.loading import LoadedConfig, load_config
from alloop.config.science import head_wanted
from alloop.decisions.changed_code import changed
from alloop.decisions.charter import Charter, Goal
from alloop.decisions.refits import worth_waiting_for
from alloop.files.plain_files import NotPlainError, put_aside
from alloop.journal.events import LabelsImported
from alloop.journal.journal import JOURNAL_FILE, Entry, Journal
from alloop.journal.verdicts import LIFTABLE_VERDICTS, VERDICTS
from alloop.monitor.live_terminal import ConsoleView
from alloop.monitor.wandb_upload import WandbView
from alloop.state.state import CampaignState
from alloop.status.messages import closing_lines, kept_text, lines, restored_text
from alloop.status.summary import summary
from alloop.studies.study import Study
from alloop.tasks.workspace import Workspace
from alloop.workers.executors import Execution, ExecutionError, Fault
from alloop.workers.parsl_kernel import InterchangeDied, KernelStopped
from alloop.workers.walltime import longest_s

GO_ON = "Nothing is lost; run the same command again to continue."
SENDING_STOPPED = "Stopped while W&B was sent dataset, model and report; `alloop sync` sends them."
OUTPUTS_STOPPED = (
    "Stopped while dataset, models and report were written; no result is lost, and the same command writes them."
)

Report = Callable[[str], None]


def run_campaign(
    path: Path,
    folder: Path | None,
    console: Console,
    *,
    plain: bool = False,
    accept_policy: bool = False,
    goal: Goal = "verdict",
    study: str | None = None,
    dft: int | None = None,
) -> int:
    """Run a campaign to its verdict or another goal, and return the exit code.

    Parameters
    ----------
    path : pathlib.Path
        The config.
    folder : pathlib.Path or None
        The campaign's folder; ``runs/<name>`` if None.
    console : rich.console.Console
        Where to print.
    plain : bool
        Lines instead of a live display.
    accept_policy : bool
        Go on with policies whose source changed.
    goal : str
        What to work for.
    study : str or None
        Name of the study that is the goal.
    dft : int or None
        How many systems of the study the label engine computes as well; None for the number in the config.

    Raises
    ------
    ConfigError, JournalError, ExecutionError, FoundationError
        One line for the user each; nothing was changed.
    RestartWanted
        If the driver should start again in place; everything is closed.
    """
    found = None if study is None else find_study(study, path)
    loaded = load_config(path)
    asked = None if found is None else prepared(loaded, found, dft)
    root = campaign_folder(loaded.config.name, folder)
    return run_loaded(loaded, root, console, plain=plain, accept_policy=accept_policy, goal=goal, study=asked)


def run_loaded(
    loaded: LoadedConfig,
    root: Path,
    console: Console,
    *,
    plain: bool = False,
    accept_policy: bool = False,
    goal: Goal = "verdict",
    study: Study | None = None,
) -> int:
    """Run the campaign of a loaded config in a folder, as `run_campaign` does."""
    refuse_unusable_path(root)
    refuse_links(root)
    check_goal(loaded, root, goal)
    imports = checked(loaded, root)
    foundation = _foundation(loaded, root, brought(imports), console)
    with _open_journal(root, loaded, console) as journal:
        forget_request(root)
        workspace = Workspace(root, journal.result)
        _say(console, restored_text(restore_labels(journal, workspace)))
        if not any(True for _ in journal.entries()):
            _say(console, (f"note: {line}" for line in notes_of(loaded, imports, workspace)))
            _say(console, never_converging(loaded))
            state = create(loaded, journal, workspace, foundation, imports)
            _tell(console, state, (entry for entry in journal.entries() if isinstance(entry.event, LabelsImported)))
        else:
            state, changes = resume(loaded, journal, workspace, accept_policy=accept_policy)
            _same_foundation(loaded, state, foundation)
            labels = state.labelled("train") + state.labelled("heldout")
            console.print(f"Continuing with {labels} labels; this is process {os.getpid()}.", highlight=False)
            _tell(console, state, changes)
        try:
            study = fitting(study, loaded, state)
            return _drive(journal, state, loaded.config, workspace, console, plain, goal, study)
        except CodeRefusedError as error:
            code = changed(state.code, error.refusal.code)
            mend = f"install the former code again, or {way_on(loaded, state, root, error.refusal.code)}"
            what = f"the code of the labels changed ({code}), and {error.refusal.reason}; {mend}"
            raise ConfigError(loaded.path, Problem("", what)) from error
        except NotPlainError as error:
            raise ConfigError(error.path, Problem("", error.what)) from error


def _drive(
    journal: Journal,
    state: CampaignState,
    config: CampaignConfig,
    workspace: Workspace,
    console: Console,
    plain: bool,
    goal: Goal,
    study: Study | None,
) -> int:
    """Drive a campaign under the config the user gave; the config in the journal does not decide what runs."""
    charter = _set_up(journal, state, config, workspace, goal, study)
    wandb: WandbView | None = None
    if goal == "verdict" and state.verdict is not None and not worth_waiting_for(state):
        _say(console, closing_lines(summary(state, time.time())))
    else:
        stopped, wandb = _work(journal, state, charter, workspace, console, plain, study)
        if stopped is not None:
            _say(console, [wandb.note] if wandb.note else [])
            return stopped()
    with interruptible(OUTPUTS_STOPPED):
        write_outputs(journal, state, workspace, console)
        _say(console, kept_text(workspace.kept_only))
    _send(wandb, journal, state, config, console)
    if study is not None:
        show_study(state, study, console)
        return exit_codes.OK
    _tell_how_to_go_on(console, state)
    return _code(state)


def _set_up(
    journal: Journal,
    state: CampaignState,
    config: CampaignConfig,
    workspace: Workspace,
    goal: Goal,
    study: Study | None,
) -> Charter:
    """Return the charter of the campaign, after the checks of a goal; a new ladder of subsets is journaled."""
    assert state.created is not None
    charter = replace(Charter.of(state.created, config), goal=goal)
    if goal == "transport" or (study is not None and study.of_models):
        check_rungs(state, charter, workspace)
    if goal == "subsets" and not state.subsets_open():
        journal_subsets(journal, state, charter, workspace)
    return charter


def _work(
    journal: Journal,
    state: CampaignState,
    charter: Charter,
    workspace: Workspace,
    console: Console,
    plain: bool,
    study: Study | None,
) -> tuple[Callable[[], int] | None, WandbView]:
    """Run the loop to its goal; return what to do where it stopped before, or None, and the closed view of W&B.

    Raises
    ------
    Interrupted
        If a signal came after the goal was reached.
    """
    with _stop_signals(workspace.root) as stop_reason:
        wandb = _wandb(journal, state, charter.config, workspace)
        pace = {"redraw_s": charter.config.monitor.redraw_s, "summary_s": charter.config.monitor.summary_s}
        views = (ConsoleView(console, plain=plain, root=workspace.root, **pace), wandb)
        stop, fault = _loop(journal, state, charter, workspace, views, stop_reason, study)
        asked = stop_reason()  # looked at last: closing takes seconds, in which a signal may still come
        if asked is not None:
            be_deaf()  # on its way out: one more signal must not change the last words or the exit code
    if stop is None and asked is not None:
        raise Interrupted(OUTPUTS_STOPPED)
    report = partial(write_stopped_report, journal, state, workspace, console)
    return None if stop is None else _stopped(stop, fault, report, asked, state, console), wandb


def _loop(
    journal: Journal,
    state: CampaignState,
    charter: Charter,
    workspace: Workspace,
    views: tuple[Listener, ...],
    stop_reason: Callable[[], str | None],
    study: Study | None,
) -> tuple[Exception | None, Fault]:
    """Run the loop to its goal, and close everything; return what stopped it before, or None, and the fault."""
    with ExitStack() as opened:
        for view in reversed(views):
            opened.callback(view.close)
        workers = None
        try:
            past_s = longest_s(state.tasks.values())
            execution = charter.config.execution
            workers = Execution(execution, workspace.root, stop_reason, locks=journal.locks, longest_s=past_s)
            opened.callback(workers.close)
            stage = None if study is None else study.stage()
            campaign = Campaign(
                journal, state, charter, workers, workspace, listeners=views, stop=stop_reason, study=stage
            )
            work = campaign.run if charter.goal == "verdict" else campaign.measure
            work(driver_started())
        except (StopRequested, KernelStopped, InterchangeDied) as stop:
            return stop, "curable" if workers is None else workers.fault()  # closed ones look like dead ones
    return None, "elsewhere"


def _send(
    wandb: WandbView | None, journal: Journal, state: CampaignState, config: CampaignConfig, console: Console
) -> None:
    """Say where the run of Weights & Biases is; a server that had everything so far gets the outputs too."""
    if wandb is None:
        return
    note = wandb.note
    if wandb.online and config.monitor.wandb.artifacts:
        most = f"at most {MOST_SENDING_S:.0f} s; Ctrl-C leaves it"
        _say(console, [f"Sending dataset, model, report and config to W&B, {most}."])
        try:
            with interruptible(SENDING_STOPPED):
                note = send_outputs(config.monitor.wandb, journal.folder, state, list(journal.entries()))
        except Interrupted as stopped:
            note = str(stopped)
    _say(console, [note] if note else [])


def _stopped(
    stop: Exception, fault: Fault, report: Report, asked: str | None, state: CampaignState, console: Console
) -> Callable[[], int]:
    """Return what to do once everything is closed; only the user can correct misconfigured workers."""
    if asked is not None:
        return partial(_interrupted, console, asked, report)
    if fault == "config":
        raise ExecutionError(str(stop)) from stop
    return partial(_broken, console, stop, state, fault == "curable")


def _wandb(journal: Journal, state: CampaignState, config: CampaignConfig, workspace: Workspace) -> WandbView:
    assert state.created is not None
    return WandbView(config.monitor.wandb, state.created.run_id, config.name, workspace.root, tuple(journal.entries()))


def _same_foundation(loaded: LoadedConfig, state: CampaignState, found: PlacedFoundation | None) -> None:
    """Refuse a journal that names another foundation than the verified one of the config."""
    assert state.created is not None
    wanted = head_wanted(loaded.config.potential.foundation)
    began, members = state.created.foundation, state.created.foundation_members
    same = (began, state.created.foundation_head) == (found.sha256 if found else None, wanted)
    # More members than the file has would be copies, which never disagree. 0: its leader alone began the campaign.
    if not same or members not in (0, found.members if found else 0):
        what = "the campaign began with another foundation model; start a new campaign under another `name`"
        raise loaded.error(("potential", "foundation"), what)


def _open_journal(root: Path, loaded: LoadedConfig, console: Console) -> Journal:
    if told := without_journal(root):
        _say(console, told)
        put_aside(root, root / f"{JOURNAL_FILE}-wal")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot be made ({error.strerror}); name another campaign folder with --folder"
        raise ConfigError(root, Problem("", what)) from error
    return Journal(root, locks=loaded.config.execution.locks, say=lambda line: _say(console, [line]))


def _foundation(loaded: LoadedConfig, root: Path, labels: Brought, console: Console) -> PlacedFoundation | None:
    wanted = loaded.config.potential.foundation
    if wanted is None:
        return None
    from alloop.potential.models.foundation import resolve_foundation
    from alloop.potential.models.heads import HeadError

    columns = (TextColumn("downloading the foundation"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("download", total=None, visible=False)

        def show(done: int, total: int | None) -> None:
            progress.update(bar, completed=done, total=total, visible=True)

        begun, folder = has_begun(root), loaded.folder
        try:
            found = resolve_foundation(wanted, config_folder=folder, campaign_root=root, begun=begun, progress=show)
        except HeadError as error:
            raise ConfigError(loaded.path, head_problem(loaded, error)) from error
    if found is not None:
        check_elements(loaded, found.elements, labels)
    return found


@contextmanager
def _stop_signals(root: Path) -> Iterator[Callable[[], str | None]]:
    """Turn signals, and a request in the folder, into a reason to stop; a second one while stopping changes nothing."""
    received: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)

    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    wanted = [number for number in STOP_SIGNALS if not (nohup and number == signal.SIGHUP)]
    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield lambda: received[0] if received else stop_requested(root)
    finally:
        forget_request(root)
        hand_back(before, note)


def _interrupted(console: Console, reason: str, report: Report) -> int:
    _say(console, [f"Stopped: {reason}. {GO_ON}"])
    report(reason)
    return exit_codes.INTERRUPTED


def _broken(console: Console, stop: Exception, state: CampaignState, curable: bool) -> int:
    """Ask for a restart if it can help and did not just fail to; otherwise tell the user."""
    finished = len(state.tasks) - len(state.running)
    before = restarts(finished, os.environ)
    if curable and before < LIMIT:
        again = f"The driver starts again in place ({before + 1} of at most {LIMIT} times without progress)."
        text = str(stop).rstrip(".")
        raise RestartWanted(f"{text[:1].upper()}{text[1:]}. Nothing is lost. {again}", finished)
    often = f" {before} restarts did not help; see logs/interchange.txt in the campaign's folder." if curable else ""
    _say(console, [f"Stopped: {stop}.{often} {GO_ON}"])
    return exit_codes.RETRY


def _say(console: Console, texts: Iterable[str]) -> None:
    for text in texts:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _tell(console: Console, state: CampaignState, entries: Iterable[Entry]) -> None:
    """Print the messages of events that were journaled before the views opened."""
    _say(console, (f"  {text}" for entry in entries for text in lines(entry, state)))


def _tell_how_to_go_on(console: Console, state: CampaignState) -> None:
    if state.verdict is not None and state.verdict.verdict in LIFTABLE_VERDICTS:
        _say(console, ["To continue, change `budget` or `execution` in the config and run the same command again."])


def _code(state: CampaignState) -> int:
    return VERDICTS[state.verdict.verdict].exit_code if state.verdict else exit_codes.OK
