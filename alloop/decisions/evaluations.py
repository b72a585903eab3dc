"""Find the fitted models, and the held-out frames on which they are still to be evaluated. Pure."""

from __future__ import annotations

from alloop.decisions.charter import Charter
from alloop.decisions.label_budget import heldout_complete
from alloop.state.records import GenerationState, RungState
from alloop.state.state import CampaignState

SUBSETS = -1
"""Takes the place of the number of held-out frames where models of random subsets are evaluated."""


def fitted_rungs(state: CampaignState, charter: Charter) -> list[RungState]:
    """Return the rungs whose fits are all done, smallest first."""
    fits = charter.config.ladder.fits
    return [rung for _, rung in sorted(state.rungs.items()) if len(rung.models) == fits]


def ladder_rungs(state: CampaignState, charter: Charter) -> list[RungState]:
    """Return the rungs that are fitted and in the table: the foundation, then the acquired ones, smallest first."""
    first = [state.foundation_rung] if state.foundation_rung is not None else []
    return [*first, *fitted_rungs(state, charter)]


def fitted_subsets(state: CampaignState, charter: Charter) -> list[RungState]:
    """Return the random subsets whose fits are all done, smallest first."""
    fits = charter.config.ladder.fits
    return [rung for _, rung in sorted(state.subsets.items()) if len(rung.models) == fits]


def subsets_heldout(state: CampaignState) -> int:
    """Return the negative number that names the held-out frames of the present ladder of random subsets."""
    assert state.drawn is not None
    return SUBSETS - state.drawn.number


def evaluations_wanted(state: CampaignState, charter: Charter) -> list[tuple[str, str, int]]:
    """Return (name, model, held-out size) of every evaluation that is possible and not yet done."""
    if state.subsets_open():
        subsets, heldout = _named(fitted_subsets(state, charter)), subsets_heldout(state)
        return [(name, model, heldout) for name, model in subsets if (model, heldout) not in state.evaluations]
    complete = heldout_complete(state, charter)
    if complete is None:
        return []
    models = _named(ladder_rungs(state, charter))
    models += [(f"g{g.number}", g.models[0]) for g in _leaders(state)]
    return [(name, model, complete) for name, model in models if (model, complete) not in state.evaluations]


def _named(rungs: list[RungState]) -> list[tuple[str, str]]:
    return [(f"{rung.name}/f{fit}", rung.models[fit]) for rung in rungs for fit in sorted(rung.models)]


def leader_of(state: CampaignState, generation: GenerationState) -> str | None:
    """Return the model that drives the dynamics of a generation, or None before it is fitted."""
    if generation.foundation:
        return state.foundation_rung.models.get(0) if state.foundation_rung is not None else None
    return generation.models.get(0)


def _leaders(state: CampaignState) -> list[GenerationState]:
    return [g for g in state.generations if g.rung is None and not g.foundation and 0 in g.models]
