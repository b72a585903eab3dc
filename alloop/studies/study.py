"""The record of a study: the tasks that it asks for, and the table and curves that it makes of their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from itertools import count
from typing import Any

from pydantic import ValidationError

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.studies import StudiesConfig
from alloop.decisions.charter import Charter
from alloop.decisions.stages import Stage, Wanted
from alloop.journal.journal import JournalError
from alloop.state.records import StudyResult
from alloop.state.state import MACHINE_REASONS, CampaignState
from alloop.studies.plot import Plot
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import Request
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import DamagedResultError, Workspace


@dataclass(frozen=True)
class Asked:
    """One task of a study.

    Attributes
    ----------
    name : str
        What tells it apart from the others, for people.
    request : Request
        What is asked.
    context : dict
        What the table needs to know of it, as JSON.
    """

    name: str
    request: Request
    context: dict[str, Any]


@dataclass(frozen=True)
class Number:
    """A number with its error; None where it is unknown."""

    value: float
    error: float | None = None


Cell = str | Number | None


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, the unit of its numbers, and how they are written."""

    name: str
    unit: str = ""
    form: str = ".4g"

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table:
    """The findings of a study: rows of cells, and how the numbers were obtained."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    how: str

    def texts(self) -> list[list[str]]:
        """Return the cells in words, errors after a ±; an empty text where nothing is known."""
        return [[_text(cell, column) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]

    def lines(self) -> list[str]:
        """Return every row as one line: its words, then each number with its name and unit."""
        return [self._line(row, texts) for row, texts in zip(self.rows, self.texts(), strict=True)]

    def _line(self, row: Sequence[Cell], texts: Sequence[str]) -> str:
        cells = list(zip(row, texts, self.columns, strict=True))
        words = [text for cell, text, _ in cells if text and not isinstance(cell, Number)]
        numbers = [
            f"{column.name} {text} {column.unit}".rstrip() for cell, text, column in cells if isinstance(cell, Number)
        ]
        return f"{', '.join(words)}: {', '.join(numbers) or 'nothing'}"

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object per row; a number has its unit in its key, and its error under the same key and ``±``."""
        return [_fields(row, self.columns) for row in self.rows]


def _text(cell: Cell, column: Column) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    if cell.error is None:
        return f"{cell.value:{column.form}}"
    if not column.form.endswith("f") or not math.isfinite(cell.error):
        return f"{cell.value:{column.form}} ± {cell.error:.2g}"
    decimals = _decimals(int(column.form[1:-1]), cell.error)
    return f"{cell.value:.{decimals}f} ± {cell.error:.{decimals}f}"


def _decimals(usual: int, error: float) -> int:
    """Return how many decimals a value and its error have: two digits of the error, but one more than usual at most."""
    return min(usual + 1, max(0, 1 - math.floor(math.log10(error)))) if error > 0 else usual


def _fields(row: Sequence[Cell], columns: Sequence[Column]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for cell, column in zip(row, columns, strict=True):
        name = column.title
        fields[name] = cell.value if isinstance(cell, Number) else cell
        if isinstance(cell, Number) and cell.error is not None:
            fields[f"{name} ±"] = cell.error
    return fields


Read = Callable[[StudyResult], Record | None]
"""Gives the data of a result; None of a task that failed, or whose file cannot be read."""


@dataclass(frozen=True)
class Study:
    """Work that is asked of a campaign.

    Attributes
    ----------
    name : str
        Name of the study, and of its section of the config.
    kinds : tuple of TaskKind
        Kinds of its tasks.
    wants : callable
        CampaignState, charter and settings -> the tasks of the study, those that are done included. Pure.
    table : callable
        CampaignState, and the results of the study, the oldest first -> what was found. Pure.
    plots : callable
        CampaignState, results, the oldest first, and how to read their data -> curves; none by default.
    problem : callable
        Config -> the key that keeps the study from being done, and why; None if nothing does.
    prepare : callable
        The study, the config and the campaign -> the study with what it reads from files. Raises ConfigError if these
        do not fit the campaign.
    changed : mapping
        Settings that go before those of the config, this time only.
    of_models : bool
        Whether it asks something of fitted models, so that the campaign must have a fitted rung.
    """

    name: str
    kinds: tuple[TaskKind[Any, Any], ...]
    wants: Callable[[CampaignState, Charter, Any], Iterable[Asked]]
    table: Callable[[CampaignState, Sequence[StudyResult]], Table]
    plots: Callable[[CampaignState, Sequence[StudyResult], Read], Iterable[Plot]] = field(
        default=lambda state, results, read: ()
    )
    problem: Callable[[CampaignConfig], tuple[KeyPath, str] | None] = field(default=lambda config: None)
    prepare: Callable[[Study, LoadedConfig, CampaignState], Study] = field(default=lambda asked, loaded, state: asked)
    changed: Mapping[str, Any] = field(default_factory=dict)
    of_models: bool = True

    def settings(self, config: CampaignConfig) -> Any:
        """Return its section of a config, with what was changed for this time."""
        return getattr(config.studies, self.name).model_copy(update=dict(self.changed))

    def stage(self) -> Stage:
        """Return the stage that asks for the tasks that were not asked for yet, or that machines failed."""
        return Stage(self._wanted, self.kinds)

    def _wanted(self, state: CampaignState, charter: Charter, room: int) -> Iterator[Wanted]:
        for asked in self.wants(state, charter, self.settings(charter.config)):
            purpose = _next_purpose(state, f"study/{self.name}/{asked.name}/{asked.request.key()[:8]}")
            if purpose is not None:
                context = {**asked.context, "study": self.name}
                yield Wanted(purpose, asked.request.slot_kind, lambda request=asked.request: request, context)  # type: ignore[misc]


def _next_purpose(state: CampaignState, first: str) -> str | None:
    """Return the purpose under which a task is to be planned; None if it runs or has ended.

    A task that was given up for the sake of machines is planned once more by every later driver.
    """
    for number in count():
        purpose = f"{first}/again{number}" if number else first
        task = state.tasks.get(purpose)
        if task is None:
            return purpose
        given_up = task.finished is not None and task.finished.reason in MACHINE_REASONS
        if not given_up or state.driver_t is None or task.planned_t >= state.driver_t:
            break
    return None


NAMES = tuple(StudiesConfig.model_fields)
"""Names of all studies: a study has a section in the config."""


def study(name: str) -> Study:
    """Return the study of a name.

    Raises
    ------
    KeyError
        If there is none.
    """
    if name not in NAMES:
        raise KeyError(name)
    found: Study = import_module(f"alloop.studies.{name}").STUDY
    return found


def tables(state: CampaignState) -> dict[str, Table]:
    """Return the tables of all studies that have results, by name.

    Raises
    ------
    JournalError
        If the journal says of a task of a study what the study does not.
    """
    with _fitting():
        return {name: study(name).table(state, results) for name, results in _known(state).items()}


def plots(state: CampaignState, workspace: Workspace) -> dict[str, tuple[Plot, ...]]:
    """Return the curves of all studies that have some, by name.

    Raises
    ------
    JournalError
        If the journal says of a task of a study what the study does not.
    """
    read = partial(_data, workspace)
    with _fitting():
        drawn = {name: tuple(study(name).plots(state, results, read)) for name, results in _known(state).items()}
    return {name: found for name, found in drawn.items() if found}


def _known(state: CampaignState) -> dict[str, tuple[StudyResult, ...]]:
    return {name: tuple(results.values()) for name, results in state.studies.items() if name in NAMES}


@contextmanager
def _fitting() -> Iterator[None]:
    """Turn a context that does not fit into one line."""
    try:
        yield
    except ValidationError as error:
        raise JournalError("the journal holds a result of a study that does not fit; restore it from a copy") from error


def _data(workspace: Workspace, result: StudyResult) -> Record | None:
    if result.summary is None:
        return None
    try:
        data: Record = workspace.data(KINDS[result.kind], result.key)
    except (DamagedResultError, OSError, ValueError):
        return None
    return data
