"""Build the requests of planned tasks, only when they are submitted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from alloop.decisions.charter import Charter
from alloop.decisions.production_runs import Measurement, ProductionSegment, ProductionWalkerId, batches
from alloop.decisions.selection_needs import calibration_frames, heldout_looks, probes_wanted
from alloop.decisions.walkers import NextSegment
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure
from alloop.materials.sublattices import sublattices_of
from alloop.materials.supercell import repeated, repeats_for
from alloop.state.records import AskedSelection, FrameState, GenerationState, RunState
from alloop.state.state import AT_RANDOM, CampaignState
from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrationFrame
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreRequest, ExploreWalker, SwapsAsked
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import AtomRequest, LabelRequest
from alloop.tasks.contract.measure import MeasureRequest, ProductionRun
from alloop.tasks.contract.produce import ProduceRequest, ProductionWalker
from alloop.tasks.contract.relabel import RelabelRequest
from alloop.tasks.contract.select import SelectRequest

YOUNG_LABELS = 100
"""Labels up to which walkers stay near what is labelled, if expected errors are not trusted before."""


def atom(charter: Charter, state: CampaignState, element: str) -> AtomRequest:
    """Return the request for an isolated-atom energy; it depends on nothing of the other elements."""
    return AtomRequest(element=element, settings=_label_settings(charter), code=_code(charter, state, [element]))


def initial(charter: Charter, system: str) -> InitialRequest:
    """Return the request for the rattled copies of a system."""
    settings = charter.config.initial
    return InitialRequest(
        structure=charter.systems[system],
        frames=charter.initial_frames(system),
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
        settings=_label_settings(charter, frame.system),
        code=_code(charter, state, charter.systems[frame.system].elements()),
    )


def relabel(charter: Charter, label: str, code: dict[str, str], system: str | None = None) -> RelabelRequest:
    """Return the request for a label made again with other code; None of a system that the campaign does not have."""
    return RelabelRequest(label=label, settings=_label_settings(charter, system), code=code)


def explore(
    charter: Charter, state: CampaignState, generation: GenerationState, segments: Sequence[NextSegment]
) -> ExploreRequest:
    """Return the request for segments of walkers of one system; held-out ones ask for one frame at a random step."""
    settings, select = charter.config.explore, charter.config.select
    system, heldout = segments[0].walker.system, segments[0].walker.role == "heldout"
    walkers = tuple(_explore_walker(charter, segment) for segment in segments)
    models = generation.models
    return ExploreRequest(
        structure=charter.systems[system],
        walkers=walkers,
        members=(models[0],) if heldout else tuple(models[member] for member in sorted(models)),
        dtype=charter.config.potential.dtype,
        ensemble=settings.ensemble,
        pressure_GPa=settings.pressure_GPa,
        timestep_fs=settings.timestep_fs,
        friction_per_fs=settings.friction_per_fs,
        check_every_steps=min(settings.check_every_steps, *(walker.steps for walker in walkers)),
        max_offers=settings.max_offers,
        lower_eV_per_A=None if heldout else select.lower_eV_per_A,
        upper_eV_per_A=select.upper_eV_per_A,
        stop_contact=settings.stop_contact,
        min_contact=charter.config.label.min_contact,
        stop_temperature_factor=settings.stop_temperature_factor,
        calibration=None if heldout else state.calibration(),
        nearby=() if heldout else _nearby(charter, state),
        swaps=_swaps(charter, system),
    )


def _swaps(charter: Charter, system: str) -> SwapsAsked | None:
    """Return which ions of a system exchange places; None where it holds no two elements of a sublattice."""
    explore = charter.config.explore
    if explore.swaps is None:
        return None
    sublattices = sublattices_of(explore.swaps.sublattices, charter.systems[system].elements())
    if not sublattices:
        return None
    every_steps = max(1, round(explore.swaps.every_fs / explore.timestep_fs))
    return SwapsAsked(sublattices=sublattices, every_steps=every_steps, temperature_K=explore.swaps.temperature_K)


def _nearby(charter: Charter, state: CampaignState) -> tuple[str, ...]:
    """Return the labels near which the walkers of a young committee stay.

    A committee that began with random weights does not know that atoms repel each other: where they come closer than in
    any label, it is wrong by ten times what it disagrees. A teacher or foundation knows the walls.
    """
    knows_walls = charter.foundation is not None or charter.config.teacher is not None
    calibration, frames = state.calibration(), state.labelled_frames("train")
    trusted = calibration is not None and set(charter.elements) <= set(calibration.maps)
    if charter.rules < 4 or knows_walls or len(frames) > YOUNG_LABELS or trusted:
        return ()
    return tuple(str(frame.label) for frame in frames)


def _explore_walker(charter: Charter, segment: NextSegment) -> ExploreWalker:
    explore, heldout = charter.config.explore, charter.config.heldout
    held_out = segment.walker.role == "heldout"
    steps = max(1, round((heldout.segment_fs if held_out else explore.segment_fs) / explore.timestep_fs))
    cold = held_out and segment.start is None and charter.rules >= 4
    before = round(heldout.equilibration_fs / explore.timestep_fs) if cold else 0
    offers = 1 if held_out else min(explore.random_offers, steps)
    random_steps = before + 1 + np.random.default_rng(segment.seed).choice(steps, size=offers, replace=False)
    return ExploreWalker(
        start=segment.start,
        temperature_K=segment.temperature_K,
        steps=before + steps,
        random_steps=tuple(sorted(int(step) for step in random_steps)),
        seed=segment.seed,
    )


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
        compositions={name: other for name, other in charter.compositions.items() if other != name},
    )


def _ordered(state: CampaignState) -> Iterator[FrameState]:
    """Yield the training frames whose label is still to come."""
    frames = (state.frames[name] for name in state.train_order)
    return (frame for frame in frames if frame.status == "selected")


def calibrate(state: CampaignState) -> CalibrateRequest:
    """Return the request for a calibration of the disagreements, from the newest labels and held-out frames."""
    frames, active, looks = calibration_frames(state), state.active(), heldout_looks(state)
    assert active is not None
    labels = _labels_of_committees(state)
    return CalibrateRequest(
        frames=tuple(
            CalibrationFrame(
                id=frame.id,
                selection=str(frame.selection),
                label=str(frame.label),
                probability=frame.probability,
                probe=frame.reason in AT_RANDOM,
                labels=labels.get(str(frame.selection)),
                walker=frame.walker,
            )
            for frame in frames
        ),
        labels=len(active.frames),
        heldout=tuple(str(frame.label) for frame in looks),
        heldout_walkers=tuple(frame.walker for frame in looks),
        members=tuple(active.models[member] for member in sorted(active.models)) if looks else (),
        dtype=state.config["potential"]["dtype"],
    )


def _labels_of_committees(state: CampaignState) -> dict[str, int]:
    """Return, by key of a selection, how many labels the committee had been fitted on that looked at its frames."""
    sizes = {generation.number: len(generation.frames) for generation in state.generations}
    selections = (task for task in state.tasks.values() if task.task == "select")
    looked = {task.key: task.context.get("generation") for task in selections}
    return {key: sizes[number] for key, number in looked.items() if isinstance(number, int) and number in sizes}


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


def _code(charter: Charter, state: CampaignState, elements: Iterable[str]) -> dict[str, str]:
    """Return the part of the campaign's code that decides a label of these elements."""
    return engine_of(charter.config.label).code_for(state.code, elements)


def _label_settings(charter: Charter, system: str | None = None) -> dict[str, Any]:
    """Return the label settings; of a system, those that all its labels have, whatever the cell of a frame."""
    label, structure = charter.config.label, charter.systems.get(system or "")
    if structure is not None:
        label = engine_of(label).for_system(label, structure)
    return label.model_dump(mode="json")
