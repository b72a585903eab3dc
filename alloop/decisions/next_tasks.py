"""Plan the tasks that should be running now, from the state. Pure; no I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain

from ase.data import atomic_numbers

from alloop.decisions import fit_requests, task_requests, teaching_requests
from alloop.decisions.changed_code import relabels_of
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import evaluations_wanted, fitted_subsets, ladder_rungs
from alloop.decisions.fit_tasks import fits, is_pretraining, pretraining, pretraining_over, subset_fits
from alloop.decisions.label_budget import hours_spent, label_order
from alloop.decisions.production_runs import measurements, next_segments
from alloop.decisions.selection_needs import calibration_wanted, heldout_looks
from alloop.decisions.stages import Stage, Wanted
from alloop.decisions.teaching import is_teaching, taught_sources, teaching
from alloop.decisions.walker_tasks import heldout_walkers_wanted, walkers_wanted
from alloop.state.records import RungState
from alloop.state.state import CampaignState
from alloop.tasks.contract.calibrate import CALIBRATE
from alloop.tasks.contract.choose import CHOOSE
from alloop.tasks.contract.evaluate import EVALUATE
from alloop.tasks.contract.explore import EXPLORE
from alloop.tasks.contract.fit import FIT
from alloop.tasks.contract.initial import INITIAL
from alloop.tasks.contract.label import ATOM, LABEL
from alloop.tasks.contract.measure import MEASURE
from alloop.tasks.contract.produce import PRODUCE
from alloop.tasks.contract.relabel import RELABEL
from alloop.tasks.contract.select import SELECT
from alloop.tasks.contract.teach import TEACH


def plan(state: CampaignState, charter: Charter, free: Mapping[str, int], study: Stage | None = None) -> list[Wanted]:
    """Return the tasks to submit now, the most urgent first.

    Parameters
    ----------
    state : CampaignState
        The campaign so far.
    charter : Charter
        Its config, structures and policies.
    free : mapping
        Free slots of every executor.
    study : Stage or None
        What a study asks for, and nothing else is planned; None for the campaign itself.
    """
    room, execution = Counter(free), charter.config.execution
    chosen: list[Wanted] = []
    for stage in _open_stages(state, charter, study):
        executors = {getattr(execution, kind) for kind in stage.slot_kinds}
        if max(room[name] for name in executors) <= 0:
            continue
        for wanted in stage.wants(state, charter, sum(room[name] for name in executors)):
            executor = getattr(execution, wanted.slot_kind)
            if room[executor] > 0:
                room[executor] -= 1
                chosen.append(wanted)
            if max(room[name] for name in executors) <= 0:
                break
    return chosen


def _open_stages(state: CampaignState, charter: Charter, study: Stage | None) -> tuple[Stage, ...]:
    """Return the stages that may submit: all of them, or in lockstep the first that is not finished.

    While the code of the labels is in question, only probes run; after the verdict, only the calibration of the last
    committee.
    """
    if state.drift is not None:
        return (RELABELS,)
    if study is not None:
        return (study,)
    if state.subsets_open():
        return SUBSET_STAGES
    if charter.goal == "transport":
        return MEASURING_STAGES
    if charter.goal == "subsets":
        return ()
    if state.verdict is not None:
        return (CALIBRATIONS,) if charter.goal == "verdict" else ()
    if charter.goal == "taught":
        return TAUGHT_STAGES
    if charter.config.overlap:
        return STAGES_IN_OVERLAP
    for stage in STAGES:
        if stage.runs(state) or next(stage.wants(state, charter, 10**6), None) is not None:
            return (stage,)
    return ()


# -- what each stage wants ---------------------------------------------------------------------------------------


def _relabels(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    assert state.drift is not None
    for purpose, label in relabels_of(state):
        if purpose not in state.tasks:
            frames = (one for one in state.frames.values() if str(one.label) == label)
            system = next((one.settings_of or one.system for one in frames), None)
            make = partial(task_requests.relabel, charter, label, state.drift.code, system)
            yield Wanted(purpose, "label", make, {"label": label})


def _atoms(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    # The heaviest first: they take longest, and what comes after them shares out over the slots more evenly.
    for element in sorted(charter.elements, key=lambda element: -atomic_numbers[element]):
        purpose = f"atom/{element}"
        if purpose not in state.tasks:
            yield Wanted(purpose, "label", partial(task_requests.atom, charter, state, element), {"element": element})


def _beginnings(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    yield from _atoms(state, charter, room)
    if not charter.config.initial.frames or charter.config.teacher is not None:
        return
    for name in _beginning_systems(charter):
        purpose = f"initial/{name}"
        if purpose not in state.tasks:
            context = {"walker": f"{name}.initial", "segment": 0, "system": name, "generation": None}
            yield Wanted(purpose, "explore", partial(task_requests.initial, charter, name), context)


def _beginning_systems(charter: Charter) -> list[str]:
    """Return the systems that have initial frames: not every ordering, where these are more than the frames."""
    return [name for name in charter.systems if charter.initial_frames(name)]


def _taught_beginnings(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    """Yield the choice of the initial frames among those of the teacher, as soon as the members are pre-trained.

    Where that is not possible they are rattled copies, as without a teacher.
    """
    if charter.config.teacher is None or not charter.config.initial.frames or not pretraining_over(state, charter):
        return
    leader = fit_requests.pretrained(state, 0)
    for name in _beginning_systems(charter):
        purpose, rattled = f"initial/{name}", f"initial/{name}/rattled"
        sources = taught_sources(state, name)
        chosen = state.tasks.get(purpose)
        context = {"walker": f"{name}.initial", "segment": 0, "system": name, "generation": None}
        if chosen is None and leader is not None and sources:
            make = partial(teaching_requests.choose, charter, name, sources, leader)
            yield Wanted(purpose, "explore", make, context)
        elif (chosen is None or chosen.status == "failed") and rattled not in state.tasks:
            yield Wanted(rattled, "explore", partial(task_requests.initial, charter, name), context)


def _labels(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    if hours_spent(state, charter):
        return
    for frame in chain.from_iterable(state.to_label[use].values() for use in label_order(state, charter)):
        yield Wanted(
            f"label/{frame.id}", "label", partial(task_requests.label, charter, state, frame), {"frame": frame.id}
        )


def _calibrations(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    active, purpose = state.active(), calibration_wanted(state, charter)
    if active is None or purpose is None:
        return
    context = {"generation": active.number, "labels": state.labelled("train"), "heldout": len(heldout_looks(state))}
    yield Wanted(purpose, "measure", partial(task_requests.calibrate, state), context)


def _selections(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    if state.asked is None:
        return
    purpose = f"select/{state.asked.event.number}"
    if purpose not in state.tasks:
        context = {"generation": state.asked.event.generation}
        yield Wanted(purpose, "measure", partial(task_requests.select, charter, state, state.asked), context)


def _evaluations(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    for name, model, heldout in evaluations_wanted(state, charter):
        purpose = f"evaluate/{name}/h{heldout}" + (f"/retired{state.retirements}" if state.retirements else "")
        if purpose not in state.tasks:
            context = {"model": model, "heldout": heldout, "of": name, "retirements": state.retirements}
            yield Wanted(purpose, "measure", partial(task_requests.evaluate, charter, state, model, heldout), context)


def _productions(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    for segment in next_segments(state, charter, _measured_rungs(state, charter)):
        name = f"{segment.rung.name}/f{segment.fit}/{segment.system}/b{segment.batch}/{segment.number}"
        purpose = f"produce/{name}{_measuring(state)}"
        if purpose not in state.tasks:
            context = {
                "rung": segment.rung.name,
                "fit": segment.fit,
                "system": segment.system,
                "batch": segment.batch,
                "measuring": state.measurings,
            }
            yield Wanted(purpose, "measure", partial(task_requests.produce, charter, segment), context)


def _measurements(state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
    for one in measurements(state, charter, _measured_rungs(state, charter)):
        name = f"{one.rung.name}/f{one.fit}/{one.system}/{one.production_ps:g}ps"
        purpose = f"measure/{name}{_measuring(state)}"
        if purpose not in state.tasks:
            context = {
                "rung": one.rung.name,
                "fit": one.fit,
                "system": one.system,
                "production_ps": one.production_ps,
                "measuring": state.measurings,
            }
            yield Wanted(purpose, "measure", partial(task_requests.measure, charter, state, one), context)


def _measured_rungs(state: CampaignState, charter: Charter) -> list[RungState]:
    return fitted_subsets(state, charter) if state.subsets_open() else ladder_rungs(state, charter)


def _measuring(state: CampaignState) -> str:
    """Return what tells the purposes of measurements apart after their settings changed."""
    return f"@{state.measurings}" if state.measurings else ""


# -- the stages --------------------------------------------------------------------------------------------------

RELABELS = Stage(_relabels, (RELABEL,))
ATOMS = Stage(_atoms, (ATOM,))
BEGINNINGS = Stage(_beginnings, (ATOM, INITIAL))
TEACHING = Stage(teaching, (TEACH, FIT), owns=is_teaching)
TAUGHT_BEGINNINGS = Stage(_taught_beginnings, (CHOOSE, INITIAL))
PRETRAINING = Stage(pretraining, (FIT,), owns=is_pretraining)
FITS = Stage(fits, (FIT,), owns=lambda task: not is_pretraining(task) and not is_teaching(task))
SUBSET_FITS = Stage(subset_fits, (FIT,))
CALIBRATIONS = Stage(_calibrations, (CALIBRATE,))
SELECTIONS = Stage(_selections, (SELECT,))
LABELS = Stage(_labels, (LABEL,))
HELDOUT_WALKERS = Stage(heldout_walkers_wanted, (EXPLORE,), owns=lambda task: task.context["role"] == "heldout")
EVALUATIONS = Stage(_evaluations, (EVALUATE,))
MEASUREMENTS = Stage(_measurements, (MEASURE,))
PRODUCTIONS = Stage(_productions, (PRODUCE,))
WALKERS = Stage(walkers_wanted, (EXPLORE,), owns=lambda task: task.context["role"] != "heldout")

STAGES = (
    BEGINNINGS,
    TEACHING,
    PRETRAINING,
    TAUGHT_BEGINNINGS,
    FITS,
    CALIBRATIONS,
    SELECTIONS,
    LABELS,
    HELDOUT_WALKERS,
    EVALUATIONS,
    MEASUREMENTS,
    PRODUCTIONS,
    WALKERS,
)
"""All stages of a campaign, in the order in which lockstep goes through them."""
STAGES_IN_OVERLAP = (*(stage for stage in STAGES if stage is not PRODUCTIONS), PRODUCTIONS)
TAUGHT_STAGES = (TEACHING, PRETRAINING)
MEASURING_STAGES = (EVALUATIONS, MEASUREMENTS, PRODUCTIONS)
SUBSET_STAGES = (ATOMS, SUBSET_FITS, *MEASURING_STAGES)
