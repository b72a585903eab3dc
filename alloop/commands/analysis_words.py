"""An analysis of trajectories as words and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alloop.status.messages import wrapped
from alloop.status.numbers import many, plus_minus, powers
from alloop.trajectories.analysis import Analysis, remarks
from alloop.trajectories.collecting import ReadRun
from alloop.trajectories.sizes import Analyses
from alloop.transport.cell_sizes import SizeSeries
from alloop.transport.results import Measured, TemperatureTransport, TransportSummary
from alloop.transport.temperature_law import words_of as law_words


def words_of(found: Analyses) -> list[str]:
    """Return what a terminal shows of every cell, and of D over their size."""
    return [*(line for cell in found.cells for line in _cell(cell)), *map(_series, found.series)]


def _series(series: SizeSeries) -> str:
    where = f"{series.element} at {series.temperature_K:g} K, {many(len(series.points), 'cell')}"
    if series.D_infinite_cm2_s is None:
        return f"{where}: {series.note}"
    return f"{where}: D of an infinite cell {_measured(series.D_infinite_cm2_s, 'cm²/s')}; {series.note}"


def _cell(analysis: Analysis) -> list[str]:
    """Return files, numbers at every temperature, the line, and remarks."""
    lines = [f"{analysis.system}, {many(len(analysis.start), 'atom')} in the cell", *map(_file, analysis.runs), ""]
    whole = {analysis.summary.element or "": analysis.summary, **analysis.summary.others}
    for element, summary in whole.items():
        lines += [f"{element}:"] if element else []
        lines += [*_temperatures(summary), *_line(summary), ""]
    lines += [part for remark in remarks(analysis) for part in wrapped(f"- {remark}", indent="  ")]
    return lines


def _file(run: ReadRun) -> str:
    path = run.trajectory
    return (
        f"  {run.file}: {run.format}, {path.temperature_K:g} K, {many(run.frames, 'frame')}, a sample every "
        f"{path.interval_fs:g} fs, {path.length_ps:.4g} ps"
    )


def _temperatures(summary: TransportSummary) -> Iterator[str]:
    for at in summary.temperatures:
        flag = "unphysical" if at.unphysical else "unmeasured" if at.unmeasured else ""
        yield f"{at.temperature_K:g} K, {many(at.replicas, 'run')}, {at.length_ps:.4g} ps" + (flag and f": {flag}")
        yield from (f"  {name:<20} {value}" for name, value in _numbers(at))


def _numbers(at: TemperatureTransport) -> Iterator[tuple[str, str]]:
    values = [("D", at.D_tracer_cm2_s, "cm²/s"), ("D of charge", at.D_charge_cm2_s, "cm²/s")]
    values += [(f"D in the {name} plane", value, "cm²/s") for name, value in at.planes_cm2_s.items()]
    values += [("Haven ratio", at.haven, ""), ("σ, Nernst–Einstein", at.sigma_ne_S_per_cm, "S/cm")]
    values.append(("σ, collective", at.sigma_collective_S_per_cm, "S/cm"))
    for name, value, unit in values:
        if value is not None:
            yield name, _measured(value, unit)


def _measured(value: Measured, unit: str) -> str:
    unknown = " (error bar unknown)" if value.se is None else ""
    return f"{powers(value.value, value.se)} {unit}".strip() + unknown


def _line(summary: TransportSummary) -> Iterator[str]:
    line = summary.arrhenius
    if line is None:
        return
    energy = line.activation_energy_eV
    yield f"activation energy {plus_minus(energy.value, energy.se, 'eV')}"
    if line.law is not None:
        yield law_words(line.law)
    for target in line.targets:
        sigma = Measured(value=target.sigma_S_per_cm, se=target.sigma_S_per_cm * (target.ln_sigma.se or 0.0))
        how = target.how + (f"; {target.caution}" if target.caution else "")
        yield f"σ at {target.temperature_K:g} K: {_measured(sigma, 'S/cm')} ({how})"


def json_of(found: Analyses) -> dict[str, Any]:
    """Return everything but the grid of the density as JSON; the names are those of `alloop.transport.results`.

    Cells of several sizes are a list under ``cells``, with D over their size under ``size_series``.
    """
    cells = [_json_of_cell(cell) for cell in found.cells]
    if len(cells) == 1:
        return cells[0]
    return {"cells": cells, "size_series": [series.model_dump(mode="json") for series in found.series]}


def _json_of_cell(analysis: Analysis) -> dict[str, Any]:
    density = analysis.density
    return {
        "system": analysis.system,
        "files": [_read(run) for run in analysis.runs],
        "transport": analysis.summary.model_dump(mode="json"),
        "curves": analysis.curves.model_dump(mode="json"),
        "density": density.model_dump(mode="json") if density is not None else None,
        "remarks": list(remarks(analysis)),
    }


def _read(run: ReadRun) -> dict[str, Any]:
    path = run.trajectory
    return {
        "file": run.file,
        "format": run.format,
        "temperature_K": path.temperature_K,
        "frames": run.frames,
        "samples": path.samples,
        "interval_fs": path.interval_fs,
        "length_ps": path.length_ps,
        "cell_A": path.cell_A.tolist(),
        "velocities": run.kinetic,
        "notes": list(run.notes),
    }
