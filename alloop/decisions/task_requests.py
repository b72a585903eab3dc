"""Build the requests of planned tasks, only when they are submitted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from alloop.decisions.charter import Charter
from alloop.decisions.production_runs import Measurement, ProductionSegment, ProductionWalkerId, batches
from alloop.decisions.refits import attempts
from alloop.decisions.selection_needs import calibration_frames, probes_wanted
from alloop.decisions.walkers import NextSegment
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure
from alloop.materials.supercell import repeated, repeats_for
from alloop.state.records import AskedSelection, FrameState, GenerationState, RungState, RunState
from alloop.state.state import AT_RANDOM, CampaignState
from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrationFrame
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreRequest, ExploreWalker
from alloop.tasks.contract.fit import FineTuning, FitRequest
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import AtomRequest, LabelRequest
from alloop.tasks.contract.measure import MeasureRequest, ProductionRun
from alloop.tasks.contract.produce import ProduceRequest, ProductionWalker
from alloop.tasks.contract.relabel import RelabelRequest
from alloop.tasks.contract.select import SelectRequest

TAUGHT_RATE = 0.25
"""A fit at the whole rate forgets what the teacher taught."""


def atom(charter: Charter, state: CampaignState, element: str) -> AtomRequest:
    """Return the request for an isolated-atom energy; it depends on nothing of the other elements."""
    return AtomRequest(element=element, settings=_label_settings(charter), code=_code(charter, state, [element]))


def initial(charter: Charter, system: str) -> InitialRequest:
    """Return the request for the rattled copies of a system."""
    settings = charter.config.initial
    return InitialRequest(
        structure=charter.systems[system],
        frames=settings.frames,
        rattle_A=settings.rattle_A,
        strain=settings.strain,
        min_contact=charter.config.label.min_contact,
        seed=charter.seed(f"initial/{system}"),
    )


def label(charter: Charter, state: CampaignState, frame: FrameState) -> LabelRequest:
    """Return the request for the label of a frame."""
    assert frame.source is not None
    return LabelRequest(
        source=frame.source,
        structure_sha256=frame.offer.structure_sha256,
        settings=_label_settings(charter),
        code=_code(charter, state, charter.systems[frame.system].elements()),
    )


def relabel(charter: Charter, label: str, code: dict[str, str]) -> RelabelRequest:
    """Return the request for a label made again with other code."""
    return RelabelRequest(label=label, settings=_label_settings(charter), code=code)


def explore(
    charter: Charter, state: CampaignState, generation: GenerationState, segments: Sequence[NextSegment]
) -> ExploreRequest:
    """Return the request for segments of walkers of one system; held-out ones ask for one frame at a random step."""
    settings, select = charter.config.explore, charter.config.select
    system, heldout = segments[0].walker.system, segments[0].walker.role == "heldout"
    length_fs = charter.config.heldout.segment_fs if heldout else settings.segment_fs
    steps = max(1, round(length_fs / settings.timestep_fs))
    offers = 1 if heldout else min(settings.random_offers, steps)
    models = generation.models
    return ExploreRequest(
        structure=charter.systems[system],
        walkers=tuple(_explore_walker(segment, steps, offers) for segment in segments),
        members=(models[0],) if heldout else tuple(models[member] for member in sorted(models)),
        dtype=charter.config.potential.dtype,
        ensemble=settings.ensemble,
        pressure_GPa=settings.pressure_GPa,
        timestep_fs=settings.timestep_fs,
        friction_per_fs=settings.friction_per_fs,
        check_every_steps=min(settings.check_every_steps, steps),
        max_offers=settings.max_offers,
        lower_eV_per_A=None if heldout else select.lower_eV_per_A,
        upper_eV_per_A=select.upper_eV_per_A,
        stop_contact=settings.stop_contact,
        min_contact=charter.config.label.min_contact,
        stop_temperature_factor=settings.stop_temperature_factor,
        calibration=None if heldout else state.calibration(),
    )


def _explore_walker(segment: NextSegment, steps: int, offers: int) -> ExploreWalker:
    random_steps = np.random.default_rng(segment.seed).choice(steps, size=offers, replace=False) + 1
    return ExploreWalker(
        start=segment.start,
        temperature_K=segment.temperature_K,
        steps=steps,
        random_steps=tuple(sorted(int(step) for step in random_steps)),
        seed=segment.seed,
    )


def member(
    charter: Charter, state: CampaignState, generation: GenerationState, number: int, *, attempt: int = 0
) -> FitRequest:
    """Return the request for one member: the leader on every label, the others on their bootstrap samples."""
    frames, fit = generation.frames, charter.config.fit
    weights = [1 if number == 0 else charter.bootstrap_weight(number, frame) for frame in frames]
    train = [frame for frame, weight in zip(frames, weights, strict=True) for _ in range(weight)]
    valid = [frame for frame, weight in zip(frames, weights, strict=True) if weight == 0]
    before = _predecessor(charter, state, generation, number)
    return _fit(
        charter,
        state,
        train=_labels(state, train or frames),
        valid=_labels(state, valid if train else []),
        init=before or _origin(charter, state, number),
        max_steps=fit.max_steps,
        patience=fit.patience,
        rate=fit.warm_start_rate if before else _origin_rate(charter),
        level_energy=before is None and _levelled(charter, state, number),
        seed=_fit_seed(charter, f"fit/g{generation.number}/m{number}", attempt),
    )


def rung_fit(charter: Charter, state: CampaignState, rung: RungState, number: int, *, attempt: int = 0) -> FitRequest:
    """Return the request for one fit of a rung: all its labels, a fixed schedule, no look at other frames."""
    return _fit(
        charter,
        state,
        train=_labels(state, rung.frames),
        valid=(),
        init=_origin(charter, state, 0),
        max_steps=charter.config.fit.rung_steps,
        patience=None,
        rate=_origin_rate(charter),
        level_energy=_levelled(charter, state, 0),
        seed=_fit_seed(charter, f"fit/rung/f{number}", attempt),
    )


def pretrain(charter: Charter, state: CampaignState, number: int, *, attempt: int = 0) -> FitRequest:
    """Return the request for pre-training on labels of another reference: their forces only."""
    request = _fit(
        charter,
        state,
        train=tuple(state.pretraining),
        valid=(),
        init=_foundation(charter),
        max_steps=charter.config.fit.max_steps,
        patience=charter.config.fit.patience,
        seed=_fit_seed(charter, f"fit/pretrain/m{number}", attempt),
    )
    return request.model_copy(update={"energy_weight": 0.0, "stress_weight": 0.0})


def select(charter: Charter, state: CampaignState, asked: AskedSelection) -> SelectRequest:
    """Return the request for a selection among everything that was offered before it was asked for."""
    settings, event = charter.config.select, asked.event
    models = state.generations[event.generation].models
    walkers = {source.walker for source in asked.segments} | {frame.walker for frame in state.pool.values()}
    quiet = {
        name: walker.segments - 1 - walker.last_chosen for name, walker in state.walkers.items() if name in walkers
    }
    return SelectRequest(
        before=asked.before,
        segments=asked.segments,
        generation=event.generation,
        oldest=event.oldest,
        policy=settings.policy,
        options=dict(settings.options),
        lower_eV_per_A=settings.lower_eV_per_A,
        upper_eV_per_A=settings.upper_eV_per_A,
        count=event.count,
        per_walker=settings.per_walker,
        seed=event.seed,
        probes=probes_wanted(state, charter, event.count),
        members=tuple(models[member] for member in sorted(models)),
        dtype=charter.config.potential.dtype,
        calibration=state.calibration(),
        known=tuple(str(frame.label) for frame in state.labelled_frames("train")),
        ordered=tuple(frame.source for frame in _ordered(state) if frame.source is not None),
        quiet={name: count for name, count in sorted(quiet.items()) if count > 0},
    )


def _ordered(state: CampaignState) -> Iterator[FrameState]:
    """Yield the training frames whose label is still to come."""
    frames = (state.frames[name] for name in state.train_order)
    return (frame for frame in frames if frame.status == "selected")


def calibrate(state: CampaignState) -> CalibrateRequest:
    """Return the request for a calibration of the disagreements, from the newest labels."""
    frames = calibration_frames(state)
    return CalibrateRequest(
        frames=tuple(
            CalibrationFrame(
                id=frame.id,
                selection=str(frame.selection),
                label=str(frame.label),
                probability=frame.probability,
                probe=frame.reason in AT_RANDOM,
            )
            for frame in frames
        )
    )


def evaluate(charter: Charter, state: CampaignState, model: str, heldout: int) -> EvaluateRequest:
    """Return the request for a model's errors on the first held-out frames, or on those drawn for random subsets."""
    frames = state.labelled_frames("heldout")[:heldout]
    if heldout < 0:
        assert state.drawn is not None
        frames = [state.frames[name] for name in state.drawn.heldout]
    labels = tuple(str(frame.label) for frame in frames)
    return EvaluateRequest(model=model, frames=labels, dtype=charter.config.potential.dtype)


def produce(charter: Charter, segment: ProductionSegment) -> ProduceRequest:
    """Return the request for one segment of production runs.

    A segment ends with a snapshot, so that the next one can be joined to it. Runs of one fit, temperature and replica
    have the same seed on every rung and in every ladder.
    """
    settings = charter.config.measure
    assert settings is not None
    every = max(1, round(settings.sample_fs / settings.timestep_fs))
    snapshot_fs = settings.snapshot_samples * every * settings.timestep_fs
    snapshots = max(1, round(1000.0 * settings.segment_ps / snapshot_fs))
    return ProduceRequest(
        structure=supercell(charter, segment.system),
        model=segment.rung.models[segment.fit],
        dtype=charter.config.potential.dtype,
        walkers=tuple(
            ProductionWalker(temperature_K=walker.temperature_K, seed=_run_seed(charter, segment, walker))
            for walker in segment.walkers
        ),
        ensemble=settings.ensemble,
        timestep_fs=settings.timestep_fs,
        thermostat_fs=settings.thermostat_fs,
        equilibration_steps=round(1000.0 * settings.equilibration_ps / settings.timestep_fs),
        steps=snapshots * settings.snapshot_samples * every,
        sample_every_steps=every,
        snapshot_every=settings.snapshot_samples,
        mobile=settings.mobile,
        stop_temperature_factor=settings.stop_temperature_factor,
        stop_contact=settings.stop_contact,
        start=segment.start,
    )


def _run_seed(charter: Charter, segment: ProductionSegment, walker: ProductionWalkerId) -> int:
    return charter.seed(f"produce/f{segment.fit}/{segment.system}/{walker.temperature_K:g}K/{walker.replica}")


def supercell(charter: Charter, system: str) -> Structure:
    """Return the cell in which a system's transport is measured."""
    settings, structure = charter.config.measure, charter.systems[system]
    assert settings is not None
    return repeated(structure, settings.repeat or repeats_for(structure, settings.min_width_A))


def measure(charter: Charter, state: CampaignState, measurement: Measurement) -> MeasureRequest:
    """Return the request for the transport of one fit in one system."""
    settings = charter.config.measure
    assert settings is not None
    rung, fit, system = measurement.rung, measurement.fit, measurement.system
    structure = charter.systems[system]
    runs = []
    for number, walkers in enumerate(batches(settings)):
        run = state.runs.get((rung.name, fit, system, number), RunState())
        runs += [
            ProductionRun(temperature_K=walker.temperature_K, segments=tuple(run.segments), walker=place)
            for place, walker in enumerate(walkers)
        ]
    middle = sorted(settings.temperatures_K)[len(settings.temperatures_K) // 2]
    density_K = settings.density_at_K or middle
    return MeasureRequest(
        system=system,
        structure=structure,
        repeat=settings.repeat or repeats_for(structure, settings.min_width_A),
        runs=tuple(runs),
        mobile=settings.mobile,
        charge_e=settings.charge_e,
        targets_K=tuple(sorted({*settings.targets_K, charter.config.ladder.conductivity_at_K})),
        planes=dict(settings.planes),
        min_width_A=settings.min_width_A,
        density_at_K=density_K if fit == 0 else None,
        density_resolution_A=settings.density_resolution_A,
    )


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
) -> FitRequest:
    fit, potential = charter.config.fit, charter.config.potential
    tuning = _finetuning(charter, state)
    # As many frames are replayed as are fitted.
    seen = 2 * len(train) if tuning and tuning.replay else len(train)
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


def _labels(state: CampaignState, frames: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(state.frames[frame].label) for frame in frames)


def _finetuning(charter: Charter, state: CampaignState) -> FineTuning | None:
    fit = charter.config.fit
    if fit.method == "frozen":
        return FineTuning(method="frozen", frozen=fit.frozen)
    if fit.method == "lora":
        return FineTuning(method="lora", rank=fit.lora_rank)
    return FineTuning(method="multihead", replay=tuple(state.pretraining)) if fit.method == "multihead" else None


def _fit_seed(charter: Charter, purpose: str, attempt: int) -> int:
    return charter.seed(attempts(purpose)[attempt])


def _predecessor(charter: Charter, state: CampaignState, generation: GenerationState, number: int) -> str | None:
    """Return the member's newest model of an earlier generation, if refits start from there.

    Low-rank changes do not add up from refit to refit, and what is replayed is the foundation's: both begin there.
    """
    if not charter.config.fit.warm_start or charter.config.fit.method in ("lora", "multihead"):
        return None
    earlier = (g for g in reversed(state.generations[: generation.number]) if not g.foundation)
    return next((g.models[number] for g in earlier if number in g.models), None)


def _origin(charter: Charter, state: CampaignState, number: int) -> str | None:
    """Return where a fit starts that has no predecessor: a pre-trained model, the foundation, or nothing."""
    return pretrained(state, number) or _foundation(charter)


def _origin_rate(charter: Charter) -> float:
    """Return the learning rate of a fit without a predecessor, as a fraction of the configured one."""
    fit, config = charter.config.fit, charter.config
    if config.teacher is None and config.potential.foundation is None:
        return 1.0
    return fit.tuned_rate if fit.tuned_rate is not None else (1.0 if config.teacher is None else TAUGHT_RATE)


def _levelled(charter: Charter, state: CampaignState, number: int) -> bool | Literal["elements"]:
    """Return how the energies of a pre-trained member are shifted; a teacher's zero differs from element to element."""
    if pretrained(state, number) is None:
        return False
    return True if charter.config.teacher is None else "elements"


def pretrained(state: CampaignState, number: int) -> str | None:
    """Return the pre-trained model of a member, or None."""
    tasks = [state.tasks.get(purpose) for purpose in attempts(f"fit/pretrain/m{number}")]
    return next((f"fit:{task.key}" for task in tasks if task and task.status == "ok"), None)


def _foundation(charter: Charter) -> str | None:
    return None if charter.foundation is None else f"foundation:{charter.foundation}"


def _code(charter: Charter, state: CampaignState, elements: Iterable[str]) -> dict[str, str]:
    """Return the part of the campaign's code that decides a label of these elements."""
    return engine_of(charter.config.label).code_for(state.code, elements)


def _label_settings(charter: Charter) -> dict[str, Any]:
    return charter.config.label.model_dump(mode="json")
