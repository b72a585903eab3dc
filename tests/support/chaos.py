"""Chaos: campaigns whose processes and folders are hit at random instants, and what is left of them at the end.

``python -m tests.support.chaos --kills 100 --seed 0`` prints one table; `make chaos` does that. Their label engine
raises errors of every kind and answers nonsense at some frames, the same with and without blows.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from alloop.commands.exit_codes import ERROR, INTERRUPTED, OK, RETRY, USAGE
from tests.support.campaigns import MARK, TINY, left_behind, run, start, write_config
from tests.support.chaos_blows import END, VICTIMS, Blow, Target, halt, kill
from tests.support.chaos_folders import change, deny, fill_disk
from tests.support.chaos_report import LEGEND, Chosen, Report, chosen, examine, table
from tests.support.small_disk import NoSmallDisk, small_disk

PAUSE_S = 0.3
"""Length of a label (s)."""
WRONG_SHARE = 0.2
"""Frames at which the label engine goes wrong."""
AIMED_SHARE = 0.6
"""How many blows wait for the beginning of a label."""
OTHER_SHARES: dict[Callable[[Target], Blow | None], float] = {halt: 0.1, deny: 0.05, fill_disk: 0.03, change: 0.08}
"""How many blows are something else than a kill."""
STOPPING_S = 5.0
"""How long before its end a driver begins to stop its workers (s)."""
DISK_MB = 400
GO_ON = (RETRY, USAGE, INTERRUPTED, -signal.SIGKILL)
"""Exit codes of a driver that was hit, after which it is started again."""


def chaos_config(folder: Path, seed: int) -> Path:
    """Write the campaign: lockstep, real processes, real MACE, labels that take a moment; retries at their default."""
    return write_config(
        folder,
        seed=seed,
        overlap=False,
        initial={"frames": 6, "rattle_A": 0.08},
        ladder={"rungs": [6, 12], "fits": 2},
        fit={**TINY["fit"], "every_labels": 6},
        label={
            "engine": "ase",
            "calculator": "tests.support.wild_labels:WildEMT",
            "arguments": {"pause_s": PAUSE_S, "share": WRONG_SHARE},
        },
        execution={
            "executors": {"local": {"kind": "local", "workers": 2}},
            "heartbeat_s": 1,
            "heartbeat_limit_s": 4,
        },
    )


def undisturbed(folder: Path, seed: int) -> Chosen:
    """Run the campaign in peace and return what it chose."""
    code, output = run(chaos_config(folder / "config", seed), folder / "campaign", timeout_s=900)
    assert code == OK, output
    return chosen(folder / "campaign")


def harass(folder: Path, seed: int, kills: int, expected: Chosen) -> Report:
    """Run a campaign to its verdict with at most so many kills on the way, and look at what is left.

    Parameters
    ----------
    folder : pathlib.Path
        Where the campaign goes, new.
    seed : int
        Of the campaign and of the blows.
    kills : int
        Kills at most; a campaign that ends before has fewer.
    expected : Chosen
        What the undisturbed campaign chose.
    """
    report, dice, begin = Report(seed), random.Random(seed), time.monotonic()
    with ExitStack() as opened:
        disk, others = folder / "disk", dict(OTHER_SHARES)
        try:
            opened.enter_context(small_disk(disk, DISK_MB))
        except NoSmallDisk:
            del others[fill_disk]
        config, output = chaos_config(folder / "config", seed), opened.enter_context((folder / "output.txt").open("a"))
        home, victims = disk / "campaign", shuffled(dice)
        target = Target(config, folder / "output.txt", home, home, start(config, home, stdout=output), dice)
        opened.callback(lambda: shutil.copytree(target.folder, folder / "campaign"))
        while not _one_driver(target, kills, victims, others, report):
            target.driver = start(config, target.folder, stdout=output, environ={MARK: str(home)})
        report.left = len(left_behind(home, 20))
    report.healed = target.output.read_text(errors="replace").count("starts again in place")
    examine(folder / "campaign", report, expected)
    report.wall_s = time.monotonic() - begin
    return report


def shuffled(dice: random.Random) -> Iterator[str]:
    """Yield victims for ever, each kind as often as the others."""
    while True:
        yield from dice.sample(VICTIMS, len(VICTIMS))


def _one_driver(
    target: Target,
    kills: int,
    victims: Iterator[str],
    others: dict[Callable[[Target], Blow | None], float],
    report: Report,
) -> bool:
    """Hit the campaign of a driver until it ends; return whether the campaign is at its end."""
    report.starts += 1
    before = len(report.blows)
    while report.kills() < kills and not target.ended():
        blow = _blow(target, victims, others)
        if blow is not None:
            report.blows.append(blow)
            with (target.config.parent.parent / "blows.txt").open("a") as file:
                print(f"{blow.t:.3f} {blow.what} {blow.lasted_s:.1f} {blow.odd}", file=file)
    code = target.driver.wait(timeout=900)
    struck = len(report.blows) > before
    odd = "" if code == OK or (struck and code in GO_ON) else f"exit code {code}: {target.last_words()}"
    report.blows.append(Blow(time.time() - STOPPING_S, END, STOPPING_S, odd))
    return not (struck and code in (*GO_ON, ERROR))


def _blow(target: Target, victims: Iterator[str], others: dict[Callable[[Target], Blow | None], float]) -> Blow | None:
    """Wait for a random instant, often just after a label began, and hit somebody."""
    dice = target.dice
    if dice.random() < AIMED_SHARE:
        target.until_a_label_begins()
        time.sleep(dice.uniform(0.0, 1.5 * PAUSE_S))
    else:
        time.sleep(dice.uniform(0.0, 4.0))
    if target.ended():
        return None
    draw = dice.random()
    for other, share in others.items():
        if draw < share:
            return other(target)
        draw -= share
    return kill(target, next(victims))


def main() -> int:
    """Run campaigns until there were enough kills, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-campaign", type=int, default=25, help="kills of one campaign at most")
    parser.add_argument("--keep", type=Path, default=None, help="folder to keep the campaigns in")
    options = parser.parse_args()
    root, reports, done, seed = options.keep or Path(tempfile.mkdtemp(prefix="chaos-")), [], 0, options.seed
    while done < options.kills:
        (root / str(seed)).mkdir(parents=True)
        expected = undisturbed(root / str(seed) / "peace", seed)
        reports.append(harass(root / str(seed), seed, min(options.per_campaign, options.kills - done), expected))
        done, seed = sum(report.kills() for report in reports), seed + 1
        print(table(reports[-1:]).splitlines()[1], *reports[-1].odd(), sep="\n", flush=True)
    print(f"\n{table(reports)}\n\nlabels of {PAUSE_S} s, budget.retries at its default; campaigns in {root}\n{LEGEND}")
    return 0 if all(report.sound() for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
