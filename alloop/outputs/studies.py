"""Tables, curves and structures of studies as files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ase import Atoms
from ase.io import write

from alloop.dynamics.trajectory import concatenate
from alloop.files.durable import write_durably
from alloop.materials.structure import Structure
from alloop.outputs.errors import told
from alloop.state.records import STUDY, StudyResult
from alloop.state.state import CampaignState
from alloop.studies.aimd_findings import file_name, measurements
from alloop.studies.plot import Plot
from alloop.studies.study import plots, tables
from alloop.tasks.contract.aimd import AIMD
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import Workspace

RESTORE = "restore the campaign's folder from a copy"


def write_studies(workspace: Workspace, state: CampaignState, folder: Path) -> list[Path]:
    """Write ``NAME.csv`` for every study that has results, and return the files.

    Its curves are in ``NAME.curves.csv``, its structures in ``NAME.extxyz``, where it has any. Each run of molecular
    dynamics by the label engine is in ``aimd.SYSTEM.METHOD.TEMPERATUREK.REPLICA.npz``, which ``alloop analyse`` reads.

    Raises
    ------
    UnreadableError
        If the result of a study is missing or damaged.
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
    for name, content in _runs(workspace, state):
        written.append(folder / name)
        write_durably(written[-1], content)
    return written


def _runs(workspace: Workspace, state: CampaignState) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the runs of the newest measurement of every system by every label engine."""
    from alloop.tasks.kinds.produce import read_trajectory

    for whole, _ in measurements(state):
        replicas: Counter[float] = Counter()
        for run in (run for run in whole.runs if run.segments):
            kelvin, number = run.temperature_K, replicas[run.temperature_K]
            replicas[kelvin] += 1
            with told(workspace.root, f"the AIMD of {whole.system} at {kelvin:g} K", ValueError, mend=RESTORE):
                joined = concatenate([read_trajectory(workspace, key, run.walker, AIMD) for key in run.segments])
            yield f"aimd.{file_name(whole.system, whole.method)}.{kelvin:g}K.{number}.npz", joined.to_bytes()


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
    with told(workspace.root, f"a result of the study {result.context[STUDY]}", ValueError, mend=RESTORE):
        data = workspace.data(KINDS[result.kind], result.key)
    for one in [data, *getattr(data, "samples", ())]:
        if isinstance(structure := getattr(one, "structure", None), Structure):
            atoms = structure.to_atoms()
            facts = {**result.context, **({} if one is data else one.model_dump(exclude={"structure"}))}
            atoms.info |= {name: value for name, value in facts.items() if isinstance(value, str | int | float)}
            yield atoms
