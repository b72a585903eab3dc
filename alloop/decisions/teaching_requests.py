"""Build the requests of the teaching phase, only when they are submitted. Pure."""

from __future__ import annotations

from alloop.config.teacher import TeacherConfig
from alloop.decisions.charter import Charter
from alloop.decisions.refits import attempts
from alloop.labelling.teachers import teacher_label
from alloop.state.state import CampaignState
from alloop.tasks.contract.choose import ChooseRequest
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.references import SegmentRef
from alloop.tasks.contract.teach import TeachRequest

HOTTER = 1.3
"""The hottest walkers of the student, over the hottest of the campaign: they find walls while labels are cheap."""
STUDENT = "fit/student/"
"""Beginning of the purposes of the students' fits."""
PER_WALKER, SAMPLES_PER_WALKER = 12, 60
FIRST_SAMPLES_PER_WALKER = 24
"""The first student knows rattled copies only: its walks are short."""
RATTLE_A, STRAIN = 0.25, 0.02
EQUILIBRATION_FS, BETWEEN_FS = 200.0, 50.0
LOSS_WIDTH_eV_per_A = 0.1
"""Beyond this deviation a force pulls no harder: walls that broken walkers leave must not rule a fit."""
STUDENT_SHARE = 0.3
"""Steps of a student's fit, over those of a member's: it only has to move the next round's frames."""


def teach(
    charter: Charter,
    state: CampaignState,
    system: str,
    student: str | None,
    number: int,
    part: int,
    frames: int,
    starts: tuple[SegmentRef | None, ...] = (),
) -> TeachRequest:
    """Return the request for a part of a round: the teacher's labels of rattled copies, or of the student's MD.

    Where stress is fitted all copies are strained, and the cell of every second part of the MD is.
    """
    config, teacher = charter.config, _teacher(charter)
    explore, stressed = config.explore, config.fit.stress_weight > 0
    hottest_K = max(explore.temperatures_K)
    label = teacher_label(teacher)
    strain = STRAIN if stressed and (student is None or strained(charter, part)) else 0.0
    return TeachRequest(
        structure=charter.systems[system],
        student=student,
        teacher=label.model_dump(mode="json"),
        code=_code(state),
        frames=frames,
        rattle_A=RATTLE_A,
        strain=strain,
        temperatures_K=teacher.temperatures_K or (*explore.temperatures_K, HOTTER * hottest_K),
        per_walker=PER_WALKER,
        samples_per_walker=_samples_per_walker(charter, number),
        equilibration_steps=_steps(charter, EQUILIBRATION_FS),
        every_steps=_steps(charter, BETWEEN_FS),
        timestep_fs=explore.timestep_fs,
        friction_per_fs=explore.friction_per_fs,
        min_contact=label.min_contact,
        stop_contact=label.min_contact,
        stop_temperature_factor=explore.stop_temperature_factor,
        dtype=config.potential.dtype,
        seed=charter.seed(f"teach/{system}/{number}/{part}"),
        starts=starts,
    )


def taught_frames(charter: Charter, state: CampaignState) -> tuple[str, ...]:
    """Return references to the teacher's frames that the members were pre-trained on; none without a teacher."""
    teacher = charter.config.teacher
    return () if teacher is None else _taught(state, teacher.rounds - 1)


def student(state: CampaignState, number: int) -> str | None:
    """Return the student fitted after a round, or None."""
    tasks = [state.tasks.get(name) for name in attempts(f"{STUDENT}r{number}")]
    return next((f"fit:{task.key}" for task in tasks if task and task.status == "ok"), None)


def strained(charter: Charter, part: int) -> bool:
    """Return whether the MD of a part of a round has a strained cell."""
    return charter.config.fit.stress_weight > 0 and part % 2 == 1


def student_fit(charter: Charter, state: CampaignState, number: int, before: str | None, attempt: int) -> FitRequest:
    """Return the request for the student after a round, on all frames of the teacher so far."""
    return _taught_fit(
        charter,
        train=_taught(state, number),
        init=before or charter.foundation,
        steps=max(1, round(STUDENT_SHARE * _teacher(charter).steps)),
        seed=charter.seed(f"fit/student/{number}/{attempt}"),
    )


def taught_member(charter: Charter, state: CampaignState, member: int, *, attempt: int = 0) -> FitRequest:
    """Return the request for pre-training a member on the teacher's frames: all of them, or a bootstrap sample.

    Members that went on from one student would err together: each starts from weights of its own, random ones or those
    of a member of the foundation.
    """
    frames = _taught(state, _teacher(charter).rounds - 1)
    weights = [1 if member == 0 else charter.bootstrap_weight(member, frame) for frame in frames]
    sample = tuple(frame for frame, weight in zip(frames, weights, strict=True) for _ in range(weight))
    return _taught_fit(
        charter,
        train=sample or frames,
        init=charter.foundation_of(member),
        steps=_teacher(charter).steps,
        seed=charter.seed(f"fit/pretrain/m{member}/{attempt}"),
    )


def choose(charter: Charter, system: str, sources: tuple[str, ...], student: str) -> ChooseRequest:
    """Return the request for the initial frames of a system, among those of the taught student's MD."""
    config = charter.config
    return ChooseRequest(
        sources=sources,
        student=student,
        frames=charter.initial_frames(system),
        hottest_K=max(config.explore.temperatures_K),
        min_contact=config.label.min_contact,
        dtype=config.potential.dtype,
    )


def _taught_fit(charter: Charter, *, train: tuple[str, ...], init: str | None, steps: int, seed: int) -> FitRequest:
    """Return a fit to frames of the teacher.

    Its energies count from a zero of their own, so isolated-atom energies are 0 here: a fit to labels sets those of the
    label engine, and levels the rest. Those of a foundation are levelled to the teacher's.
    """
    levelled = charter.rules >= 2 and init in charter.foundations
    fit, potential, teacher = charter.config.fit, charter.config.potential, _teacher(charter)
    return FitRequest(
        train=train,
        valid=(),
        init=init,
        architecture=potential.architecture.model_dump(mode="json"),
        e0s_eV=dict.fromkeys(sorted(charter.elements), 0.0),
        max_steps=steps,
        batch_size=fit.batch_size,
        learning_rate=teacher.learning_rate,
        energy_weight=fit.energy_weight,
        forces_weight=fit.forces_weight,
        stress_weight=fit.stress_weight,
        patience=None,
        check_every_steps=max(fit.check_every_steps, steps // 10),
        ema_decay=fit.ema_decay,
        dtype=potential.dtype,
        seed=seed,
        level_energy="elements" if levelled else False,
        huber_eV_per_A=LOSS_WIDTH_eV_per_A,
    )


def _taught(state: CampaignState, number: int) -> tuple[str, ...]:
    """Return references to the teacher's frames of a round and those before, and of a rehearsal.

    Rattled copies only teach the first student to stand: beside frames of MD they make every fit worse.
    """
    past = [one for one in state.taught if one.round <= number]
    moved = {one.system for one in past if one.walkers}
    kept = (one for one in past if one.walkers or one.system not in moved)
    rounds = sorted(kept, key=lambda one: (one.round, one.system, one.part))
    own = (f"teach/{one.key}#{index}" for one in rounds for index in range(one.frames))
    return (*own, *state.of_teacher)


def _code(state: CampaignState) -> dict[str, str]:
    assert state.created is not None
    return dict(state.created.teacher_code)


def _samples_per_walker(charter: Charter, number: int) -> int:
    """Return how long walks are: those that a foundation moves are long from the first, by the newer rules."""
    knows_motion = charter.foundation is not None and charter.rules >= 3
    return SAMPLES_PER_WALKER if number > 1 or knows_motion else FIRST_SAMPLES_PER_WALKER


def _steps(charter: Charter, time_fs: float) -> int:
    return max(1, round(time_fs / charter.config.explore.timestep_fs))


def _teacher(charter: Charter) -> TeacherConfig:
    assert charter.config.teacher is not None
    return charter.config.teacher
