"""Events of the campaign as a whole: its config, its imported labels, its generations, rungs and end."""

from __future__ import annotations

from typing import Any

from alloop.config.campaign import as_read_now
from alloop.config.extensions import JUDGED_AGAIN, changed, gives_more_to_judge
from alloop.files.canonical_json import content_key
from alloop.journal.events import (
    CampaignCreated,
    ConfigChanged,
    GenerationOpened,
    LabelsImported,
    PolicyChanged,
    VerdictReached,
)
from alloop.journal.verdicts import LIFTABLE_VERDICTS
from alloop.state.fold_code import outdated, plan_again
from alloop.state.fold_frames import draw_again
from alloop.state.fold_ladder import measure_anew
from alloop.state.records import FrameState, GenerationState, RungState, TaskState
from alloop.state.state import MACHINE_REASONS, CampaignState
from alloop.tasks.contract.records import Offer
from alloop.tasks.contract.references import ModelRef

_IMPORTED_OFFER = Offer(
    index=0, why="initial", step=0, temperature_K=None, disagreement_eV_per_A=None, min_contact=1.0, structure_sha256=""
)


def created(state: CampaignState, event: CampaignCreated) -> None:
    """The campaign begins."""
    state.created, state.config = event, event.config
    state.policies, state.codes = event.policies, [event.code]


def config_changed(state: CampaignState, event: ConfigChanged) -> None:
    """Machines, budgets, monitoring or measuring changed, or there is more to do.

    Tasks that failed for the sake of machines are tried again. Settings of studies decide nothing.
    """
    before, after = as_read_now(state.config), as_read_now(event.config)
    remeasured = before.get("measure") != after.get("measure")
    others_changed = _without_studies(before) != _without_studies(after)
    studies_changed = before.get("studies") != after.get("studies")
    extended = changed(before, after)
    state.config = event.config
    if studies_changed and not others_changed:
        return
    if remeasured:
        measure_anew(state)
    if any(key in JUDGED_AGAIN for key in extended):
        state.judged.clear()
    if gives_more_to_judge(extended):
        state.verdict = None
    _give_walkers_another_chance(state)
    _lift_verdict(state)
    newest = {task.purpose.partition("/again")[0]: task for task in state.tasks.values()}
    for task in newest.values():
        revived = task.finished is not None and task.finished.reason in MACHINE_REASONS
        if revived and task.task not in ("explore", "probe") and not task.of_study:
            _revive(state, task)


def _without_studies(config: dict[str, Any]) -> dict[str, Any]:
    return {name: section for name, section in config.items() if name != "studies"}


def _lift_verdict(state: CampaignState) -> None:
    if state.verdict is not None and state.verdict.verdict in LIFTABLE_VERDICTS:
        state.verdict = None


def _revive(state: CampaignState, task: TaskState) -> None:
    """Retry a task that failed for machine reasons.

    A label requested from code that has since changed is planned again instead.
    """
    assert task.finished is not None
    reason = task.finished.reason
    if outdated(state, task):
        plan_again(state, task)
    else:
        task.status, task.finished, task.attempts, task.errors = "running", None, 1, ()
        state.running[task.purpose] = task
    if task.task != "label":
        state.broken[reason] -= 1
        return
    frame = state.frames[task.context["frame"]]
    frame.status, frame.reason = "selected" if frame.use == "train" else "heldout", "tried again"
    state.waiting_labels[str(frame.use)] += 1
    state.failures[reason] -= 1
    if frame.use == "heldout":
        draw_again(state, frame)


def policy_changed(state: CampaignState, event: PolicyChanged) -> None:
    """A policy of the user's was mended."""
    state.policies = event.policies
    _give_walkers_another_chance(state)
    _lift_verdict(state)


def labels_imported(state: CampaignState, event: LabelsImported) -> None:
    """Labels that existed before the campaign."""
    state.brought = content_key([state.brought, event.keys])
    if event.campaign is not None:
        state.imported_from.add(event.campaign)
    else:
        state.imported_from_files.update(event.keys)
    if event.reference != "same":
        (state.pretraining if event.reference == "other" else state.of_teacher).extend(event.keys)
        return
    state.imported_structures.update(event.structures)
    systems = dict(zip(event.keys, event.systems, strict=False))
    for key in event.keys:
        frame = FrameState(f"imported/{key[:12]}", "imported", "imported", 0, None, None, _IMPORTED_OFFER)
        frame.status, frame.use, frame.label = "labelled", "train", key
        frame.imported_from, frame.settings_of = event.campaign, systems.get(key) or None
        state.frames[frame.id] = frame
        state.train_order.append(frame.id)
        state.labels["train"] += 1
        state.imported += 1


def foundation_models(created: CampaignCreated) -> tuple[str, ...]:
    """Return the foundation of a campaign as models of requests, the leader first; none without a foundation."""
    if created.foundation is None:
        return ()
    if created.foundation_members:
        members = range(created.foundation_members)
        return tuple(str(ModelRef("foundation", created.foundation, member=member)) for member in members)
    return (str(ModelRef("foundation", created.foundation, created.foundation_head)),)


def generation_opened(state: CampaignState, event: GenerationOpened) -> None:
    """A refit of the committee begins."""
    missing = set(event.missing)
    frames = tuple(i for i in state.train_order[: event.upto] if i not in missing)
    generation = GenerationState(event.number, frames, event.rung, event.foundation)
    state.generations.append(generation)
    _give_walkers_another_chance(state)
    models = foundation_models(state.created) if event.foundation and state.created is not None else ()
    if models:
        generation.models.update(enumerate(models[: state.members()]))
        state.foundation_rung = RungState(0, (), {0: generation.models[0]}, kind="foundation")
    else:
        state.unfitted[generation.number] = generation
    if event.rung is not None:
        state.rungs[event.rung] = RungState(event.rung, frames)


def verdict_reached(state: CampaignState, event: VerdictReached) -> None:
    """The campaign's answer."""
    state.verdict, state.verdict_wall_s = event, state.wall_s


def _give_walkers_another_chance(state: CampaignState) -> None:
    state.stalled_segments = 0
    for walker in state.walkers.values():
        walker.fruitless = 0
