"""``alloop init --structure``: write the first config of a crystal, with the reason beside each setting."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from alloop.checks.cost import Projection, project
from alloop.checks.crosscheck import cross_check
from alloop.config.base import IMPORT_PATH, PATTERN_WORDS
from alloop.config.errors import ConfigError, Problem
from alloop.config.examples import SCHEMA, examples_folder
from alloop.config.loading import LoadedConfig, config_from_text
from alloop.files.environment import cores
from alloop.proposal.crystal import foundation_for, installed_teacher, read_crystal
from alloop.proposal.rules import Place, mobile_elements
from alloop.proposal.text import Proposal, config_text

MOST_WORKERS = 8
NO_TEACHER = "none is installed; `make sevennet` in a clone installs one, then `sevennet-l3i5`"
Ask = Callable[[str], str]


@dataclass(frozen=True)
class Wishes:
    """What a user says of a first config; what is None is found, or asked for on a terminal.

    Attributes
    ----------
    mobile : str or None
        Symbol of the mobile ion.
    engine : str
        ``gpaw`` or ``ase``.
    calculator : str or None
        Import path of the calculator of ``ase``.
    place : str
        ``laptop`` or ``slurm``.
    """

    mobile: str | None = None
    engine: str = "gpaw"
    calculator: str | None = None
    place: Place = "laptop"


def propose_files(target: Path, structure: Path, wishes: Wishes, ask: Ask | None = None) -> dict[str, bytes]:
    """Return the files of a first config by their names, the config first; nothing is written.

    Parameters
    ----------
    target : pathlib.Path
        The new folder, whose name is that of the campaign.
    structure : pathlib.Path
        The crystal.
    wishes : Wishes
        What the user says.
    ask : callable or None
        Asks the user a question; None where nobody can answer.

    Raises
    ------
    ConfigError
        If the structure cannot be used, or something is missing that nobody can be asked for.
    """
    found = read_crystal(structure)
    elements = found.structures[0].elements()
    teacher = installed_teacher()
    proposal = Proposal(
        name=_name(target, found.structures[0].formula()),
        file=structure.name,
        structures=found.structures,
        ordering=found.ordering,
        smaller=found.smaller,
        mobile=_mobile(structure, elements, wishes.mobile, ask),
        calculator=_calculator(wishes, ask),
        place=wishes.place,
        cores=min(MOST_WORKERS, cores()),
        foundation=foundation_for(elements),
        teacher=teacher,
        no_teacher="" if teacher else NO_TEACHER,
    )
    proposal, projection = _checked(proposal, structure)
    text = config_text(proposal, _cost_lines(projection))
    schema = (examples_folder() / SCHEMA).read_bytes()
    return {f"{proposal.name}.yaml": text.encode(), structure.name: structure.read_bytes(), SCHEMA: schema}


def cost_told(config: Path) -> list[str]:
    """Return what a new config says of its cost."""
    return [line[2:] for line in config.read_text(encoding="utf-8").splitlines() if line.startswith("#   ")]


def _checked(proposal: Proposal, structure: Path) -> tuple[Proposal, Projection]:
    """Return a proposal that `alloop check` accepts, and what it would take.

    A teacher that is refused is left out, and a smaller cell in which the ions have no known charges.
    """
    try:
        loaded = _loaded(proposal, structure)
        cross_check(loaded)
    except ConfigError as error:
        if proposal.teacher is not None and error.problems[0].key.startswith("teacher"):
            why = f"{proposal.teacher} is installed and cannot be used: {error.problems[0].what}"
            return _checked(replace(proposal, teacher=None, no_teacher=why), structure)
        if proposal.smaller is not None:
            return _checked(replace(proposal, smaller=None), structure)
        told = [Problem("", problem.what.removeprefix(f"`{structure.name}` ")) for problem in error.problems]
        raise ConfigError(structure, told) from error
    return proposal, project(loaded)


def _loaded(proposal: Proposal, structure: Path) -> LoadedConfig:
    return config_from_text(config_text(proposal), Path(f"{proposal.name}.yaml"), structure.parent.resolve())


def _name(target: Path, formula: str) -> str:
    name = re.sub(r"[^\w.+-]", "-", target.resolve().name, flags=re.ASCII).lstrip("._+-")[:80]
    return name or formula


def _mobile(structure: Path, elements: tuple[str, ...], wanted: str | None, ask: Ask | None) -> str:
    """Return the mobile ion: the one named, the only one that can be, or the user's answer."""
    found = mobile_elements(elements)
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted is None and ask is not None:
        wanted = ask(f"Which ion of {', '.join(elements)} moves")
    if wanted is None:
        several = f"several ions may move ({', '.join(found)})"
        what = several if found else f"which ion of {', '.join(elements)} moves is not known"
        raise ConfigError(structure, Problem("", f"{what}; name it with --mobile"))
    if wanted not in elements:
        raise ConfigError(structure, Problem("", f"holds {', '.join(elements)} and no `{wanted}`; correct --mobile"))
    return wanted


def _calculator(wishes: Wishes, ask: Ask | None) -> str | None:
    if wishes.engine == "gpaw":
        if wishes.calculator is not None:
            raise ConfigError("--calculator", Problem("", "is of --engine ase; give that too, or leave it out"))
        return None
    given = wishes.calculator
    if given is None and ask is not None:
        given = ask("Which ASE calculator labels, as module:Class")
    if given is None:
        raise ConfigError("--engine ase", Problem("", "needs the calculator; give --calculator module:Class"))
    if not re.fullmatch(IMPORT_PATH, given):
        raise ConfigError("--calculator", Problem("", f"`{given}` {PATTERN_WORDS[IMPORT_PATH]}"))
    return given


def _cost_lines(projection: Projection) -> tuple[str, ...]:
    """Return what `alloop check` says that the campaign takes."""
    parts = f"{projection.training_labels} to train on, {projection.heldout_labels} held out"
    labels = f"{projection.labels} labels: {parts}"
    atoms = f"{projection.atom_energies} isolated atoms ({' '.join(projection.elements)})"
    work = f"about {projection.fits} fits, at least {projection.segments} MD segments"
    (cell, *_) = projection.measured
    size = f"production in {cell.atoms} atoms, {cell.width_A:.1f} Å between faces"
    return (f"{labels}, and {atoms}", f"{work}; {size}", "`alloop check --probe` times one label: the hours of DFT")
