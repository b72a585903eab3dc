"""Tables, curves and structures of studies as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from ase import Atoms
from ase.io import write

from alloop.files.durable import write_durably
from alloop.materials.structure import Structure
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.plot import Plot
from alloop.studies.study import plots, tables
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import Workspace


def write_studies(workspace: Workspace, state: CampaignState, folder: Path) -> list[Path]:
    """Write ``NAME.csv`` for every study that has results, and return the files.

    Its curves are in ``NAME.curves.csv``, its structures in ``NAME.extxyz``, where it has any.

    Raises
    ------
    FileNotFoundError, DamagedResultError
        If the result of a study is gone or damaged.
    """
    written, curves = [], plots(state, workspace)
    for name, table in tables(state).items():
        written.append(folder / f"{name}.csv")
        write_durably(written[-1], _csv(table.to_json()).encode())
        if name in curves:
            written.append(folder / f"{name}.curves.csv")
            write_durably(written[-1], _csv([*_points(curves[name])]).encode())
        atoms = [found for result in state.studies[name].values() for found in _structures(workspace, result)]
        if atoms:
            text = io.StringIO()
            write(text, atoms, format="extxyz")
            written.append(folder / f"{name}.extxyz")
            write_durably(written[-1], text.getvalue().encode())
    return written


def _points(curves: Iterable[Plot]) -> Iterator[dict[str, object]]:
    for plot in curves:
        for line in plot.lines:
            for place, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
                error = {f"{plot.y} ±": line.errors[place]} if line.errors else {}
                yield {"panel": plot.title, "line": line.name, plot.x: x, plot.y: y, **error}


def _csv(rows: list[dict[str, object]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _structures(workspace: Workspace, result: StudyResult) -> Iterator[Atoms]:
    """Yield the structures of a result that holds some, with what the study said of them."""
    if result.summary is None:
        return
    data = workspace.data(KINDS[result.kind], result.key)
    for one in [data, *getattr(data, "samples", ())]:
        if isinstance(structure := getattr(one, "structure", None), Structure):
            atoms = structure.to_atoms()
            told = {**result.context, **({} if one is data else one.model_dump(exclude={"structure"}))}
            atoms.info |= {name: value for name, value in told.items() if isinstance(value, str | int | float)}
            yield atoms
