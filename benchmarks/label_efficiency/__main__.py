"""The commands of the benchmark; see the package."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import benchmarks.label_efficiency as package
from benchmarks.label_efficiency import retrospective
from benchmarks.label_efficiency.campaigns import all_of, run_all
from benchmarks.label_efficiency.evaluation import scores_of
from benchmarks.label_efficiency.reference import load_reference, make_reference
from benchmarks.label_efficiency.table import write_results
from benchmarks.label_efficiency.teacher import STEPS, load_teacher, make_teacher

POLICIES = ("disagreement", "random", "uniform")


def main() -> None:
    """Do one step of the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_efficiency", description=package.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("teacher", "reference", "campaigns", "table", "retrospective"):
        one = commands.add_parser(name)
        one.add_argument("--folder", type=Path, default=Path("runs/label_efficiency"), help="all that is made")
        if name in ("teacher", "retrospective"):
            one.add_argument("dataset", type=Path, help="dataset.extxyz of `alloop export`, README.json beside it")
        if name == "teacher":
            one.add_argument("--steps", type=int, default=STEPS, help="optimiser steps")
        if name in ("campaigns", "table", "retrospective"):
            one.add_argument("--policies", nargs="+", default=list(POLICIES))
            one.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
        if name == "campaigns":
            one.add_argument("--jobs", type=int, default=1, help="campaigns at the same time")
    _COMMANDS[(chosen := parser.parse_args()).command](chosen)


def _teacher(chosen: argparse.Namespace) -> None:
    chosen.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(make_teacher(chosen.dataset, chosen.folder, steps=chosen.steps), indent=2))


def _reference(chosen: argparse.Namespace) -> None:
    print(json.dumps(make_reference(load_teacher(chosen.folder, "float32"), chosen.folder), indent=2))


def _campaigns(chosen: argparse.Namespace) -> None:
    begin = time.monotonic()
    for one, how in run_all(all_of(chosen.folder, chosen.policies, chosen.seeds), chosen.jobs):
        print(f"{time.monotonic() - begin:6.0f} s  {one.name}: {how}", flush=True)


def _table(chosen: argparse.Namespace) -> None:
    reference, teacher = load_reference(chosen.folder), load_teacher(chosen.folder, "float32")
    scores = []
    for one in all_of(chosen.folder, chosen.policies, chosen.seeds):
        if one.finished():
            scores += scores_of(one, reference, teacher)
            print(f"{one.name}: scored", flush=True)
        else:
            print(f"{one.name}: not finished, left out", flush=True)
    write_results(scores, chosen.folder, "label_efficiency")


def _retrospective(chosen: argparse.Namespace) -> None:
    scores = retrospective.run(chosen.dataset, chosen.folder, chosen.policies, chosen.seeds)
    write_results(scores, chosen.folder, "retrospective")


_COMMANDS = {
    "teacher": _teacher,
    "reference": _reference,
    "campaigns": _campaigns,
    "table": _table,
    "retrospective": _retrospective,
}

if __name__ == "__main__":
    main()
