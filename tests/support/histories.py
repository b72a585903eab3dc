"""The history of a campaign told in events, and the state that is their fold: no files, no clock, no workers.

A state that no journal can lead to says nothing about a decision. So every method tells what the loop would journal:

    History().atoms().labelled(12).fitted(rung=12).pending(3).heldout(4).evaluated(12, heldout=4)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from ase import Atoms
from ase.build import bulk

from alloop.config import CampaignConfig
from alloop.decisions.charter import Charter, Goal
from alloop.decisions.stages import Wanted
from alloop.files.canonical_json import content_key
from alloop.journal.events import (
    CampaignCreated,
    Event,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    RungJudged,
    SelectionAsked,
    TaskFinished,
    TaskPlanned,
)
from alloop.journal.journal import Entry
from alloop.journal.systems import SystemRecord
from alloop.materials.structure import Structure
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.tasks.contract.records import Timing
from alloop.tasks.contract.select import ChosenFrame
from tests.support.small import CODE, SMALL, config
from tests.support.summaries import offer, produced_walker

SLOT_KINDS = {"atom": "label", "probe": "label", "initial": "explore", "teach": "explore"}
MEASURING = ("evaluate", "select", "calibrate", "produce", "measure")
FOUNDATION = "f" * 64
ROCK_SALT = bulk("NaCl", "rocksalt", 5.6)
WALKERS = ("A.600K.0", "A.1000K.0", "A.600K.1", "A.1000K.1")
HELDOUT_WALKERS = ("A.600K.heldout0", "A.1000K.heldout0", "A.600K.heldout1", "A.1000K.heldout1")

ANSWERS: dict[str, dict[str, Any]] = {
    "label": {"energy_eV": -1.0, "atoms": 2, "max_force_eV_per_A": 0.1},
    "select": {"candidates": 0, "unreadable": 0, "chosen": 0, "rejected": {}, "waiting": 0},
    "fit": {
        "model_sha256": "0" * 64,
        "steps": 1,
        "stopped": "schedule",
        "watched": "train",
        "history": [],
        "parameters": 1,
    },
}
"""Summaries of tasks that went well, where a test does not care."""


class History:
    """A campaign told event by event. What tells something returns the history, so that sentences can be joined.

    Parameters
    ----------
    systems : mapping of str to Atoms
        Structures by name; one rock salt called A by default.
    compositions : mapping of str to str
        The composition of each system that is one of its orderings.
    foundation : bool
        Whether the campaign begins with a foundation model.
    head : str or None
        The head of that model that its config names.
    foundation_members : int
        Members of a foundation that is a committee.
    rules : int
        The rules of decisions that it begins with.
    goal : str
        What the driver works for.
    code : mapping of str to str
        Identity of the code of the labels.
    step_s : float
        Time from one event to the next (s).
    **changes
        Sections of the config; what they do not name is as in `tests.support.small.config`.
    """

    def __init__(
        self,
        *,
        systems: Mapping[str, Atoms] | None = None,
        compositions: Mapping[str, str] | None = None,
        foundation: bool = False,
        head: str | None = None,
        foundation_members: int = 0,
        rules: int = 1,
        goal: Goal = "verdict",
        code: Mapping[str, str] = CODE,
        step_s: float = 0.0,
        **changes: Any,
    ) -> None:
        self.state, self.entries = CampaignState(), list[Entry]()
        self.now, self.step_s = 1000.0, step_s
        self.config = _merged(changes)
        structures = {name: Structure.from_atoms(atoms) for name, atoms in (systems or {"A": ROCK_SALT}).items()}
        created = CampaignCreated(
            name="history",
            config=self.config.model_dump(mode="json"),
            science_sha256="0" * 64,
            systems=tuple(
                SystemRecord(name=name, structure=one, composition=(compositions or {}).get(name, name))
                for name, one in structures.items()
            ),
            elements=tuple(dict.fromkeys(element for one in structures.values() for element in one.elements())),
            code=dict(code),
            versions={},
            run_id="history",
            foundation=FOUNDATION if foundation else None,
            foundation_head=head,
            foundation_members=foundation_members,
            rules=rules,
        )
        self.charter = replace(Charter.of(created, self.config), goal=goal)
        self.say(created)
        if foundation:
            self.say(GenerationOpened(number=0, upto=0, labels=0, foundation=True))

    def say(self, *events: Event) -> History:
        """Fold events."""
        for event in events:
            self.now += self.step_s
            self.entries.append(Entry(len(self.entries) + 1, self.now, event))
            apply(self.state, self.entries[-1])
        return self

    # -- tasks -----------------------------------------------------------------------------------------------

    def begin(self, purpose: str, context: Mapping[str, Any] | None = None, **request: Any) -> History:
        """Plan a task; its kind is the first word of its purpose."""
        kind = purpose.partition("/")[0]
        slot_kind = SLOT_KINDS.get(kind, "measure" if kind in MEASURING else kind)
        key = content_key([purpose, request])
        return self.say(
            TaskPlanned(
                purpose=purpose, key=key, task=kind, slot_kind=slot_kind, request=request, context=dict(context or {})
            )
        )

    def end(self, purpose: str, summary: Mapping[str, Any] | None = None, **outcome: Any) -> History:
        """Finish a task that runs: with a summary, or with the `reason` of its failure; `cpu_s` is what it cost."""
        cpu_s, status = outcome.pop("cpu_s", None), "failed" if outcome.get("reason") else "ok"
        spent = {"started_t": self.now, "finished_t": self.now, "cores": 1, "host": "h", "pid": 1}
        timing = None if cpu_s is None else Timing.model_validate({**spent, "cpu_s": cpu_s})
        task = self.state.tasks[purpose]
        answer = summary or (ANSWERS.get(task.task, {}) if status == "ok" else {})
        return self.say(
            TaskFinished(purpose=purpose, key=task.key, status=status, summary=dict(answer), timing=timing, **outcome)
        )

    def do(
        self,
        purpose: str,
        context: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        **outcome: Any,
    ) -> History:
        """Plan a task and finish it."""
        return self.begin(purpose, context).end(purpose, summary, **outcome)

    def atoms(self) -> History:
        """Compute the energies of all isolated atoms."""
        for element in self.charter.elements:
            self.do(f"atom/{element}", {"element": element}, {"energy_eV": -1.0})
        return self

    # -- frames ----------------------------------------------------------------------------------------------

    def explore(self, walker: str, *, generation: int | None = None) -> str:
        """Begin the next segment of a walker, and return its purpose."""
        known, active = self.state.walkers.get(walker), self.state.active()
        number = known.segments if known else 0
        purpose = f"explore/{walker}/{number}"
        own = {"walker": walker, "segment": number, "system": walker.partition(".")[0], "temperature_K": 600.0}
        self.begin(
            purpose,
            {
                "generation": generation if generation is not None else active.number if active else 0,
                "role": "heldout" if "heldout" in walker else "train",
                "round": self.state.selections,
                "walkers": [{**own, "start": None}],
            },
        )
        return purpose

    def offer(self, walker: str, *whys: str, ended: str = "length", generation: int | None = None) -> list[str]:
        """Let a walker run its next segment, and return the names of the frames that it offers."""
        purpose = self.explore(walker, generation=generation)
        name = purpose.removeprefix("explore/")
        offers = [offer(name, index, why) for index, why in enumerate(whys)]
        self.end(purpose, {"walkers": [{"offers": offers, "ended": ended}]})
        return [f"{name}/{index}" for index in range(len(whys))]

    def rattled(self, count: int, system: str = "A") -> list[str]:
        """Offer rattled copies of a system, and return their names."""
        walker = f"{system}.initial"
        known = self.state.walkers.get(walker)
        number = known.segments if known else 0
        name = f"{walker}/{number}"
        context = {"walker": walker, "segment": number, "system": system, "generation": None}
        purpose = f"initial/{system}" + (f"/{number}" if number else "")
        self.do(purpose, context, {"offers": [offer(name, index, "initial") for index in range(count)]})
        return [f"{name}/{index}" for index in range(count)]

    def asked(self, count: int = 6, oldest: int = 0) -> str:
        """Ask for a selection and begin it; return its purpose."""
        active, number = self.state.active(), self.state.selections
        generation = active.number if active else 0
        self.say(SelectionAsked(number=number, generation=generation, oldest=oldest, count=count, seed=1))
        self.begin(f"select/{number}")
        return f"select/{number}"

    def selected(
        self, frames: Sequence[str], *, why: str = "disagreement", rejected: Mapping[str, str] | None = None
    ) -> History:
        """Select frames that were offered: rattled ones at once, others by a task."""
        if frames and frames[0] in self.state.pool_initial:
            generation, policy, why = None, "initial", "initial"
        else:
            purpose = f"select/{self.state.selections}" if self.state.asked else self.asked(len(frames))
            generation, policy = self._asked().generation, "disagreement"
            self.end(purpose)
        chosen = tuple(ChosenFrame(id=name, rank=rank, why=why) for rank, name in enumerate(frames, start=1))
        return self.say(
            FramesSelected(generation=generation, policy=policy, seed=1, chosen=chosen, rejected=dict(rejected or {}))
        )

    def _asked(self) -> SelectionAsked:
        assert self.state.asked is not None
        return self.state.asked.event

    def pending(self, count: int, *, why: str = "disagreement") -> History:
        """Select more training frames: rattled copies before there is a committee, then what walkers offer."""
        if not count:
            return self
        if self.state.active() is None:
            return self.selected(self.rattled(count))
        return self.selected(self.offer(WALKERS[0], *["random"] * count), why=why)

    def labelled(self, count: int, *, why: str = "disagreement") -> History:
        """Select more training frames and label them."""
        before = len(self.state.train_order)
        return self.pending(count, why=why).label(self.state.train_order[before:])

    def failing(self, count: int, reason: str = "scf") -> History:
        """Select more training frames whose labels fail."""
        before = len(self.state.train_order)
        return self.pending(count).label(self.state.train_order[before:], reason=reason)

    def label(self, frames: Iterable[str], **outcome: Any) -> History:
        """Label frames that wait for it, or fail to."""
        for name in list(frames):
            purpose = f"label/{name}"
            if purpose not in self.state.running:
                self.begin(purpose, {"frame": name})
            self.end(purpose, **outcome)
        return self

    def drawn(self, count: int) -> list[str]:
        """Draw more held-out frames, one of each walker in turn, and return their names."""
        names = []
        for number in range(count):
            walker = HELDOUT_WALKERS[(len(self.state.heldout_order) + number) % len(HELDOUT_WALKERS)]
            names += self.offer(walker, "random")
        self.say(HeldoutDrawn(frames=tuple(names)))
        return names

    def heldout(self, count: int) -> History:
        """Draw more held-out frames and label them."""
        return self.label(self.drawn(count))

    # -- models ----------------------------------------------------------------------------------------------

    def opened(self, *, rung: int | None = None) -> History:
        """Open a refit on all labels so far, or on the first ones that fill a rung."""
        state = self.state
        upto, labels = 0, 0
        for name in state.train_order:
            if rung is not None and labels == rung:
                break
            upto, labels = upto + 1, labels + (state.frames[name].status == "labelled")
        missing = tuple(name for name in state.train_order[:upto] if state.frames[name].status != "labelled")
        number = len(state.generations)
        return self.say(GenerationOpened(number=number, upto=upto, missing=missing, labels=labels, rung=rung))

    def fitted(self, *, rung: int | None = None) -> History:
        """Open a refit and fit its whole committee, and all fits of its rung."""
        self.opened(rung=rung)
        number = self.state.generations[-1].number
        for member in range(self.state.members()):
            self.member(number, member)
        return self if rung is None else self.rung_fits(rung)

    def member(self, generation: int, member: int, **outcome: Any) -> History:
        """Fit one member of a generation; the leader of a rung's committee is its first fit."""
        rung = self.state.generations[generation].rung if member == 0 else None
        context = {"rung": rung, "generation": generation, "member": member}
        if rung is not None:
            return self.do(f"fit/r{rung}/f0", {**context, "fit": 0}, **outcome)
        return self.do(f"fit/g{generation}/m{member}", context, **outcome)

    def rung_fits(self, size: int, *, subset: bool = False) -> History:
        """Fit what is not fitted yet of a rung, or of a random subset."""
        rung = (self.state.subsets if subset else self.state.rungs)[size]
        for fit in range(len(rung.models), self.charter.config.ladder.fits):
            context = {"rung": size, "fit": fit, "generation": None, "subset": subset}
            self.do(f"fit/{rung.name}/f{fit}", context)
        return self

    # -- the ladder ------------------------------------------------------------------------------------------

    def evaluated(
        self, rung: str | int, heldout: int, *, error: float = 0.1, frames: int | None = None, retirements: int = 0
    ) -> History:
        """Evaluate all fits of a rung on some held-out frames, with the same errors on each of them."""
        state = self.state
        known = state.rung(rung if isinstance(rung, str) else f"r{rung}")
        count = heldout if frames is None else frames
        errors = {"energy_error_eV_per_atom": [error] * count, "forces_squared_error": [error**2] * count}
        for fit, model in known.models.items():
            name, again = f"{known.name}/f{fit}", f"/retired{retirements}" if retirements else ""
            context = {"model": model, "heldout": heldout, "of": name, "retirements": retirements}
            self.do(f"evaluate/{name}/h{heldout}{again}", context, errors)
        return self

    def produced(self, rung: str, fit: int = 0, *, batch: int = 0, ended: str = "length", **outcome: Any) -> History:
        """Run the next segment of a rung's production."""
        run = self.state.runs.get((rung, fit, "A", batch))
        number = len(run.segments) if run else 0
        context = {"rung": rung, "fit": fit, "system": "A", "batch": batch, "measuring": self.state.measurings}
        summary = {} if outcome.get("reason") else {"walkers": [produced_walker(ended)]}
        return self.do(f"produce/{rung}/f{fit}/A/b{batch}/{number}{self._again()}", context, summary, **outcome)

    def measured(
        self, rung: str, fit: int, ps: float, transport: Mapping[str, Any] | None = None, system: str = "A"
    ) -> History:
        """Measure the transport of one fit; None where that fails."""
        context = {"rung": rung, "fit": fit, "system": system, "production_ps": ps, "measuring": self.state.measurings}
        summary = None if transport is None else {"transport": transport}
        outcome = {"reason": "error"} if transport is None else {}
        return self.do(f"measure/{rung}/f{fit}/{system}/{ps:g}ps{self._again()}", context, summary, **outcome)

    def _again(self) -> str:
        return f"@{self.state.measurings}" if self.state.measurings else ""

    def study(self, task: Wanted, **outcome: Any) -> History:
        """Plan a task of a study and finish it."""
        return self.begun_study(task).end(task.purpose, **outcome)

    def begun_study(self, task: Wanted) -> History:
        """Plan a task of a study."""
        request = task.build()
        return self.say(
            TaskPlanned(
                purpose=task.purpose,
                key=request.key(),
                task=request.kind,
                slot_kind=task.slot_kind,
                request=request.model_dump(mode="json"),
                context=task.context,
            )
        )

    def judged(self, size: int, heldout: int = 4, *, final: bool = True, production_ps: float = 0.0) -> History:
        """Judge a rung."""
        facts = {"size": size, "heldout": heldout, "final": final, "production_ps": production_ps}
        return self.say(RungJudged.model_validate({**facts, "table": (), "judgements": ()}))


def changes(history: History, happen: Callable[[], Any]) -> set[str]:
    """Return which fields of the state something changes, beside those that count events and time."""
    before = deepcopy(vars(history.state))
    happen()
    after = vars(history.state)
    return {name for name in after if after[name] != before[name]} - {"seq", "last_t"}


def _merged(changes: Mapping[str, Any]) -> CampaignConfig:
    """Return the small campaign's config with some settings changed, one by one inside its sections."""
    sections = {name: value for name, value in changes.items() if isinstance(value, dict) and name in SMALL}
    return config(**{**changes, **{name: {**SMALL[name], **value} for name, value in sections.items()}})
