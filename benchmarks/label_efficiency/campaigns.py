"""Real campaigns, one for every policy and seed, with the teacher as their engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alloop.journal.verdicts import LIFTABLE_VERDICTS
from alloop.reading import read
from alloop.state.state import CampaignState
from benchmarks.label_efficiency.dynamics import STRUCTURE
from benchmarks.label_efficiency.teacher import ABOUT_FILE, MODEL_FILE

TEMPLATE = Path(__file__).with_name("campaign.yaml")


@dataclass(frozen=True)
class One:
    """One campaign: its policy, its seed and its folder."""

    policy: str
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """Name of the campaign."""
        return f"{self.policy.rpartition(':')[2].lower()}-{self.seed}"

    @property
    def root(self) -> Path:
        """Where alloop keeps it."""
        return self.folder / "campaigns" / self.name

    @property
    def config(self) -> Path:
        """Its config."""
        return self.folder / "configs" / f"{self.name}.yaml"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of labels at which there are models."""
        return tuple(template()["ladder"]["rungs"])

    def state(self) -> CampaignState:
        """Return what its journal says."""
        return read(self.root).state

    def finished(self) -> bool:
        """Return whether all its models stand."""
        if not (self.root / "journal.sqlite").is_file():
            return False
        verdict = self.state().verdict
        return verdict is not None and verdict.verdict not in LIFTABLE_VERDICTS


def template() -> dict[str, Any]:
    """Return the config that all campaigns share."""
    shared: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return shared


def all_of(folder: Path, policies: Sequence[str], seeds: Sequence[int]) -> list[One]:
    """Return the campaigns of some policies and seeds, those of one seed beside each other."""
    return [One(policy, seed, folder) for seed in seeds for policy in policies]


def write_config(one: One) -> Path:
    """Write the config of a campaign, with the structure beside it, and return its path."""
    about = json.loads((one.folder / ABOUT_FILE).read_text(encoding="utf-8"))
    config = {"name": one.name, "seed": one.seed, **template()}
    config["label"] = {
        "engine": "ase",
        "calculator": "benchmarks.label_efficiency.oracle:Teacher",
        "arguments": {"model": str((one.folder / MODEL_FILE).resolve()), "sha256": about["sha256"]},
    }
    config["select"] = {"policy": one.policy, **config["select"]}
    one.config.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(STRUCTURE, one.config.parent / STRUCTURE.name)
    one.config.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return one.config


def run_all(campaigns: Sequence[One], jobs: int) -> Iterator[tuple[One, str]]:
    """Run or continue campaigns, some at the same time, and yield each with how it went."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(campaigns, pool.map(_run, campaigns), strict=True)


def _run(one: One) -> str:
    if one.finished():
        return "stands"
    log = one.folder / "logs" / f"{one.name}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "alloop", "run", str(write_config(one)), "--folder", str(one.root), "--plain"]
    with log.open("a", encoding="utf-8") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    return "finished" if one.finished() else f"ended with code {code}, see {log}"
