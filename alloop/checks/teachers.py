"""Check the teacher of a config: whether it is known, installed and starts, and knows the elements of the systems."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from alloop.checks.sanity import Finding
from alloop.checks.structures import file_problem
from alloop.config.foundations import SHIPPED
from alloop.config.label import AseLabel
from alloop.config.loading import LoadedConfig
from alloop.config.suggestions import hint
from alloop.config.teacher import TeacherCalculator, TeacherConfig, TeacherFile
from alloop.failures import OutOfTimeError, TaskFailure, first_line
from alloop.labelling.calculator_process import known_elements
from alloop.labelling.errors import CodeMismatchError, RanksError
from alloop.labelling.registry import engine_of
from alloop.labelling.teachers import TEACHERS, teacher_label
from alloop.materials.structure import Structure, symbols_of

COLD = "write `teacher: null` to start without one"
COLD_ELSEWHERE = "begin a campaign of another `name` with `teacher: null`"
"""What else can be done about a teacher that cannot be used: in a new campaign, and in one that exists."""
_MODEL = ("teacher", "model")


def find_in_teacher(
    loaded: LoadedConfig, structures: Mapping[str, Structure], otherwise: str = COLD
) -> Iterator[Finding]:
    """Yield the first thing that is wrong with the teacher of a config; the teacher is started for that.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    structures : mapping
        The structure of every system, by its name.
    otherwise : str
        What else can be done than to mend it; empty if nothing.
    """
    teacher = loaded.config.teacher
    if teacher is None:
        return
    otherwise = otherwise and f", or {otherwise}"
    problem = _absent(teacher, otherwise) or _does_not_start(teacher, teacher_label(teacher), otherwise)
    if problem is not None:
        yield problem
        return
    yield from _unknown_elements(teacher, structures, otherwise)


def _absent(teacher: TeacherConfig, otherwise: str) -> Finding | None:
    """Return what is wrong with the name, the place or the head of a teacher."""
    model = teacher.model
    if isinstance(model, TeacherFile):
        what = file_problem(Path(model.path), model.path)
        return None if what is None else ((*_MODEL, "path"), what)
    mace = isinstance(model, str) and model not in TEACHERS
    if teacher.head is not None and not mace:
        return ("teacher", "head"), f"`{_words(teacher)}` is no MACE model, and only those have heads; delete this line"
    if not isinstance(model, str):
        return None
    if mace:
        return _unknown_name(model)
    known = TEACHERS[model]
    if not known.packages.is_dir():
        pip = f"{sys.executable} -m pip install --no-deps --target {known.packages} {' '.join(known.requirements)}"
        mend = f"`make {known.make}` installs it, without a clone `{pip}`{otherwise}"
        return _MODEL, f"`{model}` is not installed here; {mend}"
    return None


def _unknown_name(name: str) -> Finding | None:
    from alloop.potential.mace_api import mace_mp_urls

    names = [*TEACHERS, *SHIPPED, *mace_mp_urls]
    if name in names:
        return None
    return _MODEL, f"no teacher has the name `{name}`; {hint(name, names, 'known: ' + ', '.join(names))}"


def _does_not_start(teacher: TeacherConfig, label: AseLabel, otherwise: str) -> Finding | None:
    lines = engine_of(label).check(label, ())
    if not lines:
        return None
    key, _, what = lines[0].removeprefix("label.").partition(": ")
    if isinstance(teacher.model, TeacherCalculator):
        return (*_MODEL, key), what
    return _MODEL, _broken(teacher, what, otherwise)


def _broken(teacher: TeacherConfig, what: str, otherwise: str) -> str:
    known = TEACHERS.get(teacher.model) if isinstance(teacher.model, str) else None
    if known is None:
        return f"`{_words(teacher)}` does not start: {what}"
    again = f"`rm -r {known.packages} && make {known.make}` installs it again"
    if "no answer within" in what:
        again = f"a machine without other work may be fast enough; if not, {again}"
    return f"`{_words(teacher)}` does not start: {what.partition('; ')[0]}; {again}{otherwise}"


def _unknown_elements(teacher: TeacherConfig, structures: Mapping[str, Structure], otherwise: str) -> Iterator[Finding]:
    try:
        known = _known(teacher)
    except (CodeMismatchError, RanksError, OutOfTimeError, TaskFailure) as error:
        key = ("teacher", "head") if "head" in str(error) and teacher.head else _MODEL
        yield key, _broken(teacher, first_line(error).rpartition("cannot start on this machine: ")[2], otherwise)
        return
    if known is None:
        return
    for name, structure in structures.items():
        if strange := symbols_of(set(structure.numbers) - known):
            what = f"`{_words(teacher)}` does not know {', '.join(strange)} of `{name}`"
            yield _MODEL, f"{what}; choose another teacher{otherwise}"


def _known(teacher: TeacherConfig) -> set[int] | None:
    """Return the atomic numbers that a teacher knows; None if nobody says."""
    named = TEACHERS.get(teacher.model) if isinstance(teacher.model, str) else None
    if named is not None and named.largest_number is not None:
        return set(range(1, named.largest_number + 1))
    label = teacher_label(teacher)
    numbers = None if label.python is None else known_elements(label)
    return None if numbers is None else set(numbers)


def _words(teacher: TeacherConfig) -> str:
    if isinstance(teacher.model, str):
        return teacher.model
    return teacher.model.path if isinstance(teacher.model, TeacherFile) else teacher.model.calculator
