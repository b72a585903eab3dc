"""Turn a config into that of its rehearsal: the same campaign, in which the teacher answers the labels. Pure."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from alloop.config.campaign import CampaignConfig
from alloop.config.foundations import SHIPPED, known_by_name
from alloop.config.machine import ExecutionConfig
from alloop.config.science import DataConfig, Foundation
from alloop.config.teacher import TeacherConfig
from alloop.labelling.teachers import GATES, described, teacher_label

SUFFIX = ".rehearsal"
NOBODY, ITSELF = "none", "same"
"""Words for a rehearsal that begins cold, and for one that is taught by the teacher that answers its labels."""
_RANKS = {"ranks_per_label", "mpi_command", "mpi_python"}
_UNTUNED = {"method": "naive", "replay": "labels"}
_LONGEST_NAME = 80


def rehearsal_name(name: str, number: int = 1) -> str:
    """Return the name of the rehearsal of a campaign; those with further seeds are numbered.

    Examples
    --------
    >>> rehearsal_name("li3incl6"), rehearsal_name("li3incl6", 2)
    ('li3incl6.rehearsal', 'li3incl6.rehearsal.2')
    """
    ending = SUFFIX + (f".{number}" if number > 1 else "")
    return name[: _LONGEST_NAME - len(ending)] + ending


def rehearsed(config: CampaignConfig, taught_by: str, number: int = 1) -> CampaignConfig:
    """Return the config of a rehearsal.

    The teacher answers every label, behind the gates of the campaign's own labels, where the molecular dynamics run: no
    DFT node and no MPI rank is waited for. Labels of the campaign's own settings that `data` names are not the
    teacher's: they pre-train, and no budget of labels counts on them. Those of an earlier rehearsal are the teacher's:
    they would count as bought, so they are left out.

    A foundation that is the teacher that answers, or is known to have learnt from it, knows the answers. It is left out
    too, and all weights are fitted, unless that teacher is to teach the rehearsal as well.

    Parameters
    ----------
    config : CampaignConfig
        A config with a teacher.
    taught_by : str
        Who teaches the committee before its first label: the name of a teacher, ``same`` or ``none``.
    number : int
        Which of several rehearsals; each has a seed of its own.
    """
    assert config.teacher is not None
    gates = {name: getattr(config.label, name) for name in GATES}
    data, budget, foundation = _data(config.data), config.budget, _foundation(config, taught_by)
    return config.model_copy(
        update={
            "name": rehearsal_name(config.name, number),
            "seed": (config.seed + number - 1) % 2**32,
            "label": teacher_label(config.teacher).model_copy(update=gates),
            "teacher": _teaching(config.teacher, taught_by),
            "potential": config.potential.model_copy(update={"foundation": foundation}),
            "fit": config.fit.model_copy(update=_recipe(foundation, taught_by, config.teacher)),
            "data": data,
            "budget": budget.model_copy(update={"labels": None}) if data.initial or data.campaigns else budget,
            "execution": _without_dft(config.execution),
        }
    )


def meaning(teacher: TeacherConfig, taught_by: str) -> str:
    """Return in words who teaches a rehearsal and who answers, and what that makes of its numbers."""
    answers = described(teacher)["name"]
    if taught_by == NOBODY:
        return f"begins cold, labels by {answers}: the campaign itself is taught, and should need fewer labels"
    if taught_by == ITSELF or taught_by == teacher.model:
        told = "it knows the answers already, so these numbers are the least that the campaign can need"
        return f"taught by {answers}, labels by {answers}: {told}"
    gap = f"the gap between the two stands for the one between {answers} and DFT"
    return f"taught by {taught_by}, labels by {answers}: {gap}"


def _teaching(teacher: TeacherConfig, taught_by: str) -> TeacherConfig | None:
    if taught_by == NOBODY:
        return None
    if taught_by == ITSELF or taught_by == teacher.model:
        return teacher
    return teacher.model_copy(update={"model": taught_by, "head": None})


def _recipe(foundation: Foundation | None, taught_by: str, teacher: TeacherConfig) -> dict[str, object]:
    """Return what changes of the fits.

    The campaign's start is nearer to its labels than a poorer teacher's is to those of a rehearsal, whose fits learn
    like the campaign's all the same.
    """
    poorer = taught_by not in (NOBODY, ITSELF, teacher.model)
    return {**({"far_start": None} if poorer else {}), **(_UNTUNED if foundation is None else {})}


def _data(data: DataConfig) -> DataConfig:
    """Return which labels a rehearsal takes over: a rehearsal is known by the name of its folder."""
    campaigns = tuple(name for name in data.campaigns if SUFFIX not in PurePath(name).name)
    return data.model_copy(update={"campaigns": campaigns, "reference": "other"})


def _foundation(config: CampaignConfig, taught_by: str) -> Foundation | None:
    foundation, teacher = config.potential.foundation, config.teacher
    assert teacher is not None
    name = None if foundation is None else known_by_name(foundation)
    shipped = None if name is None else SHIPPED.get(name)
    knows = name is not None and teacher.model in (name, shipped and shipped.taught_by)
    return None if knows and taught_by not in (ITSELF, teacher.model) else foundation


def _without_dft(execution: ExecutionConfig) -> ExecutionConfig:
    """Return the same execution with labels where the molecular dynamics run."""
    used = {execution.explore, execution.fit, execution.measure}
    executors: dict[str, Any] = {
        name: type(executor).model_validate(executor.model_dump(exclude=_RANKS, exclude_unset=True))
        for name, executor in execution.executors.items()
        if name in used
    }
    return execution.model_copy(update={"executors": executors, "label": execution.explore})
