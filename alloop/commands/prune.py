"""``alloop prune``: delete models and trajectories that nothing reads any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from alloop.campaign.folders import folder_of
from alloop.decisions.superseded import superseded
from alloop.failures import first_line
from alloop.files.locks import lock_kind
from alloop.files.plain_files import NotPlainError, remove_below, size_below
from alloop.journal.driver_lock import DriverError, DriverLock
from alloop.journal.journal import JournalError
from alloop.reading import ReadCampaign
from alloop.status.numbers import many
from alloop.tasks.registry import KINDS

NOTHING = "Nothing can be pruned: everything that is there may still be read."


@dataclass(frozen=True)
class Prunable:
    """A file that can go.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    size : int
        Its bytes.
    why : str
        What replaced it.
    """

    path: Path
    size: int
    why: str


def run_prune(where: Path, console: Console, *, delete: bool) -> None:
    """Say which files of a campaign nothing reads any more and what they hold, and delete them if that is wanted.

    Parameters
    ----------
    where : pathlib.Path
        The campaign's folder, or the config that made it.
    console : rich.console.Console
        Where to print.
    delete : bool
        False: nothing is changed.

    Raises
    ------
    JournalError
        If there is no campaign, a driver runs it, or a file cannot be deleted.
    """
    root = folder_of(where)
    if not delete:
        files = prunable(ReadCampaign(root))
        _tell(console, files)
        _say(console, f"Nothing was deleted; `alloop prune {where} --delete` deletes them." if files else NOTHING)
        return
    with _without_driver(root):
        files = prunable(ReadCampaign(root))
        _tell(console, files)
        for file in files:
            remove_below(root, file.path)
    _say(console, "They are deleted." if files else NOTHING)


@contextmanager
def _without_driver(root: Path) -> Iterator[None]:
    """Hold the lock of the driver, so that none begins, and tell in one line what cannot be locked or deleted."""
    try:
        locks = ReadCampaign(root).state.config.get("execution", {}).get("locks", "auto")
        held = DriverLock(root, lock_kind(root, locks))
        try:
            yield
        finally:
            held.release()
    except DriverError as error:
        raise JournalError(str(error)) from error
    except OSError as error:
        raise JournalError(f"{root}: files cannot be deleted ({first_line(error)}); see to its permissions") from error


def prunable(campaign: ReadCampaign) -> list[Prunable]:
    """Return the files of a campaign that nothing reads any more and that are there."""
    done = [task for task in campaign.state.tasks.values() if task.finished is not None and task.status == "ok"]
    summaries = {task.key: task.finished.summary for task in done if task.finished is not None}
    found = []
    for one in superseded(campaign.state):
        kind, key = KINDS[one.result.kind], one.result.key
        for file in kind.files(key, kind.summary.model_validate(summaries[key])):
            path = campaign.workspace.companion_path(kind.name, file.name)
            try:
                found.append(Prunable(path, size_below(campaign.root, path), one.why))
            except (FileNotFoundError, NotPlainError):
                continue
    return found


def _tell(console: Console, files: Sequence[Prunable]) -> None:
    groups: dict[str, list[int]] = defaultdict(list)
    for file in files:
        groups[file.why].append(file.size)
    for why, sizes in groups.items():
        _say(console, f"{many(len(sizes), 'file')}, {sum(sizes) / 1e6:.1f} MB: {why}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
