"""``relax``: the relaxed lattice of every system, by every fit of the largest rung and by the label engine."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.studies import RelaxConfig
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import ladder_rungs
from alloop.labelling.registry import engine_of
from alloop.state.records import StudyResult
from alloop.state.state import State
from alloop.studies.study import Asked, Cell, Column, Quantity, Study, Table
from alloop.tasks.contract.relax import (
    RELAX,
    RELAX_BY_LABELS,
    Lattice,
    RelaxByLabelsRequest,
    RelaxRequest,
    RelaxSummary,
)

COLUMNS = (
    Column("system"),
    Column("lattice"),
    Column("a", "Å", ".4f"),
    Column("b", "Å", ".4f"),
    Column("c", "Å", ".4f"),
    Column("α", "°", ".3f"),
    Column("β", "°", ".3f"),
    Column("γ", "°", ".3f"),
    Column("volume", "Å³", ".2f"),
    Column("energy", "eV/atom", ".5f"),
    Column("note"),
)
HOW = (
    "L-BFGS on forces, of a cell that relaxes also on the stress (ASE's Fréchet cell filter). Models: mean over the "
    "fits of the largest rung; ± is the standard deviation between fits. Energies of the start are those of the first "
    "fit. Label engine: single points with the settings of the labels."
)


def wants(state: State, charter: Charter, settings: RelaxConfig) -> Iterator[Asked]:
    """Yield a relaxation of every system by every fit of the largest rung, and by the label engine of the first few."""
    cell = charter.config.fit.stress_weight > 0 if settings.cell is None else settings.cell
    common: dict[str, Any] = {
        "cell": cell,
        "pressure_GPa": settings.pressure_GPa,
        "max_force_eV_per_A": settings.max_force_eV_per_A,
        "max_steps": settings.max_steps,
    }
    for rung in ladder_rungs(state, charter)[-1:]:
        for system, structure in charter.systems.items():
            for fit, model in sorted(rung.models.items()):
                request = RelaxRequest(structure=structure, model=model, dtype="float64", **common)
                context = {"system": system, "rung": rung.size, "fit": fit, "cell": cell}
                yield Asked(f"{system}/{rung.name}/f{fit}", request, context)
    label = charter.config.label
    for system, structure in list(charter.systems.items())[: settings.dft]:
        code = engine_of(label).code_for(state.code, structure.elements())
        asked = RelaxByLabelsRequest(structure=structure, settings=label.model_dump(mode="json"), code=code, **common)
        yield Asked(f"{system}/labels", asked, {"system": system, "rung": None, "fit": None, "cell": cell})


def table(results: Sequence[StudyResult]) -> Table:
    """Return the lattices of every system: the start, the models' and the label engine's."""
    rows: list[tuple[Cell, ...]] = []
    for system in dict.fromkeys(result.context["system"] for result in results):
        own = [result for result in results if result.context["system"] == system]
        rows += _rows(system, own)
    return Table("Relaxed lattices", COLUMNS, tuple(rows), HOW)


def _rows(system: str, results: Sequence[StudyResult]) -> Iterator[tuple[Cell, ...]]:
    newest = results[-1].context["cell"]
    now = [result for result in results if result.context["cell"] == newest]
    by_labels = {None: result for result in now if result.context["fit"] is None}
    rung = max((result.context["rung"] for result in now if result.context["rung"] is not None), default=None)
    by_fit = {result.context["fit"]: result for result in now if result.context["rung"] == rung is not None}
    done = [found for result in by_fit.values() if (found := _summary(result)) is not None]
    if done:
        yield _row(system, "start", [done[0].start], "")
    if by_fit:
        name = f"models of {rung} labels"
        yield _row(system, name, [one.relaxed for one in done], _note(by_fit.values(), newest))
    for result in by_labels.values():
        summary = _summary(result)
        yield _row(system, "label engine", [summary.relaxed] if summary else [], _note([result], newest))


def _row(system: str, lattice: str, found: Sequence[Lattice], note: str) -> tuple[Cell, ...]:
    numbers = [_quantity([getattr(one, name) for one in found]) for name in Lattice.model_fields]
    return (system, lattice, *numbers, note)


def _quantity(values: Sequence[float]) -> Quantity | None:
    """Return the mean with the standard deviation, None of nothing."""
    if not values:
        return None
    return Quantity(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _note(results: Any, cell: bool) -> str:
    failed = [f"{result.reason}: {result.detail}" for result in results if result.summary is None]
    done = len(list(results)) - len(failed)
    parts = [f"{done} relaxed" + ("" if cell else ", fixed cell"), *failed]
    return "; ".join(parts)


def _summary(result: StudyResult) -> RelaxSummary | None:
    return None if result.summary is None else RelaxSummary.model_validate(result.summary)


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return why cells cannot relax, if they are asked to and the models know no stress."""
    if config.studies.relax.cell and config.fit.stress_weight == 0:
        what = "cells cannot relax: `fit.stress_weight` is 0 and no model knows the stress; set it to false for ions only"
        return ("studies", "relax", "cell"), what
    return None


STUDY = Study(name="relax", kinds=(RELAX, RELAX_BY_LABELS), wants=wants, table=table, problem=problem)
