"""What chaos does to the folder of a running campaign, and how it is mended: as the driver's last words say."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alloop.commands.exit_codes import OK, RETRY, USAGE
from alloop.journal.journal import JOURNAL_FILE
from tests.support.campaigns import run
from tests.support.chaos_blows import END_S, Blow, Target
from tests.support.small_disk import fill, make_room
from tests.support.unwritable import unwritable

DENIED, FULL, CHANGED = "denied", "full", "changed"
"""Faults: a place that cannot be written for a while, a full disk, and files of the driver that are gone or others."""
PLACES = ("results", "results/label", "results/fit", "results/explore", "locks", "scratch", "logs", ".")
LOG = f"{JOURNAL_FILE}-wal"
LOCK = "driver.lock"
LONGEST_S = 30.0
"""How long a place cannot be written at most (s): longer than a driver waits for it."""


def deny(target: Target) -> Blow | None:
    """Let nobody write into one of the campaign's places for a while; None if there is none, or this user cannot."""
    places = [target.folder / name for name in PLACES if (target.folder / name).is_dir()]
    if not places:
        return None
    t = time.time()
    try:
        with unwritable(target.dice.choice(places)):
            _wait(target)
    except pytest.skip.Exception:
        return None
    return Blow(t, DENIED, time.time() - t, _odd(target, (OK, RETRY)))


def fill_disk(target: Target) -> Blow:
    """Leave no room on the campaign's disk for a while."""
    disk, t = target.home.parent, time.time()
    fill(disk)
    _wait(target)
    make_room(disk)
    return Blow(t, FULL, time.time() - t, _odd(target, (OK, RETRY)))


def change(target: Target) -> Blow | None:
    """Remove, replace or move what the driver has open; do as it says when it stops. None if it does not run."""
    if not (target.until_a_label_begins() and target.until_the_driver_works()):
        return None
    names = [name for name in CHANGES if name != "log removed" or (target.folder / LOG).exists()]
    name, t, old = target.dice.choice(names), time.time(), target.folder
    CHANGES[name](target)
    if name.startswith("lock"):
        return Blow(t, CHANGED, time.time() - t, _second_driver(target))
    target.end()
    odd = _odd(target, (USAGE,)) or ("" if name != "folder moved" or not old.exists() else f"{old} was made anew")
    if not odd:
        target.folder = mended(target.folder, target.last_words())
    return Blow(t, CHANGED, time.time() - t, odd and f"{name}: {odd}")


def mended(folder: Path, words: str) -> Path:
    """Do what the last words of a driver say, and return where its campaign goes on.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    words : str
        What the driver said.
    """
    if found := re.search(r"saved in (\S+): move that to (\S+) without -wal and -shm beside it", words):
        saved, journal = map(Path, found.groups())
        for suffix in ("-wal", "-shm"):
            journal.with_name(journal.name + suffix).unlink(missing_ok=True)
        saved.rename(journal)
    elif found := re.search(r"go on there: `alloop run CONFIG --folder (\S+)`", words):
        return Path(found[1])
    elif "run the same command again" not in words:
        raise AssertionError(f"the driver does not say how to go on: {words}")
    return folder


def _wait(target: Target) -> None:
    target.until(lambda: False, target.dice.uniform(1.0, LONGEST_S))


def _odd(target: Target, codes: tuple[int, ...]) -> str:
    """Return how a driver ended that should have ended in another way, or nothing."""
    code = target.driver.poll()
    return "" if code is None or code in codes else f"exit code {code}: {target.last_words()}"


def _second_driver(target: Target) -> str:
    """Return what a second driver does that it must not do, while the first one runs."""
    if target.until(lambda: False, target.dice.uniform(0.0, 2.0)):
        code, output = run(target.config, target.folder, timeout_s=END_S)
        refused = code == USAGE and "another driver runs this campaign" in output
        return "" if refused or target.ended() else f"a second driver was let in: {output[-500:]}"
    return ""


def _replace_journal(target: Target) -> None:
    journal = target.folder / JOURNAL_FILE
    shutil.copy(journal, journal.with_name("journal.copy"))
    journal.with_name("journal.copy").rename(journal)


def _move_folder(target: Target) -> None:
    """Move the campaign to a free name that begins as the first one, by which its processes are found."""
    names = (target.home.with_name(f"{target.home.name}-{number}") for number in range(1, 1000))
    target.folder = target.folder.rename(next(name for name in names if not name.exists() and name != target.folder))


def _replace_lock(target: Target) -> None:
    (target.folder / "lock.copy").touch()
    (target.folder / "lock.copy").rename(target.folder / LOCK)


CHANGES: dict[str, Callable[[Target], object]] = {
    "journal removed": lambda target: (target.folder / JOURNAL_FILE).unlink(),
    "journal moved": lambda target: (target.folder / JOURNAL_FILE).rename(target.folder / "journal.moved"),
    "journal replaced": _replace_journal,
    "log removed": lambda target: (target.folder / LOG).unlink(),
    "folder moved": _move_folder,
    "lock removed": lambda target: (target.folder / LOCK).unlink(),
    "lock replaced": _replace_lock,
}
