"""A small plausible campaign as a journal: real events, a simulated clock, two slots, no DFT and no fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alloop.files.canonical_json import content_key
from alloop.journal.events import (
    AttemptLost,
    CampaignCreated,
    ChosenFrame,
    DriverStarted,
    DriverStopped,
    Event,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    RungJudged,
    TaskFinished,
    TaskPlanned,
    Tick,
    VerdictReached,
)
from alloop.journal.journal import Entry, Journal
from alloop.journal.systems import SystemRecord
from alloop.tasks.contract.records import Offer, Result, Timing
from alloop.tasks.workspace import Workspace
from policies.stopping.ladder import LadderStopping, RungEvidence, summarise
from tests.support.stories import TEMPERATURES_K, USUAL, Story, config, label_data, structure

START_T = 1_750_000_000.0
ELEMENTS = ("Li", "In", "Cl")
SECONDS = {"atom": 20.0, "initial": 1.0, "explore": 4.0, "label": 12.0, "fit": 9.0, "evaluate": 2.0}
SLOT_KIND = {"atom": "label", "initial": "explore", "evaluate": "measure"}


@dataclass
class Stage:
    """Collects timed events while two slots work."""

    story: Story
    events: list[tuple[float, Event]] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    labels: int = 0
    made: dict[str, int] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)

    def say(self, t: float, event: Event) -> float:
        self.events.append((t, event))
        return t

    def task(
        self, t: float, purpose: str, context: dict[str, Any], summary: dict[str, Any], task: str = "", **outcome: Any
    ) -> float:
        """Plan a task when a slot is free, finish it after its usual time, and return when."""
        task = task or purpose.partition("/")[0]
        lane = min(range(self.story.slots), key=self.free.__getitem__)
        start = max(t, self.free[lane])
        seconds = SECONDS[task] * (1.0 + 0.1 * math.sin(len(self.events)))
        self.free[lane] = end = start + seconds
        key, slot_kind = content_key(purpose), SLOT_KIND.get(task, task)
        plan = TaskPlanned(purpose=purpose, key=key, task=task, slot_kind=slot_kind, request={}, context=context)
        self.say(start, plan)
        if outcome.pop("lost", False):
            self.say(start + 1.0, AttemptLost(purpose=purpose, key=key, error="worker died (signal 9)"))
        timing = Timing(
            started_t=START_T + start + 0.05,
            finished_t=START_T + end - 0.05,
            cpu_s=seconds - 0.3,
            cores=1,
            host=self.story.host,
            pid=100 + lane,
        )
        status = outcome.pop("status", "ok")
        done = TaskFinished(
            purpose=purpose, key=key, status=status, timing=timing, summary=summary if status == "ok" else {}, **outcome
        )
        return self.say(end, done)

    def offers(
        self, t: float, walker: str, count: int, generation: int | None, role: str = "train"
    ) -> tuple[float, list[str]]:
        """Let a walker run its next segment and return the frames it offers."""
        segment = self.segments.get(walker, 0)
        self.segments[walker] = segment + 1
        initial, level = generation is None, 0.4 / (1 + (generation or 0))
        temperature = None if initial else TEMPERATURES_K[segment % 2]
        offers = [
            Offer(
                index=index,
                why="initial" if initial else "random" if role == "heldout" or index == 0 else "disagreement",
                step=10 * index,
                temperature_K=temperature,
                disagreement_eV_per_A=None if initial or role == "heldout" else level * (1 + 0.2 * index),
                min_contact=0.8,
                structure_sha256=content_key([walker, segment, index]),
            ).model_dump(mode="json")
            for index in range(count)
        ]
        name = f"initial/{self.story.system}" if initial else f"explore/{walker}/{segment}"
        context = {"walker": walker, "segment": segment, "system": self.story.system, "generation": generation}
        if not initial:
            context |= {"temperature_K": temperature, "role": role, "round": 0, "start": None}
        summary = {
            "offers": offers,
            "ended": "contact" if segment == 3 else "length",
            "steps": 250,
            "looks": 25,
            "mean_temperature_K": temperature,
            "max_disagreement_eV_per_A": None if initial else level * 2,
            "gated": {"contact": 1} if segment == 3 else {},
        }
        return self.task(t, name, context, summary), [f"{walker}/{segment}/{index}" for index in range(count)]

    def label(self, t: float, frame: str) -> tuple[float, bool]:
        """Label a frame; some fail."""
        number, self.labels = self.labels, self.labels + 1
        fails = number in self.story.failing
        data = label_data(number)
        summary = {"energy_eV": data.energy_eV, "atoms": 10, "max_force_eV_per_A": 1.5, "scf_iterations": 20 + number}
        outcome: dict[str, Any] = {"lost": number in self.story.lost}
        if fails:
            outcome |= {"status": "failed", "reason": self.story.failure_reason, "detail": self.story.failure_detail}
        else:
            self.made[f"label/{frame}"] = number
        return self.task(t, f"label/{frame}", {"frame": frame}, summary, **outcome), not fails

    def fit(self, t: float, purpose: str, context: dict[str, Any], size: int, fixed: bool) -> float:
        history = [
            {
                "step": step,
                "loss": 1.0 / step,
                "rmse_energy_meV_per_atom": 40 / math.sqrt(step),
                "rmse_forces_meV_per_A": (900 + 2000 / size) / math.sqrt(step),
                "learning_rate": 0.01,
            }
            for step in range(50, 650, 50)
        ]
        summary = {
            "model_sha256": content_key(purpose),
            "steps": 600,
            "stopped": "schedule" if fixed else "patience",
            "watched": "train" if fixed else "valid",
            "history": history,
            "parameters": 12345,
        }
        return self.task(t, purpose, context, summary)


def script(story: Story = USUAL) -> tuple[list[tuple[float, Event]], dict[str, int]]:
    """Return the campaign's events with their times (s), and the seed of the label data of every label's purpose."""
    stage = Stage(story, free=[0.0] * story.slots)
    t = _begin(stage)
    train, heldout, generation, judged = _initial(stage, t)
    t = max(stage.free)
    evaluated: dict[int, list[str]] = {}
    for target in _targets(story):
        rung = target if target in story.rungs else None
        t, chosen = _select(stage, t, generation, target - len(train))
        train += chosen
        if rung:
            t = _draw(stage, t, generation, heldout, math.ceil(story.heldout_fraction * rung))
        generation += 1
        t = _generation(stage, t, generation, len(train), rung)
        if rung:
            evaluated[rung] = [f"fit:{content_key(f'fit/r{rung}/f{fit}')}" for fit in range(story.fits)]
            t = _evaluate(stage, t, evaluated, heldout, judged)
    stage.say(t + 1.0, DriverStopped(reason="finished"))
    return sorted(stage.events, key=lambda pair: pair[0]), stage.made


def _targets(story: Story) -> list[int]:
    targets = {story.rungs[-1], *story.rungs}
    return sorted(targets | set(range(story.initial + story.batch, story.rungs[-1], story.batch)))


def _begin(stage: Stage) -> float:
    story = stage.story
    stage.say(
        0.0,
        CampaignCreated(
            name=story.name,
            config=config(story).model_dump(mode="json"),
            science_sha256=content_key("science"),
            systems=(SystemRecord(name=story.system, structure=structure()),),
            elements=ELEMENTS,
            code={"gpaw": "26.7.0", "setups": "24.11.0"},
            versions={"alloop": "0.1.0", "python": "3.11", "torch": "2.13"},
            run_id=story.run_id,
        ),
    )
    t = stage.say(0.1, DriverStarted(host=story.host, pid=99, version="0.1.0"))
    for element in ELEMENTS:
        stage.task(t, f"atom/{element}", {"element": element}, {"energy_eV": -1.0, "magnetic_moment_muB": 1.0})
    return t


def _initial(stage: Stage, t: float) -> tuple[list[str], list[str], int, list[Event]]:
    t, frames = stage.offers(t, f"{stage.story.system}.initial", stage.story.initial, None)
    chosen = tuple(ChosenFrame(id=frame, rank=rank, why="initial") for rank, frame in enumerate(frames))
    t = stage.say(t + 0.1, FramesSelected(generation=None, policy="initial", seed=7, chosen=chosen))
    ends = [stage.label(t, frame)[0] for frame in frames]
    _generation(stage, max(ends), 0, len(frames), None)
    return frames, [], 0, []


def _select(stage: Stage, t: float, generation: int, want: int) -> tuple[float, list[str]]:
    """Explore, select until `want` labels came out well, and return the frames that did."""
    good: list[str] = []
    while len(good) < want:
        pool: list[str] = []
        ends = [t]
        for walker in ("600K.0", "1000K.0", "600K.1", "1000K.1"):
            end, frames = stage.offers(t, f"{stage.story.system}.{walker}", 5, generation)
            pool += frames
            ends.append(end)
        wanted = want - len(good)
        chosen = tuple(ChosenFrame(id=frame, rank=i, why="disagreement") for i, frame in enumerate(pool[:wanted]))
        rejected = {frame: ("known", "walker_cap")[i % 2] for i, frame in enumerate(pool[wanted:])}
        t = stage.say(
            max(ends) + 0.1,
            FramesSelected(generation=generation, policy="disagreement", seed=1, chosen=chosen, rejected=rejected),
        )
        outcomes = [(frame.id, *stage.label(t, frame.id)) for frame in chosen]
        good += [frame for frame, _, fine in outcomes if fine]
        t = max(end for _, end, _ in outcomes)
    return t, good


def _draw(stage: Stage, t: float, generation: int, heldout: list[str], target: int) -> float:
    while len(heldout) < target:
        side = len(heldout) % 2
        walker = f"{stage.story.system}.{TEMPERATURES_K[side]:g}K.heldout0"
        t, frames = stage.offers(t, walker, 1, generation, role="heldout")
        t = stage.say(t + 0.1, HeldoutDrawn(frames=tuple(frames)))
        t, fine = stage.label(t, frames[0])
        heldout += frames if fine else []
    return t


def _generation(stage: Stage, t: float, number: int, labels: int, rung: int | None) -> float:
    missing = ()
    selected = [e for _, e in stage.events if isinstance(e, FramesSelected)]
    order = [choice.id for event in selected for choice in event.chosen]
    missing = tuple(frame for frame in order if f"label/{frame}" not in stage.made)
    opened = GenerationOpened(number=number, upto=len(order), missing=missing, labels=labels, rung=rung)
    t = stage.say(t + 0.1, opened)
    ends = []
    for member in range(stage.story.committee):
        if member == 0 and rung is not None:
            context = {"rung": rung, "fit": 0, "generation": number, "member": 0}
            ends.append(stage.fit(t, f"fit/r{rung}/f0", context, rung, fixed=True))
        else:
            context = {"rung": None, "generation": number, "member": member}
            ends.append(stage.fit(t, f"fit/g{number}/m{member}", context, labels, fixed=False))
    for fit in range(1, stage.story.fits if rung else 1):
        context = {"rung": rung, "fit": fit, "generation": None}
        ends.append(stage.fit(t, f"fit/r{rung}/f{fit}", context, rung or 1, fixed=True))
    return max(ends)


def _errors(size: int, fit: int, frames: int) -> dict[str, list[float]]:
    rng = np.random.default_rng([size, fit])
    scale = 1.0 / math.sqrt(size) if size < 40 else 0.95 / math.sqrt(24)
    return {
        "energy_error_eV_per_atom": [float(x) for x in 0.02 * scale * (1 + 0.03 * rng.normal(size=frames))],
        "forces_squared_error": [float(x) for x in (0.4 * scale * (1 + 0.03 * rng.normal(size=frames))) ** 2],
    }


def _evaluate(stage: Stage, t: float, rungs: dict[int, list[str]], heldout: list[str], judged: list[Event]) -> float:
    count, ends, evidence = len(heldout), [t], []
    cluster = tuple(frame.split("/")[0] for frame in heldout)
    for size, models in rungs.items():
        found = [_errors(size, fit, count) for fit in range(len(models))]
        for fit, (model, errors) in enumerate(zip(models, found, strict=True)):
            context = {"model": model, "heldout": count, "of": f"r{size}/f{fit}"}
            ends.append(stage.task(t, f"evaluate/r{size}/f{fit}/h{count}", context, errors))
        columns = {name: np.array([errors[name] for errors in found]) for name in found[0]}
        energy, forces = columns["energy_error_eV_per_atom"], columns["forces_squared_error"]
        evidence.append(RungEvidence(size, energy, forces, cluster))
    t = max(ends)
    verdict = LadderStopping().judge(evidence, stage.story.rungs, 1)
    table = tuple(asdict(summarise(rung)) for rung in evidence)
    judgements = tuple(asdict(j) for j in verdict.judgements) if verdict else ()
    size = evidence[-1].size
    judged.append(RungJudged(size=size, heldout=count, table=table, judgements=judgements))
    t = stage.say(t + 0.1, judged[-1])
    if verdict:
        stage.say(t, VerdictReached(verdict=verdict.kind, reason=verdict.reason))
    return t


def play(
    folder: Path, story: Story = USUAL, *, upto: int | None = None, arrays: bool = False, ticks: bool = True
) -> list[Entry]:
    """Write the campaign's journal, and its label files with `arrays`, and return its entries."""
    events, made = script(story)
    events = with_ticks(events) if ticks else events
    now = [START_T]
    with Journal(folder, clock=lambda: now[0]) as journal:
        for t, event in events[:upto]:
            now[0] = START_T + t
            journal.append([event])
        entries = list(journal.entries())
    if arrays:
        write_labels(Workspace(folder), made)
    return entries


def with_ticks(events: Sequence[tuple[float, Event]], every_s: float = 5.0) -> list[tuple[float, Event]]:
    """Put ticks where nothing happens for a while."""
    out: list[tuple[float, Event]] = []
    for t, event in events:
        last = out[-1][0] if out else t
        while t - last > every_s:
            last += every_s
            out.append((last, Tick()))
        out.append((t, event))
    return out


def write_labels(workspace: Workspace, made: dict[str, int]) -> None:
    """Write the result files of the labels."""
    for purpose, seed in made.items():
        data = label_data(seed)
        workspace.write(Result(key=content_key(purpose), kind="label", status="ok", data=data.model_dump(mode="json")))
