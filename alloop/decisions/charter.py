"""The charter of a campaign: its config, structures and policies, fixed while a driver runs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from alloop.config import CampaignConfig
from alloop.journal.events import CampaignCreated
from alloop.materials.structure import Structure
from alloop.state.fold_campaign import foundation_models
from policies.exploration import ExplorationPolicy
from policies.registry import load_policy
from policies.stopping.ladder import LadderStopping, StoppingPolicy

Goal = Literal["verdict", "taught", "transport", "subsets", "study"]
"""The goal of a driver: the verdict, a committee that the teacher taught, transport of the fitted rungs, a ladder of
random subsets, or a study.

Only the first explores and labels."""

RULES = 6
"""The rules of decisions that a new campaign begins with; an older one keeps its own.

What makes an expected error trusted and two rungs alike is no such rule: it is the same for all campaigns.

From 2 on, all fits to labels after a foundation or a teacher level their energies by element. From 3 on, fits after a
foundation have the lower learning rate of those after a teacher, and the walks of a teaching phase that a foundation
moves are long from the first. From 4 on, held-out walkers that begin at the resting lattice equilibrate before they
offer a frame, walkers of a young committee, unless taught or tuned, stay near what is labelled, and refits of one that
began with random weights begin with new ones. From 5 on, these have half of a rung's steps, if not more, and
frames of broken structures leave the held-out set. From 6 on, fits whose start is far from the labels learn like those
from random weights."""


@dataclass(frozen=True)
class Walker:
    """One exploring or held-out walker: its name, system and temperature (K).

    Attributes
    ----------
    orderings : int
        Orderings of its composition.
    turn : int
        Its place, from 0, among the walkers that differ from it only in the ordering.
    """

    id: str
    system: str
    temperature_K: float
    role: str
    orderings: int = 1
    turn: int = 0

    def share(self, times: int) -> int:
        """Return after how many shares of its composition it is due again, when it had its turn some times.

        The walkers of a composition that differ only in the ordering take turns, so that compositions of many and of
        few orderings have equal shares.
        """
        return times * self.orderings + self.turn


@dataclass(frozen=True)
class Charter:
    """Config, structures and policies of a campaign.

    Attributes
    ----------
    foundations : tuple of str
        The foundation as models of requests: one, the members of one that is a committee, or none.
    rules : int
        The rules that it began with, see `RULES`.
    compositions : dict
        The composition of each system that is one of its orderings; others are their own.
    """

    config: CampaignConfig
    systems: dict[str, Structure]
    elements: tuple[str, ...]
    foundations: tuple[str, ...]
    exploration: ExplorationPolicy
    stopping: StoppingPolicy
    goal: Goal = "verdict"
    rules: int = 1
    compositions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, created: CampaignCreated, config: CampaignConfig) -> Charter:
        """Build the charter of a campaign from its first event and its present config.

        Raises
        ------
        ValueError
            If a policy cannot be loaded; the message is one line.
        """
        return cls(
            config=config,
            systems={system.name: system.structure for system in created.systems},
            elements=created.elements,
            foundations=foundation_models(created),
            exploration=load_policy("exploration", config.explore.policy, config.explore.options),
            stopping=load_policy("stopping", config.ladder.policy, config.ladder.policy_options()),
            rules=created.rules,
            compositions={system.name: system.composition for system in created.systems},
        )

    @property
    def foundation(self) -> str | None:
        """The foundation, or the leader of one that is a committee, as a model of requests."""
        return self.foundation_of(0)

    def foundation_of(self, member: int) -> str | None:
        """Return where a member of the committee begins, as a model of requests; None without a foundation."""
        return self.foundations[member % len(self.foundations)] if self.foundations else None

    @cached_property
    def yardstick(self) -> LadderStopping:
        """The built-in comparison of two rungs, which the tables show for every stopping policy."""
        tolerances: dict[str, Any] = dict(self.config.ladder.tolerances())
        return LadderStopping(**tolerances)

    def composition(self, system: str) -> str:
        """Return the name of the composition of a system."""
        return self.compositions.get(system, system)

    def orderings(self, system: str) -> tuple[str, ...]:
        """Return the orderings of the composition of a system, itself among them, in the order of the config."""
        wanted = self.composition(system)
        return tuple(name for name in self.systems if self.composition(name) == wanted)

    def initial_frames(self, system: str) -> int:
        """Return how many initial frames a system has: its share of those of its composition."""
        orderings, frames = self.orderings(system), self.config.initial.frames
        return frames // len(orderings) + (orderings.index(system) < frames % len(orderings))

    def walkers(self, role: str) -> tuple[Walker, ...]:
        """Return the walkers of a role (``train`` or ``heldout``), in a fixed order."""
        return self._walkers[role]

    @cached_property
    def _walkers(self) -> dict[str, tuple[Walker, ...]]:
        return {role: tuple(self._of_role(role, mark)) for role, mark in (("train", ""), ("heldout", "heldout"))}

    def _of_role(self, role: str, mark: str) -> Iterator[Walker]:
        explore = self.config.explore
        places = {name: (self.orderings(name).index(name), len(self.orderings(name))) for name in self.systems}
        for replica in range(explore.replicas):
            for number, kelvin in enumerate(explore.temperatures_K):
                for name, (place, orderings) in places.items():
                    turn = (place + number + replica) % orderings
                    yield Walker(f"{name}.{kelvin:g}K.{mark}{replica}", name, kelvin, role, orderings, turn)

    def heldout_target(self, rung: int) -> int:
        """Return how many held-out frames judge a rung of this size."""
        return self.config.heldout.frames_for(rung)

    def seed(self, purpose: str) -> int:
        """Return the seed of a purpose: different for every purpose, the same for every run."""
        return stable_integer(f"{self.config.seed}/{purpose}") % 2**31

    def bootstrap_weight(self, member: int, frame: str) -> int:
        """Return how often a member's bootstrap sample holds a frame.

        Poisson(1) counts drawn once per member and frame, so that the sample grows with the data and a frame out
        of a member's bag stays out of it (online bootstrap: Oza & Russell, AISTATS 2001).
        """
        u = stable_integer(f"{self.config.seed}/bootstrap/{member}/{frame}") / 2**64
        count, term = 0, math.exp(-1.0)
        total = term
        while u > total and count < 20:
            count += 1
            term /= count
            total += term
        return count


def stable_integer(text: str) -> int:
    """Return a 64-bit integer that depends on nothing but the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
