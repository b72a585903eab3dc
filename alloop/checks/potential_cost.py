"""What molecular dynamics, fits and production runs of a campaign take, from the times of single steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

from alloop.checks.cost import Projection, production_runs
from alloop.config.campaign import CampaignConfig

SWAP_STEPS = 3.0
"""Steps that an attempt to swap takes, about: one evaluation, new lists of pairs, and a look that cannot share it."""
_BYTES_PER_COORDINATE = 4
_LABEL_BYTES = 40_000
"""A label, its frame, its result and its share of the journal, about."""


@dataclass(frozen=True)
class PotentialTimes:
    """Times of single steps on one core.

    Attributes
    ----------
    md_step_s, look_s : mapping of float
        A step of one walker, and a look of all members, in the cell of a system (s), by its name.
    production_step_s : mapping of float
        A step in the supercell in which a system is measured (s), by its name.
    fit_step_s : float
        An optimiser step (s).
    model_bytes : int
        Size of a model's file.
    """

    md_step_s: Mapping[str, float]
    look_s: Mapping[str, float]
    production_step_s: Mapping[str, float]
    fit_step_s: float
    model_bytes: int


@dataclass(frozen=True)
class PotentialCost:
    """What all but the labels takes.

    Attributes
    ----------
    exploring_core_hours : float
        Segments of exploring and held-out walkers with the looks of the committee, at least.
    fits_core_hours : float
        Fits of teaching, members and rungs; at most, as those of members end early where they stop to improve.
    production_core_hours : tuple of float
        Runs of the first and of the longest length; zeros without a ``measure`` section.
    stored_bytes : int
        Models, labels and trajectories of the longest runs.
    """

    exploring_core_hours: float
    fits_core_hours: float
    production_core_hours: tuple[float, float]
    stored_bytes: int

    @property
    def core_hours(self) -> float:
        """Return all of it, with runs of the first length."""
        return self.exploring_core_hours + self.fits_core_hours + self.production_core_hours[0]


def potential_cost(config: CampaignConfig, projection: Projection, times: PotentialTimes) -> PotentialCost:
    """Return what a campaign takes that climbs its whole ladder, but for its labels."""
    explore = config.explore
    steps = explore.segment_fs / explore.timestep_fs
    swaps = 0.0 if explore.swaps is None else explore.timestep_fs / explore.swaps.every_fs
    step_s = mean(
        (1.0 + SWAP_STEPS * swaps) * times.md_step_s[one.name] + times.look_s[one.name] / explore.check_every_steps
        for one in projection.systems
    )
    return PotentialCost(
        exploring_core_hours=projection.segments * steps * step_s / 3600,
        fits_core_hours=_fit_steps(config, projection) * times.fit_step_s / 3600,
        production_core_hours=_production(config, projection, times),
        stored_bytes=_stored(config, projection, times),
    )


def wall_h(config: CampaignConfig, projection: Projection, cost: PotentialCost) -> float | None:
    """Return the shortest time in which all of it can be done on the config's workers (h); None without timed labels.

    An executor that serves several kinds of work does them one after another.
    """
    if projection.dft_core_hours is None:
        return None
    work = {
        "label": projection.dft_core_hours,
        "fit": cost.fits_core_hours,
        "explore": cost.exploring_core_hours,
        "produce": cost.production_core_hours[0],
    }
    hours: dict[str, float] = {}
    for kind, core_hours in work.items():
        executor = _executor_of(config, kind)
        hours[executor] = hours.get(executor, 0.0) + core_hours / config.execution.executors[executor].slots
    return max(hours.values())


def _executor_of(config: CampaignConfig, kind: str) -> str:
    execution = config.execution
    chosen = {"label": execution.label, "fit": execution.fit, "explore": execution.explore}
    return chosen.get(kind, execution.measure)


def _fit_steps(config: CampaignConfig, projection: Projection) -> int:
    """Return the optimiser steps of all fits; schedules grow with the frames where `fit.epochs` asks for it."""
    fit, committee = config.fit, config.potential.committee
    taught = config.teacher is not None or config.potential.foundation is not None
    rung_steps = (taught and fit.tuned_rung_steps) or fit.rung_steps
    generations = (projection.fits - len(projection.rungs) * config.ladder.fits) // committee
    sizes = (max(1, projection.rungs[-1] - number * fit.every_labels) for number in range(generations))
    longest = fit.max_steps if taught else fit.anew_steps
    members = sum(max(longest, fit.epochs * -(-size // fit.batch_size)) for size in sizes)
    rungs = sum(max(rung_steps, fit.epochs * -(-size // fit.batch_size)) for size in projection.rungs)
    teaching = 0 if config.teacher is None else (config.teacher.rounds + committee) * config.teacher.steps
    return committee * members + config.ladder.fits * rungs + teaching


def _production(config: CampaignConfig, projection: Projection, times: PotentialTimes) -> tuple[float, float]:
    settings = config.measure
    if settings is None:
        return 0.0, 0.0
    step_s = sum(times.production_step_s[cell.system] for cell in projection.measured)
    hours_per_ps = production_runs(config) * step_s * 1000 / settings.timestep_fs / 3600
    first, longest = settings.production_ps, max(settings.max_ps, settings.production_ps)
    return hours_per_ps * (settings.equilibration_ps + first), hours_per_ps * (settings.equilibration_ps + longest)


def _stored(config: CampaignConfig, projection: Projection, times: PotentialTimes) -> int:
    models = projection.fits * times.model_bytes + projection.labels * _LABEL_BYTES
    settings = config.measure
    if settings is None:
        return models
    samples = max(settings.max_ps, settings.production_ps) * 1000 / settings.sample_fs
    atoms = sum(cell.atoms for cell in projection.measured)
    # Of all atoms every so many samples, and of the mobile ones, at most all, at each.
    coordinates = 3 * atoms * samples * (1 + 1 / settings.snapshot_samples)
    return models + round(production_runs(config) * coordinates * _BYTES_PER_COORDINATE)
