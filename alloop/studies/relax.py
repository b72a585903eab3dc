"""``relax``: the relaxed lattice of every system, by every fit of the largest rung and by the label engine."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.studies import RelaxConfig
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import ladder_rungs
from alloop.labelling.registry import engine_of
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.study import Asked, Cell, Column, Number, Study, Table
from alloop.tasks.contract.records import Record
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
    "fit. Label engine: single points with the settings of the labels. The rows of a composition of several orderings "
    "are means over these, each of them the mean over the fits; there ± is the standard deviation between orderings."
)


def wants(state: CampaignState, charter: Charter, settings: RelaxConfig) -> Iterator[Asked]:
    """Yield a relaxation of every system by every fit of the largest rung, and by the label engine of the first few."""
    common = request_settings(charter.config)
    cell = common["cell"]
    for rung in ladder_rungs(state, charter)[-1:]:
        for system, structure in charter.systems.items():
            for fit, model in sorted(rung.models.items()):
                request = RelaxRequest(structure=structure, model=model, dtype="float64", **common)
                told = Told(system=system, cell=cell, rung=rung.size, fit=fit)
                yield Asked(f"{system}/{rung.name}/f{fit}", request, told.model_dump(mode="json"))
    label = charter.config.label
    for system, structure in list(charter.systems.items())[: settings.dft]:
        code = engine_of(label).code_for(state.code, structure.elements())
        settings_of_it = engine_of(label).for_system(label, structure).model_dump(mode="json")
        asked = RelaxByLabelsRequest(structure=structure, settings=settings_of_it, code=code, **common)
        told = Told(system=system, cell=cell, rung=None, fit=None)
        yield Asked(f"{system}/labels", asked, told.model_dump(mode="json"))


def request_settings(config: CampaignConfig) -> dict[str, Any]:
    """Return the fields of a request of relaxation that the config decides."""
    settings = config.studies.relax
    return {
        "cell": config.fit.stress_weight > 0 if settings.cell is None else settings.cell,
        "pressure_GPa": settings.pressure_GPa,
        "max_force_eV_per_A": settings.max_force_eV_per_A,
        "max_steps": settings.max_steps,
    }


class Told(Record):
    """Context of a relaxation: its system, whether the cell relaxes, the fit and its rung; None by the label engine."""

    system: str
    cell: bool
    rung: int | None
    fit: int | None
    study: str = "relax"


@dataclass(frozen=True)
class _Done:
    told: Told
    found: RelaxSummary | None
    problem: str


def table(state: CampaignState, results: Sequence[StudyResult]) -> Table:
    """Return the lattices of every system: the start, the models' and the label engine's; then every composition's."""
    done = [_done(result) for result in results]
    systems = {system: _now(system, done) for system in dict.fromkeys(one.told.system for one in done)}
    rows = [row for system, own in systems.items() for row in _rows(system, own)]
    created = state.created.systems if state.created is not None else ()
    for composition in dict.fromkeys(one.composition for one in created):
        orderings = [one.name for one in created if one.composition == composition]
        if len(orderings) > 1:
            rows += _composition_rows(composition, len(orderings), [systems[n] for n in orderings if n in systems])
    return Table("Relaxed lattices", COLUMNS, tuple(rows), HOW)


def _done(result: StudyResult) -> _Done:
    found = result.summary if isinstance(result.summary, RelaxSummary) else None
    return _Done(Told.model_validate(result.context), found, f"{result.reason}: {result.detail}")


@dataclass(frozen=True)
class _Now:
    """What counts of a system: the newest settings of its cell, the largest rung and the newest of the label engine."""

    rung: int | None
    models: tuple[_Done, ...]
    labels: _Done | None

    @property
    def relaxed(self) -> list[RelaxSummary]:
        """What the models found."""
        return [one.found for one in self.models if one.found is not None]


def _now(system: str, every: Sequence[_Done]) -> _Now:
    done = [one for one in every if one.told.system == system]
    now = [one for one in done if one.told.cell == done[-1].told.cell]
    rung = max((one.told.rung for one in now if one.told.rung is not None), default=None)
    models = {one.told.fit: one for one in now if one.told.rung == rung and one.told.fit is not None}
    return _Now(rung, tuple(models.values()), next((one for one in reversed(now) if one.told.fit is None), None))


def _rows(system: str, now: _Now) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of a system."""
    if now.relaxed:
        yield _row(system, "start", [now.relaxed[0].start], "")
    if now.models:
        relaxed = [one.relaxed for one in now.relaxed]
        yield _row(system, f"models of {now.rung} labels", relaxed, _note(now.models))
    if (one := now.labels) is not None:
        yield _row(system, "label engine", [one.found.relaxed] if one.found else [], _note([one]))


def _composition_rows(composition: str, orderings: int, systems: Sequence[_Now]) -> Iterator[tuple[Cell, ...]]:
    """Yield the mean over the orderings of a composition, each of them the mean over the fits."""
    relaxed = [now.relaxed for now in systems if now.relaxed and now.rung == systems[0].rung]
    note = f"mean of {len(relaxed)} of {orderings} orderings"
    if relaxed:
        yield _row(composition, "start", [own[0].start for own in relaxed], note)
        of_models = [_mean([one.relaxed for one in own]) for own in relaxed]
        yield _row(composition, f"models of {systems[0].rung} labels", of_models, note)


def _mean(found: Sequence[Lattice]) -> Lattice:
    return Lattice(**{name: statistics.fmean(getattr(one, name) for one in found) for name in Lattice.model_fields})


def _row(system: str, lattice: str, found: Sequence[Lattice], note: str) -> tuple[Cell, ...]:
    numbers = [_quantity([getattr(one, name) for one in found]) for name in Lattice.model_fields]
    return (system, lattice, *numbers, note)


def _quantity(values: Sequence[float]) -> Number | None:
    """Return the mean with the standard deviation, None of nothing."""
    if not values:
        return None
    return Number(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _note(done: Sequence[_Done]) -> str:
    failed = [one.problem for one in done if one.found is None]
    fixed = "" if done[0].told.cell else ", fixed cell"
    return "; ".join([f"{len(done) - len(failed)} relaxed{fixed}", *failed])


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return why cells cannot relax, if they are asked to and the models know no stress."""
    if config.studies.relax.cell and config.fit.stress_weight == 0:
        what = (
            "cells cannot relax: `fit.stress_weight` is 0 and no model knows the stress; set it to false for ions only"
        )
        return ("studies", "relax", "cell"), what
    return None


STUDY = Study(name="relax", kinds=(RELAX, RELAX_BY_LABELS), wants=wants, table=table, problem=problem)
