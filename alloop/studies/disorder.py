"""``disorder``: canonical Monte Carlo of orderings by every fit of the largest rung; what it asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ase.data import atomic_numbers

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.studies import DisorderConfig
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import ladder_rungs
from alloop.materials.structure import Structure
from alloop.materials.sublattices import sublattices_of
from alloop.materials.supercell import repeated
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.disorder_findings import BLOCKS, Settings, Told, curves, table
from alloop.studies.study import Asked, Study
from alloop.tasks.contract.disorder import DISORDER, DisorderRequest, DisorderSummary
from alloop.tasks.contract.explore import SwapsAsked
from alloop.tasks.contract.produce import ProductionWalker

NAME = "disorder"
SEGMENT_PS = 10.0
"""MD of one task, if a block is not longer: what a killed driver loses."""


def wants(state: CampaignState, charter: Charter, settings: DisorderConfig) -> Iterator[Asked]:
    """Yield Monte Carlo by every fit of the largest rung, of every system that holds two elements of a sublattice."""
    done = {result.key: result for result in state.studies.get(NAME, {}).values()}
    for rung in ladder_rungs(state, charter)[-1:]:
        for system, structure in charter.systems.items():
            sublattices = sublattices_of(_named(charter.config, settings), structure.elements())
            for fit, model in sorted(rung.models.items()) if sublattices else ():
                told = Told(
                    system=system,
                    composition=charter.compositions.get(system, system),
                    rung=rung.size,
                    fit=fit,
                    segment=0,
                    settings=_resolved(charter.config, settings),
                )
                request = _first(charter, settings, told, model, sublattices)
                yield from _chain(done, f"{system}/{rung.name}/f{fit}", request, told)


def _named(config: CampaignConfig, settings: DisorderConfig) -> tuple[tuple[str, ...], ...]:
    """Return the sublattices of the study, or those that the walkers of the campaign swap."""
    if settings.sublattices is not None:
        return settings.sublattices
    return () if config.explore.swaps is None else config.explore.swaps.sublattices


def _resolved(config: CampaignConfig, settings: DisorderConfig) -> Settings:
    """Return the settings with what stands for their nulls: results of other settings are apart."""
    return Settings(
        sublattices=_named(config, settings),
        temperatures_K=tuple(sorted({*(settings.temperatures_K or config.explore.temperatures_K)})),
        sweeps=settings.sweeps,
        every_fs=settings.every_fs,
        repeat=settings.repeat,
    )


def _first(
    charter: Charter, settings: DisorderConfig, told: Told, model: str, sublattices: tuple[tuple[str, ...], ...]
) -> DisorderRequest:
    """Return the request for all blocks of a run at once."""
    explore = charter.config.explore
    structure = repeated(charter.systems[told.system], settings.repeat)
    name = f"study/{NAME}/f{told.fit}/{told.system}"
    return DisorderRequest(
        structure=structure,
        model=model,
        dtype=charter.config.potential.dtype,
        walkers=tuple(
            ProductionWalker(temperature_K=kelvin, seed=charter.seed(f"{name}/{kelvin:g}K"))
            for kelvin in told.settings.temperatures_K
        ),
        swaps=SwapsAsked(sublattices=sublattices, every_steps=max(1, round(settings.every_fs / explore.timestep_fs))),
        timestep_fs=explore.timestep_fs,
        friction_per_fs=explore.friction_per_fs,
        attempts=math.ceil(settings.sweeps * _ions(structure, sublattices) / BLOCKS),
        blocks=BLOCKS,
        stop_temperature_factor=explore.stop_temperature_factor,
        stop_contact=explore.stop_contact,
    )


def _ions(structure: Structure, sublattices: tuple[tuple[str, ...], ...]) -> int:
    swapped = {atomic_numbers[element] for sublattice in sublattices for element in sublattice}
    return sum(number in swapped for number in structure.numbers)


def _chain(done: Mapping[str, StudyResult], name: str, request: DisorderRequest, told: Told) -> Iterator[Asked]:
    """Yield the segments of a run up to the first that is not done, or that no walker outlived."""
    block_fs = request.attempts * request.swaps.every_steps * request.timestep_fs
    most, start = max(1, int(1000.0 * SEGMENT_PS / block_fs)), None
    for number, begun in enumerate(range(0, request.blocks, most)):
        segment = request.model_copy(update={"blocks": min(most, request.blocks - begun), "start": start})
        own = told.model_copy(update={"segment": number})
        yield Asked(f"{name}/{number}", segment, own.model_dump(mode="json"))
        start = segment.key()
        result = done.get(start)
        if result is None or not isinstance(result.summary, DisorderSummary):
            return
        if all(walker.ended != "length" for walker in result.summary.walkers):
            return


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return that nobody said which ions may swap, if it is so."""
    if _named(config, config.studies.disorder):
        return None
    what = "names no elements that share sites; add them here or in explore.swaps, as in `[[In, Y], [Br, Cl]]`"
    return ("studies", NAME, "sublattices"), what


STUDY = Study(
    name=NAME,
    kinds=(DISORDER,),
    wants=wants,
    table=lambda state, results: table(results),
    plots=lambda state, results, read: curves(results),
    problem=problem,
)
