"""Measured times of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatchmethod

import numpy as np

from alloop.decisions.charter import stable_integer
from alloop.tasks.contract.disorder import DisorderRequest
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreRequest
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.label import AtomRequest, LabelRequest
from alloop.tasks.contract.produce import ProduceRequest
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import SelectRequest

CHECKS_OF_A_SHORT_TASK_S = 0.5


@dataclass(frozen=True)
class Durations:
    """Measured times on one core.

    Attributes
    ----------
    label_s, label_spread : float
        Median time of a label (s), and the standard deviation of its logarithm.
    atom_s : float
        Isolated atom (s).
    md_step_s, look_s : float
        One step of a walker under the leader, and one look of all members (s).
    fit_step_s : float
        One optimiser step (s).
    evaluate_frame_s : float
        One held-out frame (s).
    select_candidate_s : float
        One candidate of a selection (s).
    early_stop : float
        Part of the longest schedule that a refit takes before its patience ends.
    """

    label_s: float
    label_spread: float
    atom_s: float
    md_step_s: float
    look_s: float
    fit_step_s: float
    evaluate_frame_s: float
    select_candidate_s: float = 1e-4
    early_stop: float = 1.0

    @singledispatchmethod
    def of(self, request: Request) -> float:
        """Return the time of a task (s); the same request takes the same time."""
        return CHECKS_OF_A_SHORT_TASK_S

    @of.register
    def _(self, request: LabelRequest) -> float:
        draw = np.random.default_rng(stable_integer(request.structure_sha256)).standard_normal()
        return float(self.label_s * np.exp(self.label_spread * draw))

    @of.register
    def _(self, request: AtomRequest) -> float:
        return self.atom_s

    @of.register
    def _(self, request: ExploreRequest) -> float:
        steps = sum(walker.steps for walker in request.walkers)
        looks = steps / request.check_every_steps if len(request.members) > 1 else 0
        swaps = steps / request.swaps.every_steps if request.swaps is not None else 0
        return (steps + swaps) * self.md_step_s + looks * self.look_s

    @of.register
    def _(self, request: FitRequest) -> float:
        part = 1.0 if request.patience is None else self.early_stop
        return request.max_steps * self.fit_step_s * part

    @of.register
    def _(self, request: EvaluateRequest) -> float:
        return CHECKS_OF_A_SHORT_TASK_S + len(request.frames) * self.evaluate_frame_s

    @of.register
    def _(self, request: ProduceRequest) -> float:
        return (request.steps + (request.equilibration_steps if request.start is None else 0)) * self.md_step_s

    @of.register
    def _(self, request: DisorderRequest) -> float:
        evaluations = request.blocks * request.attempts * (request.swaps.every_steps + 1)
        return len(request.walkers) * evaluations * self.md_step_s

    @of.register
    def _(self, request: SelectRequest) -> float:
        offers = sum(1 for _ in request.segments) * 8
        return CHECKS_OF_A_SHORT_TASK_S + offers * self.select_candidate_s
