"""Energies of isolated atoms that are there before a campaign asks for them, and notes where they disagree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from alloop.checks.isolated_atoms import AtomEnergy, disagreements, energies_of_files, isolated_atoms
from alloop.config.loading import LoadedConfig
from alloop.labelling.registry import engine_of
from alloop.tasks.contract.label import AtomRequest, AtomSummary
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import DamagedResultError, Workspace


def atom_request(loaded: LoadedConfig, code: dict[str, str], element: str) -> AtomRequest:
    """Return the request for an isolated atom that a campaign of a config makes with some code of its labels."""
    settings, code_for = loaded.config.label.model_dump(mode="json"), engine_of(loaded.config.label).code_for
    return AtomRequest(element=element, settings=settings, code=code_for(code, [element]))


def computed_atoms(
    workspace: Workspace, loaded: LoadedConfig, code: dict[str, str], elements: Iterable[str]
) -> dict[str, Result]:
    """Return the isolated atoms, by element, that a campaign computed itself as this config asks for them."""
    found = {}
    for element in elements:
        try:
            result = workspace.read("atom", atom_request(loaded, code, element).key(), with_data=True)
        except DamagedResultError:
            continue
        if result is not None and result.status == "ok" and result.timing is not None:
            found[element] = result
    return found


def atoms_of_files(loaded: LoadedConfig, elements: Iterable[str], code: dict[str, str]) -> Iterator[Result]:
    """Yield the energies of isolated atoms that files give, as the results that the label engine would leave."""
    found = isolated_atoms(loaded)
    for element in sorted(found.keys() & set(elements)):
        summary = AtomSummary(energy_eV=found[element]).model_dump(mode="json")
        yield Result(key=atom_request(loaded, code, element).key(), kind="atom", status="ok", summary=summary)


def notes_on_atoms(loaded: LoadedConfig, computed: Iterable[tuple[str, Mapping[str, Result]]]) -> list[str]:
    """Return a line for every isolated atom whose energies disagree, between files and what engines computed.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    computed : iterable of (str, mapping)
        Where atoms were computed, and their results by element.
    """
    of_engines: dict[str, list[AtomEnergy]] = defaultdict(list)
    for source, atoms in computed:
        for element, result in atoms.items():
            of_engines[element].append(AtomEnergy(source, float(result.summary["energy_eV"])))
    return list(disagreements(energies_of_files(loaded), of_engines))
