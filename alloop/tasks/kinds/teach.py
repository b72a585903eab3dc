"""Let the teacher label rattled copies of a system, or frames of the student's molecular dynamics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from alloop.config.label import LabelCommon
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.limits import temperature_limit
from alloop.dynamics.state import MDState, fresh_state
from alloop.failures import OutOfTimeError, TaskFailure, class_name, first_line
from alloop.labelling.answers import check_answer
from alloop.labelling.errors import EngineError, NotConvergedError, RanksError
from alloop.labelling.outliers import ENERGY_EV_PER_ATOM, is_absurd, usual
from alloop.labelling.ranks import Launch
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.contacts import is_finite, min_contact
from alloop.materials.rattle import AMPLITUDES, rattled, strained
from alloop.materials.structure import Structure
from alloop.potential.committee import Committee
from alloop.potential.descriptors import environments
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Answer, Snapshot
from alloop.tasks.contract.teach import TaughtWalker, TeachData, TeachRequest, TeachSummary
from alloop.tasks.kinds.explore import continued, snapshot_of
from alloop.tasks.kinds.label import label_data, scratch
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace
from policies.selection.distances import farthest_points, novelty_and_separation

LIMIT_S = 300.0
"""A teacher that needs longer for one frame hangs: it answers in a fraction of a second, after seconds to start."""
BREAKS = 2
"""At so many frames of a task a teacher may hang, or end its process, and only these are left out."""
HALVINGS = 2
"""A rattled copy that the teacher refuses is brought half way back so often: in stiff tetrahedra a displacement that
teaches the walls of a halide is beyond every limit."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame to be labelled.

    Attributes
    ----------
    temperature_K : float or None
        Temperature of its walker; None of a rattled copy, or where the walker broke.
    """

    structure: Structure
    temperature_K: float | None = None


@dataclass(frozen=True, eq=False)
class Motion:
    """What the student's molecular dynamics left: frames, walkers, and where each stands if it did not break."""

    frames: tuple[Frame, ...]
    walkers: tuple[TaughtWalker, ...] = ()
    last_good: tuple[Snapshot | None, ...] = ()


@dataclass(frozen=True, eq=False)
class Student:
    """The model that moves the walkers, on its device: as a committee of one, and itself."""

    model: torch.nn.Module
    committee: Committee
    device: str

    @classmethod
    def load(cls, name: str, dtype: str, workspace: Workspace, machine: Machine) -> Student:
        """Load a model of a campaign."""
        model = load_member(workspace, name, machine.device, dtype)
        return cls(model, Committee([model], device=machine.device, dtype=dtype), machine.device)


def teach(request: TeachRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Make frames and let the teacher label them.

    Parameters
    ----------
    request : TeachRequest
        Which frames, and which teacher.
    workspace : Workspace
        Holds the student; the log of a teacher that fails stays under ``logs/teach``.
    machine : Machine
        Where to compute.

    Returns
    -------
    summary, data : dict
        A dumped `TeachSummary` and `TeachData`.

    Raises
    ------
    TaskFailure
        ``teacher`` if it labels half of the frames or less, or hangs; ``nan`` if the student moves no walker at all.
    RanksError
        If its process ends again and again.
    """
    student = None if request.student is None else Student.load(request.student, request.dtype, workspace, machine)
    if student is None:
        motion = Motion(tuple(_copies(request)))
    else:
        motion = _moved(request, student, [snapshot_of(start, workspace) for start in request.starts])
    labels, labelled = _labelled(request, motion.frames, workspace)
    forces = [np.abs(label.forces_eV_per_A).max() for label in labels]
    summary = TeachSummary(
        frames=len(labels),
        refused=len(motion.frames) - len(labels),
        largest_force_eV_per_A=float(max(forces)),
        student_rmse_meV_per_A=None if student is None else _rmse(student.committee, labels, labelled),
        walkers=motion.walkers,
    )
    data = TeachData(
        labels=tuple(labels),
        temperatures_K=tuple(frame.temperature_K for frame in labelled),
        last_good=motion.last_good,
    )
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


# -- frames ------------------------------------------------------------------------------------------------------


def _copies(request: TeachRequest) -> Iterator[Frame]:
    """Yield rattled copies, displaced a little to a lot."""
    shares = np.array_split(np.arange(request.frames), AMPLITUDES)
    for place, share in enumerate(shares, start=1):
        rattle_A, seed = request.rattle_A * place / AMPLITUDES, request.seed + place
        if len(share):
            copies = rattled(request.structure, len(share), rattle_A, request.strain, seed, request.min_contact)
            yield from (Frame(copy) for copy in copies)


def _moved(request: TeachRequest, student: Student, starts: Sequence[Snapshot | None]) -> Motion:
    """Move walkers under the student, and take frames of each until it ends or breaks."""
    rng = np.random.default_rng(request.seed)
    structure = Structure.from_atoms(strained(request.structure, request.strain, rng))
    temperatures_K = _temperatures(request)
    explorers = _explorers(request, structure, student.committee, temperatures_K, starts, rng)
    seen: list[Frame] = []
    walls: list[Frame] = []
    broken: set[int] = set()
    for step in _sampled_steps(request):
        while explorers.step < step and explorers.walkers:
            for walker in explorers.run(step - explorers.step):
                broken.add(walker)
                walls += _before_the_break(explorers, walker)
                explorers.take_out(walker)
        standing = [(walker, explorers.see(walker).state) for walker in explorers.walkers]
        seen += [Frame(_structure(state), temperatures_K[walker]) for walker, state in standing]
    if not seen and not walls:
        raise TaskFailure("nan", "the student moves no walker of the system: each breaks in its first step")
    keeps_cell = request.strain == 0
    ends = {walker: explorers.see(walker).state for walker in explorers.walkers if keeps_cell}
    return Motion(
        frames=(*walls, *_telling(seen, request.frames, student)),
        walkers=tuple(TaughtWalker(temperature_K=T, broken=w in broken) for w, T in enumerate(temperatures_K)),
        last_good=tuple(_snapshot(ends[w]) if w in ends else None for w in range(len(temperatures_K))),
    )


def _telling(frames: Sequence[Frame], count: int, student: Student) -> Iterator[Frame]:
    """Yield the frames that are worth a label: half of them evenly, in time and over the walkers, then the farthest.

    Ions hop seldom: frames taken evenly hold few of the states that conduction goes through.
    """
    if not frames:
        return
    evenly = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames)) // 2 + 1).round().astype(int))
    described = environments([frame.structure.to_atoms() for frame in frames], student.model, device=student.device)
    _, separation = novelty_and_separation(described, [])
    for place in sorted(farthest_points(separation, count, evenly.tolist())):
        yield frames[place]


def _temperatures(request: TeachRequest) -> list[float]:
    """Return the temperature (K) of every walker: as many walkers as give the frames wanted."""
    walkers = max(1, -(-request.frames // request.per_walker))
    return [request.temperatures_K[walker % len(request.temperatures_K)] for walker in range(walkers)]


def _explorers(
    request: TeachRequest,
    structure: Structure,
    committee: Committee,
    temperatures_K: list[float],
    starts: Sequence[Snapshot | None],
    rng: np.random.Generator,
) -> ExplorerBatch:
    atoms = structure.to_atoms()
    known = [*starts, *[None] * len(temperatures_K)]
    factor = request.stop_temperature_factor
    return ExplorerBatch(
        [
            fresh_state(atoms, temperature_K, rng) if start is None else continued(start)
            for temperature_K, start in zip(temperatures_K, known, strict=False)
        ],
        committee.field(atoms),
        temperatures_K=temperatures_K,
        limits_K=[temperature_limit(temperature_K, factor, len(atoms)) for temperature_K in temperatures_K],
        seeds=[int(seed) for seed in rng.integers(2**31, size=len(temperatures_K))],
        timestep_fs=request.timestep_fs,
        friction_per_fs=request.friction_per_fs,
        stop_contact=request.stop_contact,
        memory=request.every_steps,
    )


def _sampled_steps(request: TeachRequest) -> range:
    first, every = request.equilibration_steps, request.every_steps
    return range(first, first + every * request.samples_per_walker, every)


def _before_the_break(explorers: ExplorerBatch, walker: int) -> list[Frame]:
    """Return the last state of a walker before it broke: a wall that the student does not know."""
    states = [state for step, state in explorers.recent(walker) if step and state.is_finite()]
    return [Frame(_structure(states[0]))] if states else []


# -- labels ------------------------------------------------------------------------------------------------------


def _labelled(
    request: TeachRequest, frames: Iterable[Frame], workspace: Workspace
) -> tuple[list[LabelData], list[Frame]]:
    """Return the labels of the frames that the teacher can label, and these frames.

    Raises
    ------
    TaskFailure
        ``teacher``, if it labels half of them or less, or hangs at more than `BREAKS`.
    RanksError
        If its process ends at more than `BREAKS` of them, or if it labels too few and its process ended or its code
        raised at one of the others: another machine may do better.
    """
    settings = label_settings(request.teacher)
    engine, launch = engine_of(settings), _launch(settings)
    found: list[tuple[LabelData, Frame]] = []
    refusals: list[Exception] = []
    with scratch(engine, workspace, request.kind, request.key()) as folder:

        def label(structure: Structure) -> LabelData:
            _check(structure, settings)
            atoms = structure.to_atoms()
            answer = engine.single_point(atoms, settings, request.code, folder, launch)
            return label_data(structure, check_answer(answer, atoms, settings))

        refusing = (TaskFailure, NotConvergedError, *engine.answers)
        for frame in frames:
            answer = _answered(_tries(request, frame), label, refusing)
            if isinstance(answer, Exception):
                refusals.append(answer)
                _give_up_broken(refusals)
            else:
                found.append(answer)
        kept = _without_absurd(found, refusals)
        if len(kept) <= len(refusals):
            _give_up(len(kept), refusals)
    return [label for label, _ in kept], [frame for _, frame in kept]


def _answered(
    tries: Iterable[Frame], label: Callable[[Structure], LabelData], refusing: tuple[type[Exception], ...]
) -> tuple[LabelData, Frame] | Exception:
    """Return the first label that the teacher gives, and its frame; without any, why not."""
    for tried in tries:
        try:
            return label(tried.structure), tried
        except EngineError as error:
            if error.kind != "raised":
                raise
            return error
        except (OutOfTimeError, RanksError) as error:
            return error
        except refusing as error:
            refusal: Exception = error
    return refusal


def _without_absurd(
    found: Sequence[tuple[LabelData, Frame]], refusals: list[Exception]
) -> list[tuple[LabelData, Frame]]:
    """Return the labels, without those whose energies are absurd beside the others, which join the refusals."""
    energies_eV = [label.energy_eV / len(label.structure.numbers) for label, _ in found]
    kept = []
    for one, energy_eV in zip(found, energies_eV, strict=True):
        if is_absurd(energy_eV, energies_eV, ENERGY_EV_PER_ATOM):
            what = f"the energy is {energy_eV:.4g} eV per atom, where {usual(energies_eV):.4g} is usual"
            refusals.append(TaskFailure("dft", what))
        else:
            kept.append(one)
    return kept


def _give_up_broken(refusals: Sequence[Exception]) -> None:
    """Raise the last of the errors if the teacher broke too often."""
    last = refusals[-1]
    if _is_broken(last) and sum(map(_is_broken, refusals)) > BREAKS:
        if isinstance(last, OutOfTimeError):
            raise TaskFailure("teacher", f"the teacher gives no answer: {last}") from last
        raise last


def _is_broken(error: Exception) -> bool:
    """Return whether a teacher hung or its process ended; one that raises an error of its code stays up."""
    return isinstance(error, OutOfTimeError | RanksError) and not isinstance(error, EngineError)


def _give_up(labelled: int, refusals: Sequence[Exception]) -> NoReturn:
    """Raise why too few frames have a label: an end of the process or an error of its code, else the last refusal."""
    for error in refusals:
        if isinstance(error, RanksError):
            raise error
    last = refusals[-1]
    words = str(last) if isinstance(last, TaskFailure) else f"{class_name(last)}: {first_line(last)}"
    what = f"the teacher labels {labelled} of {labelled + len(refusals)} frames"
    raise TaskFailure("teacher", f"{what}; the last one without: {words}") from last


def _tries(request: TeachRequest, frame: Frame) -> Iterator[Frame]:
    """Yield a frame, then, of a rattled copy, those half way back to the structure."""
    yield frame
    if request.student is not None:
        return
    origin, atoms = request.structure.to_atoms(), frame.structure.to_atoms()
    for _ in range(HALVINGS):
        scaled = atoms.get_scaled_positions(wrap=False) + origin.get_scaled_positions(wrap=False)
        atoms.set_cell((atoms.cell.array + origin.cell.array) / 2)
        atoms.set_scaled_positions(scaled / 2)
        yield Frame(Structure.from_atoms(atoms))


def _launch(settings: LabelCommon) -> Launch | None:
    """Return the time limit of an answer, where the teacher is a process of its own that can be ended."""
    return Launch(limit_s=LIMIT_S) if getattr(settings, "python", None) is not None else None


def _check(structure: Structure, settings: LabelCommon) -> None:
    atoms = structure.to_atoms()
    if not is_finite(atoms):
        raise TaskFailure("nonfinite", "a position is not a finite number")
    if (contact := min_contact(atoms)) < settings.min_contact:
        raise TaskFailure("contact", f"shortest contact {contact:.3f} covalent radii, limit {settings.min_contact:g}")


def _rmse(committee: Committee, labels: Iterable[LabelData], frames: Iterable[Frame]) -> float | None:
    """Return the force RMSE (meV/Å) of the student on frames of walkers that did not break; None without any."""
    off: list[NDArray[np.float64]] = []
    for label, frame in zip(labels, frames, strict=True):
        if frame.temperature_K is not None:
            found = committee.forces(label.structure.to_atoms()).forces_eV_per_A
            off.append(found - np.array(label.forces_eV_per_A))
    return 1000.0 * float(np.sqrt(np.mean(np.concatenate(off) ** 2))) if off else None


def _structure(state: MDState) -> Structure:
    return Structure.from_atoms(state.to_atoms())


def _snapshot(state: MDState) -> Snapshot:
    return Snapshot(structure=_structure(state), momenta=tuple(tuple(map(float, row)) for row in state.momenta))
