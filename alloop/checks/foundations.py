"""Check the foundation of a config: its file, its name, its head, and the elements that it knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from alloop.checks.initial_data import NOTHING, Brought, read_initial_data
from alloop.checks.sanity import Finding
from alloop.checks.structures import file_problem, place_of_system, read_systems
from alloop.config.errors import ConfigError, Problem
from alloop.config.foundations import SHIPPED
from alloop.config.loading import LoadedConfig
from alloop.config.science import FoundationFile, head_wanted
from alloop.failures import first_line
from alloop.materials.structure import symbols_of

if TYPE_CHECKING:
    import torch

_FOUNDATION = ("potential", "foundation")


def find_in_foundation_file(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield what is wrong with the place or the checksum of a foundation file; it is not opened."""
    foundation = loaded.config.potential.foundation
    if not isinstance(foundation, FoundationFile):
        return
    path = loaded.resolve(foundation.path)
    problem = file_problem(path, foundation.path)
    if problem:
        yield (*_FOUNDATION, "path"), problem
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != foundation.sha256:
        what = f"`{foundation.path}` has the SHA-256 {found[:12]}…, not {foundation.sha256[:12]}…"
        yield (*_FOUNDATION, "sha256"), f"{what}; get the right file, or correct this line if you trust it"


def problems_of_foundation(loaded: LoadedConfig, brought: Brought, *, begun: bool = False) -> tuple[Problem, ...]:
    """Return the elements that a foundation does not know, or what is wrong with it or its head.

    A named foundation is looked into if MACE's cache holds it; nothing is downloaded.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose files can be read.
    brought : Brought
        The labels of the campaigns that it names.
    begun : bool
        Whether the campaign exists already: then its head was chosen when it began.
    """
    foundation = loaded.config.potential.foundation
    if foundation is None:
        return ()
    from alloop.potential.models.foundation import FoundationError, check_head, foundation_elements
    from alloop.potential.models.heads import HeadError

    try:
        model = _model(loaded)
        if model is not None:
            check_head(model, head_wanted(foundation), begun=begun)
            check_elements(loaded, foundation_elements(model), brought)
    except ConfigError as error:
        return error.problems
    except HeadError as error:
        return (head_problem(loaded, error),)
    except (FoundationError, ValueError) as error:
        return (loaded.problem(_FOUNDATION, first_line(error)),)
    return ()


def _model(loaded: LoadedConfig) -> torch.nn.Module | None:
    """Return the model of a foundation file, or of a named foundation that is there."""
    from alloop.potential.models.foundation import cached_foundation, load_foundation_file

    foundation = loaded.config.potential.foundation
    assert foundation is not None
    if isinstance(foundation, FoundationFile):
        return load_foundation_file(loaded.resolve(foundation.path), foundation.sha256)
    name = foundation if isinstance(foundation, str) else foundation.name
    if shipped := SHIPPED.get(name):
        return load_foundation_file(shipped.path, shipped.sha256)
    path = cached_foundation(name)
    if path is None:
        return None
    return load_foundation_file(path, hashlib.sha256(path.read_bytes()).hexdigest())


def head_problem(loaded: LoadedConfig, error: Exception) -> Problem:
    """Return the problem of a head that is not there or not named, with the line to change."""
    foundation = loaded.config.potential.foundation
    if isinstance(foundation, str):
        what = f"{first_line(error)}; write `foundation: {{name: {foundation}, head: …}}`"
        return loaded.problem(_FOUNDATION, what)
    return loaded.problem((*_FOUNDATION, "head"), first_line(error))


def check_elements(loaded: LoadedConfig, known_elements: Iterable[str], brought: Brought = NOTHING) -> None:
    """Refuse a config with elements that its foundation does not know.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose files can be read.
    known_elements : iterable of str
        Chemical symbols that the foundation knows.
    brought : Brought
        The labels of the campaigns that the config names.

    Raises
    ------
    ConfigError
        Naming the systems and the elements.
    """
    known = set(known_elements)
    problems = []
    for name, structure in read_systems(loaded).items():
        strange = [s for s in structure.elements() if s not in known]
        if strange:
            what = f"the foundation does not know {_listed(strange)} of `{name}`"
            mend = "choose another foundation, or `foundation: null` to train from scratch"
            problems.append(loaded.problem(("systems", place_of_system(loaded, name), "structure"), f"{what}; {mend}"))
    for i, (name, file) in enumerate(read_initial_data(loaded).items()):
        strange = [s for s in symbols_of(z for atoms in file.frames for z in atoms.numbers) if s not in known]
        if strange:
            what = f"the foundation does not know {_listed(strange)} in `{name}`; remove those frames"
            problems.append(loaded.problem(("data", "initial", i), what))
    strange = [s for s in symbols_of(brought.numbers) if s not in known]
    if strange:
        what = f"the foundation does not know {_listed(strange)} in the labels of these campaigns"
        problems.append(loaded.problem(("data", "campaigns"), f"{what}; take another foundation, or not those labels"))
    if problems:
        raise ConfigError(loaded.path, problems)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
