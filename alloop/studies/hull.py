"""``hull``: the energy above the hull of every composition, by every fit of the largest rung and by its committee."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from alloop.checks.hull_phases import read_phases
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.studies import HullConfig
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import ladder_rungs
from alloop.materials.structure import Structure
from alloop.state.records import RungState
from alloop.state.state import CampaignState
from alloop.studies import relax
from alloop.studies.hull_findings import NAME, Told, table
from alloop.studies.study import Asked, Study
from alloop.tasks.contract.relax import RELAX, RelaxRequest

KEY: KeyPath = ("studies", NAME)


def wants(
    structures: Mapping[str, Structure], state: CampaignState, charter: Charter, settings: HullConfig
) -> Iterator[Asked]:
    """Yield a relaxation of every system and reference phase by every fit of the largest rung and its committee.

    Parameters
    ----------
    structures : mapping
        Structures of reference phases, by the name of the phase.
    state, charter, settings
        As of every study.
    """
    common = relax.request_settings(charter.config)
    for rung in ladder_rungs(state, charter)[-1:]:
        for name, model, fit, member in _models(state, rung, settings):
            of_model: dict[str, Any] = {"rung": rung.size, "fit": fit, "member": member, "cell": common["cell"]}
            for system, structure in charter.systems.items():
                told = Told(
                    **of_model, formula=structure.formula(), system=system, composition=charter.composition(system)
                )
                request = RelaxRequest(structure=structure, model=model, dtype="float64", **common)
                yield Asked(f"{system}/{name}", request, told.model_dump(mode="json"))
            for phase, structure in structures.items():
                told = Told(**of_model, formula=structure.formula(), phase=phase)
                request = RelaxRequest(structure=structure, model=model, dtype="float64", **common)
                yield Asked(f"phase/{phase}/{name}", request, told.model_dump(mode="json"))


def _models(
    state: CampaignState, rung: RungState, settings: HullConfig
) -> Iterator[tuple[str, str, int | None, int | None]]:
    """Yield name, model, fit and member of every fit of a rung, then of the committee's other members."""
    for fit, model in sorted(rung.models.items()):
        yield f"{rung.name}/f{fit}", model, fit, 0 if fit == 0 else None
    own = next((one for one in state.generations if one.rung == rung.size and not one.foundation), None)
    for member, model in sorted(own.models.items()) if own is not None and settings.members else ():
        if member > 0:
            yield f"{rung.name}/m{member}", model, None, member


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return what keeps hulls from being made, of what the config alone can tell."""
    if not config.studies.hull.families:
        return KEY, "a hull is made of phases; name them in `studies.hull.families`, see docs/studies.md"
    if config.studies.relax.pressure_GPa != 0:
        what = "energies above a hull are those without pressure; set it to 0 while the hull is made"
        return ("studies", "relax", "pressure_GPa"), what
    return relax.problem(config)


def prepare(asked: Study, loaded: LoadedConfig, state: CampaignState) -> Study:
    """Return the study with the structures of its reference phases.

    Raises
    ------
    ConfigError
        If one cannot be read, has an element that the potential was not fitted to, or bears the name of a composition
        that is in its hull too; or if a family does not span the elements of a composition.
    """
    created = state.created
    assert created is not None
    systems = [system.structure for system in created.systems]
    compositions = {system.composition for system in created.systems}
    phases = read_phases(loaded, systems, created.elements, compositions)
    return replace(asked, wants=partial(wants, phases))


STUDY = Study(name=NAME, kinds=(RELAX,), wants=partial(wants, {}), table=table, problem=problem, prepare=prepare)
