"""What the study ``hull`` found: the energy above the hull of every composition, per family of phases. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import field_validator

from alloop.config.studies import FamilyConfig, HullConfig, PhaseConfig
from alloop.materials.hull import AboveHull, Hull, Phase, SpanError, counts
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.study import Cell, Column, Number, Table
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.relax import RelaxSummary

NAME = "hull"
MEV = 1000.0
COLUMNS = (
    Column("composition"),
    Column("formula"),
    Column("orderings"),
    Column("lowest ordering"),
    Column("energy above the hull", "meV/atom", ".1f"),
    Column("committee spread", "meV/atom", ".1f"),
    Column("hull of"),
    Column("decomposition"),
    Column("note"),
)
HOW = (
    "The energy of a composition is that of its lowest relaxed ordering; the column says how many were relaxed. The "
    "leader of every fit of the largest rung relaxes all of them and the reference phases: the number is the mean over "
    "the fits, ± their standard deviation. Committee spread: standard deviation of the number over the members of the "
    "rung's committee. Neither holds the error of the label engine's method, or of orderings that are not among those "
    "relaxed. Hull: pymatgen's phase diagram of the named phases only; a negative number is below it. Decomposition: "
    "share of the atoms in each phase of the hull."
)


class Told(Record):
    """Context of a relaxation.

    Attributes
    ----------
    rung : int
        Labels of the rung.
    fit, member : int or None
        Which fit of the rung, and which member of its committee; the first fit is the leader of both.
    cell : bool
        Whether the cell relaxes.
    formula : str
        What is relaxed.
    system, composition : str or None
        The system and its composition; None of a reference phase.
    phase : str or None
        The reference phase.
    """

    rung: int
    fit: int | None
    member: int | None
    cell: bool
    formula: str
    system: str | None = None
    composition: str | None = None
    phase: str | None = None
    study: str = NAME

    @field_validator("formula")
    @classmethod
    def _of_known_elements(cls, value: str) -> str:
        counts(value)
        return value


@dataclass(frozen=True)
class _Done:
    told: Told
    energy_eV_per_atom: float | None
    problem: str

    @property
    def model(self) -> tuple[int | None, int | None]:
        return self.told.fit, self.told.member


@dataclass(frozen=True)
class _Model:
    """What one model gives: energies (eV per atom) of orderings by composition, and of phases."""

    fit: int | None
    member: int | None
    orderings: Mapping[str, Mapping[str, float]]
    phases: Mapping[str, float]

    def lowest(self, composition: str) -> str:
        """Return the ordering of lowest energy."""
        energies = self.orderings[composition]
        return min(energies, key=lambda ordering: energies[ordering])

    def energy(self, composition: str) -> float:
        """Return the energy of the lowest ordering (eV per atom)."""
        return min(self.orderings[composition].values())


def table(state: CampaignState, results: Sequence[StudyResult]) -> Table:
    """Return a row per family and composition, by the newest models and the families of the present config."""
    families = HullConfig.model_validate(state.config.get("studies", {}).get(NAME, {})).families
    done = _newest([_done(result) for result in results])
    labelled = _labelled(state)
    rows = [row for family in families for row in _rows(family, done, labelled)]
    return Table("Energies above the hull", COLUMNS, tuple(rows), HOW)


def _done(result: StudyResult) -> _Done:
    found = result.summary.relaxed.energy_eV_per_atom if isinstance(result.summary, RelaxSummary) else None
    return _Done(Told.model_validate(result.context), found, f"{result.reason}: {result.detail}")


def _newest(done: Sequence[_Done]) -> list[_Done]:
    """Return the results of the largest rung and the newest settings; the newest of every model and structure."""
    if not done:
        return []
    rung, cell = max(one.told.rung for one in done), done[-1].told.cell
    own = [one for one in done if one.told.rung == rung and one.told.cell == cell]
    return list({(one.model, one.told.system, one.told.phase): one for one in own}.values())


def _labelled(state: CampaignState) -> set[str]:
    """Return the formulas of which there are labels; those of imported labels are not known."""
    systems = {frame.system for frame in state.frames.values() if frame.status == "labelled"}
    created = state.created.systems if state.created is not None else ()
    return {one.structure.formula() for one in created if one.name in systems}


def _rows(family: FamilyConfig, done: Sequence[_Done], labelled: set[str]) -> Iterator[tuple[Cell, ...]]:
    formulas = {one.told.composition: one.told.formula for one in done if one.told.composition is not None}
    formulas_of_phases = {one.told.phase: one.told.formula for one in done if one.told.phase is not None}
    names = [phase.name for phase in family.phases if phase.structure is not None]
    problems = [f"{one.told.phase}: {one.problem}" for one in done if _failed(one) and one.told.phase in names]
    models = [one for one in _models(done) if all(name in one.phases for name in names)]
    outside = [name for name in names if formulas_of_phases.get(name) not in labelled]
    notes = [f"no label has the composition of {', '.join(outside)}"] if outside else []
    notes += ["fixed cells"] if done and not done[0].told.cell else []
    words = _words(family)
    for composition, formula in formulas.items():
        own = [one for one in done if one.told.composition == composition]
        failed = [f"{one.told.system}: {one.problem}" for one in own if _failed(one)]
        above = list(_above(family, composition, formulas, formulas_of_phases, models))
        note = "; ".join([*notes, *dict.fromkeys([*problems, *failed])])
        systems = len({one.told.system for one in own})
        yield (composition, formula, *_numbers(composition, above, systems, words), note)


def _failed(one: _Done) -> bool:
    return one.energy_eV_per_atom is None


def _words(family: FamilyConfig) -> str:
    """Return of which phases a hull is made, and where their energies come from."""
    names, said = ", ".join(phase.name for phase in family.phases), []
    if family.phases and family.phases[0].structure is not None:
        said.append(f"{names}, relaxed by the same models")
    elif family.phases:
        said.append(f"{names}, with given energies of the label settings")
    if family.compositions:
        said.append("the compositions of the campaign")
    return f"{family.name} ({'; '.join(said)})"


def _models(done: Sequence[_Done]) -> Iterator[_Model]:
    for fit, member in dict.fromkeys(one.model for one in done):
        orderings: dict[str, dict[str, float]] = {}
        phases: dict[str, float] = {}
        for one in done:
            if one.model != (fit, member) or one.energy_eV_per_atom is None:
                continue
            if one.told.phase is not None:
                phases[one.told.phase] = one.energy_eV_per_atom
            elif one.told.composition is not None and one.told.system is not None:
                orderings.setdefault(one.told.composition, {})[one.told.system] = one.energy_eV_per_atom
        yield _Model(fit, member, orderings, phases)


def _above(
    family: FamilyConfig,
    composition: str,
    formulas: Mapping[str, str],
    formulas_of_phases: Mapping[str, str],
    models: Sequence[_Model],
) -> Iterator[tuple[_Model, AboveHull]]:
    """Yield what every model says; one that lacks the composition, or another that is in the hull, says nothing."""
    for model in models:
        needed = formulas if family.compositions else (composition,)
        if any(name not in model.orderings for name in needed):
            continue
        phases = [_phase(phase, model, formulas_of_phases) for phase in family.phases]
        if family.compositions:
            phases += [Phase(name, formula, model.energy(name)) for name, formula in formulas.items()]
        try:
            yield model, Hull(phases).above(formulas[composition], model.energy(composition))
        except SpanError:
            return


def _phase(phase: PhaseConfig, model: _Model, formulas: Mapping[str, str]) -> Phase:
    if phase.formula is None:
        return Phase(phase.name, formulas[phase.name], model.phases[phase.name])
    energy_eV_per_atom = phase.energy_eV_per_atom
    if phase.energy_eV_per_formula is not None:
        energy_eV_per_atom = phase.energy_eV_per_formula / sum(counts(phase.formula).values())
    assert energy_eV_per_atom is not None
    return Phase(phase.name, phase.formula, energy_eV_per_atom)


def _numbers(
    composition: str, above: Sequence[tuple[_Model, AboveHull]], systems: int, words: str
) -> tuple[Cell, Cell, Cell, Cell, Cell, Cell]:
    """Return the cells from the number of orderings to the decomposition."""
    relaxed = min((len(model.orderings[composition]) for model, _ in above), default=0)
    orderings = str(systems) if relaxed == systems else f"{relaxed} of {systems}"
    fits = [(model, one) for model, one in above if model.fit is not None]
    if not fits:
        return orderings, None, None, None, words, None
    energies = [MEV * one.energy_eV_per_atom for _, one in fits]
    members = [MEV * one.energy_eV_per_atom for model, one in above if model.member is not None]
    return (
        orderings,
        _commonest(model.lowest(composition) for model, _ in fits),
        Number(statistics.fmean(energies), _spread(energies)),
        None if (spread := _spread(members)) is None else Number(spread),
        words,
        _commonest(_mixture(one) for _, one in fits),
    )


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _commonest(words: Iterable[str]) -> str:
    """Return what most fits say, and how many if it is not all."""
    said = Counter(words)
    ((first, times),) = said.most_common(1)
    return first if times == said.total() else f"{first} ({times} of {said.total()} fits)"


def _mixture(one: AboveHull) -> str:
    shares = sorted(one.decomposition.items(), key=lambda item: (-round(item[1], 3), item[0]))
    return " + ".join(f"{share:.2f} {name}" for name, share in shares)
