"""``cost``: what a picosecond of molecular dynamics takes over the size of the cell, by a model and by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alloop.config.studies import CostConfig
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import ladder_rungs
from alloop.labelling.registry import engine_of
from alloop.materials.supercell import repeated
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.plot import Line, Plot
from alloop.studies.study import Asked, Cell, Column, Number, Study, Table
from alloop.tasks.contract.cost import COST, COST_BY_LABELS, CostByLabelsRequest, CostRequest, CostSummary
from alloop.tasks.contract.records import Record

NAME = "cost"
COLUMNS = (
    Column("system"),
    Column("source"),
    Column("repeat"),
    Column("atoms", form="g"),
    Column("time of a step", "s", ".3g"),
    Column("processor time", "s", ".3g"),
    Column("cost", "core-hours/ps", ".3g"),
    Column("exponent", form=".2f"),
    Column("note"),
)
HOW = (
    "One walker on the executors of the config; the first step is not counted. The label engine begins each step where "
    "the one before ended, or anew where a label runs as a program (ranks, a time limit, another Python). Time: mean "
    "over the steps, ± its standard error. Processor time: of the worker alone; where it is less than the time of a "
    "step, the worker waited, for other programs of the machine or for an accelerator. Core-hours: the time of a step, "
    "times the cores of the task: true on a machine that does nothing else. Exponent: slope of ln cost against ln "
    "atoms, ± its standard error from the scatter about the line, of at least three sizes."
)
LEAST_SIZES = 3


class Told(Record):
    """Context of a probe: its system, what computes the forces, the supercell and the timestep (fs)."""

    system: str
    source: str
    repeat: tuple[int, int, int]
    timestep_fs: float
    study: str = NAME


def wants(state: CampaignState, charter: Charter, settings: CostConfig) -> Iterator[Asked]:
    """Yield a probe of the largest rung's first fit, and of the label engine, for every size of the first system."""
    system, explore = next(iter(charter.systems)), charter.config.explore
    common = {
        "temperature_K": min(explore.temperatures_K),
        "timestep_fs": explore.timestep_fs,
        "seed": charter.seed(f"study/{NAME}"),
    }
    for rung in ladder_rungs(state, charter)[-1:]:
        model = rung.models[min(rung.models)]
        dtype = charter.config.potential.dtype
        for repeat in settings.repeats:
            structure = repeated(charter.systems[system], repeat)
            request = CostRequest(structure=structure, model=model, dtype=dtype, steps=settings.steps, **common)
            told = Told(system=system, source=_of_rung(rung.size), repeat=repeat, timestep_fs=explore.timestep_fs)
            yield Asked(f"{rung.name}/{_times(repeat)}", request, told.model_dump(mode="json"))
    label = charter.config.label
    for repeat in settings.label_repeats:
        structure = repeated(charter.systems[system], repeat)
        engine, own = engine_of(label), engine_of(label).for_system(label, structure)
        asked = CostByLabelsRequest(
            structure=structure,
            settings=own.model_dump(mode="json"),
            code=engine.code_for(state.code, structure.elements()),
            steps=settings.label_steps,
            **common,
        )
        told = Told(system=system, source=engine.words(label), repeat=repeat, timestep_fs=explore.timestep_fs)
        yield Asked(f"labels/{_times(repeat)}", asked, told.model_dump(mode="json"))


def _of_rung(size: int) -> str:
    return f"model of {size} labels" if size else "foundation"


def _times(repeat: Sequence[int]) -> str:
    return "×".join(map(str, repeat))


@dataclass(frozen=True)
class _Probe:
    told: Told
    found: CostSummary | None
    problem: str

    @property
    def cost(self) -> Number:
        """Core-hours of a picosecond."""
        assert self.found is not None
        factor = 1000.0 / self.told.timestep_fs * self.found.cores / 3600.0
        return Number(factor * self.found.step_s, factor * self.found.se_s)


def table(state: CampaignState, results: Sequence[StudyResult]) -> Table:
    """Return what a picosecond takes by every source in every size, and how it grows."""
    rows: list[tuple[Cell, ...]] = []
    for own in _by_source(results):
        rows += [_row(one) for one in own]
        growth = exponent([one for one in own if one.found is not None])
        if growth is not None:
            note = "slope over all sizes above"
            rows.append((own[0].told.system, own[0].told.source, "", None, None, None, None, growth[0], note))
    return Table("What a picosecond of molecular dynamics takes", COLUMNS, tuple(rows), HOW)


def _by_source(results: Iterable[StudyResult]) -> list[list[_Probe]]:
    """Return the newest probe of every source and size, the smallest first."""
    newest: dict[tuple[str, str, tuple[int, int, int]], _Probe] = {}
    for result in results:
        told = Told.model_validate(result.context)
        found = result.summary if isinstance(result.summary, CostSummary) else None
        newest[told.system, told.source, told.repeat] = _Probe(told, found, f"{result.reason}: {result.detail}")
    groups: dict[tuple[str, str], list[_Probe]] = {}
    for (system, source, _), one in newest.items():
        groups.setdefault((system, source), []).append(one)
    return [sorted(own, key=lambda one: int(np.prod(one.told.repeat))) for own in groups.values()]


def _row(one: _Probe) -> tuple[Cell, ...]:
    told, found = one.told, one.found
    if found is None:
        return (told.system, told.source, _times(told.repeat), None, None, None, None, None, one.problem)
    versions = ", ".join(f"{name} {value}" for name, value in found.versions.items())
    cores = f"{found.cores} of {found.machine_cores} cores"
    return (
        told.system,
        told.source,
        _times(told.repeat),
        Number(found.atoms),
        Number(found.step_s, found.se_s),
        Number(found.cpu_s),
        one.cost,
        None,
        f"{found.processor}, {cores}; {versions}",
    )


def exponent(probes: Sequence[_Probe]) -> tuple[Number, float] | None:
    """Return the exponent of the power law of cost in atoms, and ln cost at one atom; None of too few sizes."""
    known = [(one.found.atoms, one.cost.value) for one in probes if one.found is not None]
    if len({atoms for atoms, _ in known}) < LEAST_SIZES:
        return None
    ln_atoms, ln_cost = np.log(np.array(known)).T
    (slope, offset), covariance = np.polyfit(ln_atoms, ln_cost, 1, cov=True)
    return Number(float(slope), float(np.sqrt(covariance[0, 0]))), float(offset)


def curves(results: Sequence[StudyResult]) -> Iterator[Plot]:
    """Yield the cost against the number of atoms, with the power law of every source that has one."""
    lines: list[Line] = []
    for own in _by_source(results):
        known = [one for one in own if one.found is not None]
        if not known:
            continue
        source, atoms = own[0].told.source, tuple(float(one.found.atoms) for one in known if one.found is not None)
        cost, errors = tuple(one.cost.value for one in known), tuple(one.cost.error for one in known)
        lines.append(Line(source, source, atoms, cost, errors=errors, points=True))
        growth = exponent(known)
        if growth is not None:
            ends = (min(atoms), max(atoms))
            fitted = tuple(float(np.exp(growth[1]) * end ** growth[0].value) for end in ends)
            lines.append(Line(f"{source}: power law", source, ends, fitted))
    if lines:
        yield Plot("cost of a picosecond", "atoms", "core-hours per ps", tuple(lines), log_x=True, log_y=True)


STUDY = Study(
    name=NAME,
    kinds=(COST, COST_BY_LABELS),
    wants=wants,
    table=table,
    plots=lambda state, results, read: curves(results),
    of_models=False,
)
