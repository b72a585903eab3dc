"""Build the requests of fits, only when they are submitted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from alloop.decisions.charter import Charter, stable_integer
from alloop.decisions.refits import attempts
from alloop.decisions.teaching_requests import RATTLE_A, STRAIN, taught_frames
from alloop.labelling.teachers import MIN_CONTACT, MAX_FORCE_eV_per_A
from alloop.state.records import GenerationState, RungState
from alloop.state.state import CampaignState
from alloop.tasks.contract.fit import FarStart, FineTuning, FitRequest, Pseudolabels

TUNED_RATE = 0.25
"""A fit at the whole rate forgets what the teacher taught, or what the foundation knew."""


def member(
    charter: Charter, state: CampaignState, generation: GenerationState, number: int, *, attempt: int = 0
) -> FitRequest:
    """Return the request for one member: the leader on every label, the others on their bootstrap samples."""
    frames, fit = generation.frames, charter.config.fit
    weights = [1 if number == 0 else charter.bootstrap_weight(number, frame) for frame in frames]
    train = [frame for frame, weight in zip(frames, weights, strict=True) for _ in range(weight)]
    valid = [frame for frame, weight in zip(frames, weights, strict=True) if weight == 0]
    before = _predecessor(charter, state, generation, number)
    init = before or _origin(charter, state, number)
    anew = charter.rules >= 5 and init is None
    request = _fit(
        charter,
        state,
        train=_labels(state, train or frames),
        valid=_labels(state, valid if train else []),
        init=init,
        max_steps=fit.anew_steps if anew else fit.max_steps,
        patience=fit.patience,
        rate=fit.warm_start_rate if before else _origin_rate(charter),
        level_energy=_levelled(charter, state, number, goes_on=before is not None),
        seed=_fit_seed(charter, f"fit/g{generation.number}/m{number}", attempt),
    )
    return request if before else _unless_far(charter, request, fit.anew_steps)


def rung_fit(charter: Charter, state: CampaignState, rung: RungState, number: int, *, attempt: int = 0) -> FitRequest:
    """Return the request for one fit of a rung: all its labels, a fixed schedule, no look at other frames."""
    settings, beginning = charter.config.fit, _beginning(charter, state, number)
    tunes = charter.config.teacher is not None or charter.foundation is not None
    request = _fit(
        charter,
        state,
        train=_labels(state, rung.frames),
        valid=(),
        init=_origin(charter, state, beginning),
        max_steps=(tunes and settings.tuned_rung_steps) or settings.rung_steps,
        patience=None,
        rate=_origin_rate(charter),
        level_energy=_levelled(charter, state, beginning),
        seed=_fit_seed(charter, f"fit/rung/f{number}", attempt),
    )
    return _unless_far(charter, request, settings.rung_steps)


def scratch_fit(charter: Charter, state: CampaignState, rung: RungState, number: int) -> FitRequest:
    """Return the request for a fit of a rung that knows nothing but its labels: random weights, the whole rate."""
    return _fit(
        charter,
        state,
        train=_labels(state, rung.frames),
        valid=(),
        init=None,
        max_steps=charter.config.fit.rung_steps,
        patience=None,
        seed=_fit_seed(charter, f"fit/scratch/f{number}", 0),
        tunes=False,
    )


def pretrain(charter: Charter, state: CampaignState, number: int, *, attempt: int = 0) -> FitRequest:
    """Return the request for pre-training on labels of another reference: their forces only."""
    request = _fit(
        charter,
        state,
        train=tuple(state.pretraining),
        valid=(),
        init=charter.foundation_of(number),
        max_steps=charter.config.fit.max_steps,
        patience=charter.config.fit.patience,
        seed=_fit_seed(charter, f"fit/pretrain/m{number}", attempt),
    )
    return request.model_copy(update={"energy_weight": 0.0, "stress_weight": 0.0})


def _fit(
    charter: Charter,
    state: CampaignState,
    *,
    train: tuple[str, ...],
    valid: tuple[str, ...],
    init: str | None,
    max_steps: int,
    patience: int | None,
    seed: int,
    rate: float = 1.0,
    level_energy: bool | Literal["elements"] = False,
    tunes: bool = True,
) -> FitRequest:
    fit, potential = charter.config.fit, charter.config.potential
    tuning = _finetuning(charter, state, len(train), seed) if tunes else None
    # As many frames are replayed as are fitted.
    seen = 2 * len(train) if tuning and tuning.replays else len(train)
    epoch = -(-seen // fit.batch_size)
    return FitRequest(
        train=train,
        valid=valid,
        init=init,
        architecture=potential.architecture.model_dump(mode="json"),
        e0s_eV=dict(sorted(state.e0s_eV.items())),
        max_steps=max(max_steps, fit.epochs * epoch),
        batch_size=fit.batch_size,
        learning_rate=fit.learning_rate * rate,
        energy_weight=fit.energy_weight,
        forces_weight=fit.forces_weight,
        stress_weight=fit.stress_weight,
        patience=patience,
        check_every_steps=max(fit.check_every_steps, epoch),
        ema_decay=fit.ema_decay,
        dtype=potential.dtype,
        seed=seed,
        finetuning=tuning,
        level_energy=level_energy,
        huber_eV_per_A=fit.huber_eV_per_A if fit.loss == "huber" else None,
    )


def _unless_far(charter: Charter, request: FitRequest, steps: int) -> FitRequest:
    """Return the request with how it learns where its start is far from its labels.

    From random weights no start is far. Other methods than `naive` shall keep what their start knows.
    """
    fit = charter.config.fit
    if charter.rules < 6 or fit.far_start is None or fit.method != "naive" or request.init is None:
        return request
    longest = max(steps, fit.epochs * -(-len(request.train) // fit.batch_size))
    far = FarStart(beyond=fit.far_start, max_steps=longest, learning_rate=fit.learning_rate)
    return request.model_copy(update={"far": far})


def _labels(state: CampaignState, frames: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(state.frames[frame].label) for frame in frames)


def _finetuning(charter: Charter, state: CampaignState, labels: int, seed: int) -> FineTuning | None:
    fit = charter.config.fit
    if fit.method == "frozen":
        return FineTuning(method="frozen", frozen=fit.frozen)
    if fit.method == "lora":
        return FineTuning(method="lora", rank=fit.lora_rank)
    return _replay(charter, state, labels, seed) if fit.method == "multihead" else None


def _replay(charter: Charter, state: CampaignState, labels: int, seed: int) -> FineTuning:
    """Return what a second head replays: labels of another reference, or their and the teacher's frames anew.

    Of the teacher's frames there are no more than labels: a fit replays no more, and every request names them.
    """
    fit = charter.config.fit
    if fit.replay == "labels":
        return FineTuning(method="multihead", replay=tuple(state.pretraining))
    pseudolabels = Pseudolabels(
        rattle_A=RATTLE_A,
        strain=STRAIN if fit.stress_weight > 0 else 0.0,
        min_contact=MIN_CONTACT,
        max_force_eV_per_A=MAX_FORCE_eV_per_A,
    )
    taught = sorted(taught_frames(charter, state), key=lambda name: stable_integer(f"{seed}/{name}"))
    frames = (*state.pretraining, *taught[:labels])
    return FineTuning(method="multihead", replay=frames, pseudolabels=pseudolabels)


def _fit_seed(charter: Charter, purpose: str, attempt: int) -> int:
    return charter.seed(attempts(purpose)[attempt])


def _predecessor(charter: Charter, state: CampaignState, generation: GenerationState, number: int) -> str | None:
    """Return the member's newest model of an earlier generation, if refits start from there.

    Low-rank changes do not add up from refit to refit, and what is replayed is the foundation's: both begin there. What
    few labels made of random weights holds a refit back, so it begins with new ones.
    """
    if not charter.config.fit.warm_start or charter.config.fit.method in ("lora", "multihead"):
        return None
    if charter.rules >= 4 and _origin(charter, state, number) is None:
        return None
    earlier = (g for g in reversed(state.generations[: generation.number]) if not g.foundation)
    return next((g.models[number] for g in earlier if number in g.models), None)


def _origin(charter: Charter, state: CampaignState, number: int) -> str | None:
    """Return where a fit starts that has no predecessor: a pre-trained model, the foundation, or nothing."""
    return pretrained(state, number) or charter.foundation_of(number)


def _beginning(charter: Charter, state: CampaignState, number: int) -> int:
    """Return the member of the committee that begins where a fit of a rung does.

    Fits that all begin with the leader's weights differ by much less than they err. A member that could not be
    pre-trained is passed over where others could.
    """
    if charter.config.ladder.fits_begin_with == "leader":
        return 0
    members = range(charter.config.potential.committee)
    able = [member for member in members if pretrained(state, member)] or members
    return able[number % len(able)]


def _origin_rate(charter: Charter) -> float:
    """Return the learning rate of a fit without a predecessor, as a fraction of the configured one."""
    fit, config = charter.config.fit, charter.config
    if config.teacher is None and config.potential.foundation is None:
        return 1.0
    if fit.tuned_rate is not None:
        return fit.tuned_rate
    return 1.0 if config.teacher is None and charter.rules < 3 else TUNED_RATE


def _levelled(
    charter: Charter, state: CampaignState, number: int, *, goes_on: bool = False
) -> bool | Literal["elements"]:
    """Return how the energies of the model that a fit starts from are shifted to those of its labels.

    The zeros of a teacher and of a foundation differ from the labels' by a constant of every element. A fit that goes
    on from one to labels has the isolated-atom energies of the label engine again, and no longer these constants.
    """
    taught = pretrained(state, number) is not None
    by_element = charter.foundation is not None or (taught and charter.config.teacher is not None)
    if charter.rules >= 2 and by_element:
        return "elements"
    if goes_on or not taught:
        return False
    return True if charter.config.teacher is None else "elements"


def pretrained(state: CampaignState, number: int) -> str | None:
    """Return the pre-trained model of a member, or None."""
    tasks = [state.tasks.get(purpose) for purpose in attempts(f"fit/pretrain/m{number}")]
    return next((f"fit:{task.key}" for task in tasks if task and task.status == "ok"), None)
