"""Plan the fits: pre-training, members of the committee, rungs and random subsets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from alloop.decisions import fit_requests, teaching_requests
from alloop.decisions.charter import Charter
from alloop.decisions.refits import attempts, member_fit
from alloop.decisions.stages import Wanted
from alloop.decisions.teaching import teaching_open
from alloop.state.records import GenerationState, RungState, TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.request import Request


def pretraining(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the fits to the teacher's frames or to labels of another reference, before all other fits."""
    taught = charter.config.teacher is not None
    if teaching_open(state, charter) or (not taught and len(state.e0s_eV) < len(charter.elements)):
        return
    make = teaching_requests.taught_member if taught else fit_requests.pretrain
    for member, purpose in _pretrained_members(state, charter):
        context: dict[str, Any] = {"rung": None, "generation": None, "member": member}
        yield from _fit(state, purpose, partial(make, charter, state, member), context)


def is_pretraining(task: TaskState) -> bool:
    """Return whether a fit is one of pre-training."""
    return task.purpose.startswith("fit/pretrain/")


def _pretrained_members(state: CampaignState, charter: Charter) -> list[tuple[int, str]]:
    wanted = charter.config.teacher or (state.pretraining and charter.config.fit.method != "multihead")
    members = range(charter.config.potential.committee) if wanted else ()
    return [(member, f"fit/pretrain/m{member}") for member in members]


def fits(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the fits of committees and of rungs that are not done."""
    if not pretraining_over(state, charter):
        return
    for generation in state.fitting():
        yield from _members(state, charter, generation)
    for rung in state.rungs.values():
        yield from _rung_fits(state, charter, rung, range(1, charter.config.ladder.fits))


def subset_fits(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the fits of random subsets that are not done."""
    if len(state.e0s_eV) < len(charter.elements):
        return
    for rung in state.subsets.values():
        yield from _rung_fits(state, charter, rung, range(charter.config.ladder.fits))


def _rung_fits(state: CampaignState, charter: Charter, rung: RungState, numbers: range) -> Iterator[Wanted]:
    for number in numbers:
        context = {"rung": rung.size, "fit": number, "generation": None, "subset": rung.kind == "random"}
        make = partial(fit_requests.rung_fit, charter, state, rung, number)
        yield from _fit(state, f"fit/{rung.name}/f{number}", make, context)


def pretraining_over(state: CampaignState, charter: Charter) -> bool:
    """Return whether nothing is left to be done or tried before the members learn from labels."""
    if teaching_open(state, charter) or next(pretraining(state, charter, 0), None) is not None:
        return False
    tried = {name for _, purpose in _pretrained_members(state, charter) for name in attempts(purpose)}
    return tried.isdisjoint(state.running)


def _members(state: CampaignState, charter: Charter, generation: GenerationState) -> Iterator[Wanted]:
    context: dict[str, Any]
    for member in range(charter.config.potential.committee):
        purpose = member_fit(generation, member)
        if member == 0 and generation.rung is not None:
            rung = state.rungs[generation.rung]
            context = {"rung": rung.size, "fit": 0, "generation": generation.number, "member": 0}
            yield from _fit(state, purpose, partial(fit_requests.rung_fit, charter, state, rung, 0), context)
        else:
            context = {"rung": None, "generation": generation.number, "member": member}
            make = partial(fit_requests.member, charter, state, generation, member)
            yield from _fit(state, purpose, make, context)


def _fit(
    state: CampaignState, purpose: str, make: Callable[..., Request], context: Mapping[str, Any]
) -> Iterator[Wanted]:
    """Yield a fit that was not tried yet; one that failed is tried again from another seed."""
    for attempt, name in enumerate(attempts(purpose)):
        task = state.tasks.get(name)
        if task is None:
            yield Wanted(name, "fit", partial(make, attempt=attempt), dict(context))
        if task is None or task.status != "failed":
            return
