"""What the state still lacks: small questions that the plan and the decisions share. Pure."""

from __future__ import annotations

from alloop.charter import Charter
from alloop.state import FrameState, GenerationState, RungState, State

STALLED_SEGMENTS_PER_WALKER = 20


def judged_size(state: State) -> int:
    """Return the size of the largest judged rung, or 0."""
    return max((event.size for event in state.judged), default=0)


def next_rung(state: State, charter: Charter) -> int:
    """Return the smallest rung that is not judged, or the largest of the ladder."""
    done = judged_size(state)
    rungs = charter.config.ladder.rungs
    return next((size for size in rungs if size > done), rungs[-1])


def training_limit(state: State, charter: Charter) -> int:
    """Return how many training labels may exist before another rung is judged."""
    ladder = charter.config.ladder
    ahead = [size for size in ladder.rungs if size > judged_size(state)][: 1 + ladder.lookahead_rungs]
    return ahead[-1] if ahead else ladder.rungs[-1]


def training_need(state: State, charter: Charter) -> int:
    """Return how many more training frames may be selected now, by the ladder and the label budget."""
    wanted = training_limit(state, charter) - state.labelled("train") - state.pending("train")
    allowance = label_allowance(state, charter)
    if allowance is not None:
        wanted = min(wanted, allowance - heldout_need(state, charter))
    return max(0, wanted)


def heldout_need(state: State, charter: Charter) -> int:
    """Return how many held-out frames are still to be drawn for the next rung."""
    target = charter.heldout_target(next_rung(state, charter))
    missing = max(0, target - state.labelled("heldout") - state.pending("heldout"))
    allowance = label_allowance(state, charter)
    return missing if allowance is None else min(missing, allowance)


def label_allowance(state: State, charter: Charter) -> int | None:
    """Return how many more labels the budget allows, or None without a limit."""
    budget = charter.config.budget
    if budget.dft_core_hours is not None and state.dft_core_s >= 3600.0 * budget.dft_core_hours:
        return 0
    return None if budget.labels is None else max(0, budget.labels - state.labels_spent())


def heldout_complete(state: State, charter: Charter) -> int | None:
    """Return the size of the held-out set once it is complete for the next rung, else None."""
    if state.pending("heldout") or heldout_need(state, charter) or state.labelled("heldout") < 2:
        return None
    return state.labelled("heldout")


def fresh_pool(state: State, charter: Charter) -> list[FrameState]:
    """Return the offered frames of exploring walkers that the present committee may still judge, by id.

    A disagreement found by an older committee says nothing about what the present one does not know; in overlap
    mode one generation of lag is accepted.
    """
    active = state.active()
    if active is None:
        return []
    oldest = active.number - 1 if charter.config.overlap else active.number
    frames = (f for f in state.pool.values() if f.generation is not None and f.generation >= oldest)
    exploring = {walker.id for walker in charter.walkers("train")}
    return sorted((f for f in frames if f.walker in exploring), key=lambda frame: frame.id)


def heldout_pool(state: State, charter: Charter) -> list[FrameState]:
    """Return the frames of held-out walkers that may be drawn: taken at a random step, not for what they are."""
    walkers = {walker.id for walker in charter.walkers("heldout")}
    frames = (f for f in state.pool.values() if f.walker in walkers and f.offer.why == "random")
    return sorted(frames, key=lambda frame: (frame.segment, frame.walker))


def pool_wanted(charter: Charter) -> int:
    """Return how many candidates a selection wants to see."""
    select = charter.config.select
    return int(select.batch * select.pool_factor)


def stalled(state: State, charter: Charter) -> bool:
    """Return whether the walkers have run long without a selection."""
    return state.stalled_segments >= STALLED_SEGMENTS_PER_WALKER * len(charter.walkers("train"))


def fitted_rungs(state: State, charter: Charter) -> list[RungState]:
    """Return the rungs whose fits are all done, smallest first."""
    fits = charter.config.ladder.fits
    return [rung for _, rung in sorted(state.rungs.items()) if len(rung.models) == fits]


def evaluations_wanted(state: State, charter: Charter) -> list[tuple[str, str, int]]:
    """Return (name, model, held-out size) of every evaluation that is possible and not yet done."""
    heldout = heldout_complete(state, charter)
    if heldout is None:
        return []
    models = [
        (f"r{rung.size}/f{fit}", rung.models[fit])
        for rung in fitted_rungs(state, charter)
        for fit in sorted(rung.models)
    ]
    models += [(f"g{g.number}", g.models[0]) for g in _leaders(state)]
    return [(name, model, heldout) for name, model in models if (model, heldout) not in state.evaluations]


def _leaders(state: State) -> list[GenerationState]:
    return [g for g in state.generations if g.rung is None and not g.foundation and 0 in g.models]
